"""A photo's file, from an untrusted source -> an upright RGB picture; any failure of a decoder becomes one sentence."""

import io
import warnings
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from fkd.errors import FkdError
from fkd.files import one_line, open_regular

pillow_heif.register_heif_opener()

PHOTOS = (
    ".jpg", ".jpeg", ".jfif", ".jpe", ".pjpeg", ".pjp", ".png", ".webp", ".heic", ".heif", ".heics", ".heifs", ".hif",
    ".avif", ".avifs", ".gif", ".bmp", ".dib", ".tif", ".tiff",
)  # fmt: skip
# As Pillow names them. Not all that it knows: it hands a PostScript file, whatever its name, to Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF")
MOST_MEGAPIXELS = 64
MAX_JPEG_MEGAPIXELS = 200  # a JPEG of more than MOST_MEGAPIXELS is decoded at half its width and height
MOST_FILE_BYTES = 80_000_000
SHORTEST = 24  # px: no face is found in smaller photos
TOO_MUCH = "takes too long or too much memory to decode: save it again as a JPEG or PNG file"
SRGB = ImageCms.createProfile("sRGB")
JPEG = ("JPEG", "MPO")  # Pillow's names
PROFILED = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # a profile's colour space -> Pillow's mode
PhotoLike = Image.Image | np.ndarray | Path | str
# Pillow warns of more pixels than this, and refuses twice as many; the limits above are checked before any is decoded.
Image.MAX_IMAGE_PIXELS = MAX_JPEG_MEGAPIXELS * 1_000_000
warnings.filterwarnings("ignore", module=r"PIL\.")  # of broken EXIF, too


def read_photo(file: Path | str | BinaryIO, name: str = "") -> Image.Image:
    """Open a photo, the first picture of an animation, turned upright by its EXIF orientation, as RGB in sRGB.

    A truncated file is read up to its end: `note_of` says how much is missing. A large JPEG is decoded at half
    its size: `full_size` is the size that boxes and points refer to.
    file: a path, or an open file that can seek. name: its name in errors; the file's name if empty.
    Raises FkdError with one sentence if it is not a readable image of one of FORMATS, or too large or too small.
    """
    if isinstance(file, (str, Path)):
        with open_regular(file, MOST_FILE_BYTES) as opened:
            return read_photo(opened, name or Path(file).name)
    name = one_line(name or "the photo")
    try:
        photo, full, note = _decode(file, name)
        stored = photo.size
        with suppress(Exception):  # a photo with broken EXIF is not turned, as in browsers
            ImageOps.exif_transpose(photo, in_place=True)
        full = full if photo.size == stored else full[::-1]
        upright = _in_srgb(photo)
        upright.info["fkd"] = (upright.size, full, note)
        return upright
    except FkdError:
        raise
    except MemoryError:
        raise FkdError(f"{name} {TOO_MUCH}") from None
    except UnidentifiedImageError:
        raise FkdError(f"{name} is not a readable image: use a JPEG, PNG, WebP or HEIC file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise FkdError(f"{name} is larger than {MOST_MEGAPIXELS:g} megapixels: shrink it first") from None
    except Exception as error:  # each decoder raises its own: struct.error, RuntimeError, KeyError, ...
        reason = one_line(error) or type(error).__name__
        raise FkdError(f"{name} is damaged ({reason}): save it again as a JPEG or PNG file") from None


def as_photo(photo: PhotoLike) -> Image.Image:
    """A photo from Python, upright: a picture as it is, a file by `read_photo`, pixels as uint8 [H, W] or [H, W, 3]."""
    if isinstance(photo, Image.Image):
        return photo
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8 or not photo.size or photo.shape[2:] not in ((), (3,)) or photo.ndim < 2:
            expected = "expected uint8, 0 to 255, [H, W] (grey) or [H, W, 3] (RGB)"
            raise FkdError(f"the photo is an array of {photo.dtype} {list(photo.shape)}, {expected}")
        return Image.fromarray(photo)
    read = read_photo(photo)
    if note_of(read):
        warnings.warn(note_of(read), stacklevel=3)
    return read


def full_size(photo: Image.Image) -> tuple[int, int]:
    """The width and height, px, that boxes and points in a photo refer to: the file's, if it was decoded smaller."""
    size, full, _ = photo.info.get("fkd", (None, photo.size, ""))
    return full if size == photo.size else photo.size  # a resized copy has the same `info`


def note_of(photo: Image.Image) -> str:
    """Return a sentence to show with the answers for this photo, such as that its file ends early; usually empty."""
    return str(photo.info.get("fkd", ("", "", ""))[2])


def _open(file: BinaryIO, name: str) -> tuple[ImageFile.ImageFile, tuple[int, int]]:
    """Read a photo's header, and set the size that it will be decoded at; returns its full size too."""
    photo = Image.open(file, formats=FORMATS)
    width, height = photo.size
    if min(width, height) < SHORTEST:
        raise FkdError(
            f"{name} is {width} x {height} px: too small to hold a face, expected at least {SHORTEST} x {SHORTEST} px"
        )
    # A progressive file is held in memory at its full size.
    half = photo.format in JPEG and "progressive" not in photo.info
    most = MAX_JPEG_MEGAPIXELS if half else MOST_MEGAPIXELS
    if width * height > most * 1e6:
        raise FkdError(f"{name} is larger than {most:g} megapixels: shrink it first")
    if width * height > MOST_MEGAPIXELS * 1e6:
        photo.draft(None, (width // 2, height // 2))
    if photo.format == "TIFF":
        _refuse_garbled(photo, name)
    return photo, (width, height)


def _decode(file: BinaryIO, name: str) -> tuple[Image.Image, tuple[int, int], str]:
    """The photo as it is stored, its full size, and the note on it."""
    photo, full = _open(file, name)
    try:
        photo.load()
    except OSError as error:
        if "truncated" not in str(error) or photo.format not in (*JPEG, "PNG") or photo.info.get("interlace"):
            raise
        if photo.format == "PNG":
            photo.tile = []  # the rows that were decoded stay, and the others are black
        else:
            file.seek(0)
            photo, _ = _open(io.BytesIO(file.read() + b"\xff\xd9"), name)
            photo.load()  # by its end mark, and what is missing is grey
        return photo, full, f"{name} ends early: a part of the picture may be missing"
    return photo, full, ""


def _refuse_garbled(photo: Image.Image, name: str) -> None:
    """Raise FkdError for a TIFF that Pillow decodes to other pixels without an error."""
    tags = getattr(photo, "tag_v2", {})
    bits, planes, negative, signed = tags.get(258, (1,)), tags.get(284) == 2, tags.get(262) == 0, tags.get(339, (1,))
    unsigned = max(bits) == 32 and max(signed) == 1  # of which Pillow makes signed numbers
    wrong = max(bits) > 8 and (negative or unsigned or (planes and len(bits) > 1))
    if wrong or (max(bits) == 8 and max(signed) == 2):
        raise FkdError(f"{name} is a TIFF of {max(bits)} bits of a kind that is not read: save it as PNG")


def _in_srgb(photo: Image.Image) -> Image.Image:
    """The photo as `to_rgb`, its colours converted by its profile; a broken profile is ignored, as in browsers."""
    rgb = to_rgb(photo)
    profile = rgb.info.pop("icc_profile", None) or photo.info.get("icc_profile")
    if not profile or is_deep(photo):
        return rgb
    with suppress(OSError, ImageCms.PyCMSError):
        parsed = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = PROFILED.get(parsed.profile.xcolor_space.strip())
        if mode and "sRGB" not in ImageCms.getProfileDescription(parsed):
            source = photo if photo.mode == mode else rgb.convert(mode)
            rgb = ImageCms.profileToProfile(source, parsed, SRGB, outputMode="RGB") or rgb
            rgb.info.pop("icc_profile", None)
    return rgb


def to_rgb(photo: Image.Image) -> Image.Image:
    """A picture of any mode as RGB, itself if it is; transparent pixels become white.

    Values of more than 8 bits are scaled: whole numbers by the bits in use, fractions from the least to the greatest.
    """
    if is_deep(photo):
        return Image.fromarray(_scale(np.asarray(photo))).convert("RGB")
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        white = Image.new("RGB", photo.size, "white")
        white.paste(photo, mask=photo.getchannel("A"))
        return white
    return photo if photo.mode == "RGB" else photo.convert("RGB")


def to_grey(photo: Image.Image) -> Image.Image:
    """The picture in mode L, from any mode, by way of `to_rgb`."""
    return photo if photo.mode == "L" else to_rgb(photo).convert("L")


def is_deep(photo: Image.Image) -> bool:
    """Whether it has more than 8 bits, so that a part of it would be scaled by other values than the whole."""
    return photo.mode == "F" or photo.mode.startswith("I")


def _scale(values: np.ndarray) -> np.ndarray:
    """Values of more than 8 bits -> uint8; values that are not finite become 0."""
    finite = np.isfinite(values)
    if values.dtype.kind in "iu":
        low, high = min(float(values.min()), 0.0), 2.0 ** max(8, int(max(values.max(), 0)).bit_length()) - 1
    else:
        low = float(values.min(where=finite, initial=np.inf))
        high = float(values.max(where=finite, initial=-np.inf))
    factor = 255 / (high - low) if low < high else 0
    with np.errstate(all="ignore"):  # infinite where values are near the limit of float32
        pixels = (values.astype(np.float32) - np.float32(low)) * np.float32(factor)
    return np.nan_to_num(np.where(finite, pixels, 0)).round().clip(0, 255).astype(np.uint8)
