"""A photo's file, from an untrusted source -> an upright RGB picture; any failure of a decoder becomes one sentence."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from fkd.errors import FkdError
from fkd.files import one_line, open_regular

pillow_heif.register_heif_opener()

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".gif", ".bmp", ".tif", ".tiff")
# As Pillow names them. Not all that it knows: it hands a PostScript file, whatever its name, to Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF")
MOST_MEGAPIXELS = 64  # phones make photos of 50
MOST_FILE_BYTES = 80_000_000
SHORTEST = 24  # px: no face is found in less


def read_photo(file: Path | str | BinaryIO, name: str = "", most_megapixels: float = MOST_MEGAPIXELS) -> Image.Image:
    """Open a photo, the first picture of an animation, turned upright by its EXIF orientation, as RGB.

    file: a path, or an open file that can seek. name: its name in errors; the file's name if empty.
    Raises FkdError with one sentence if it is not a readable image of one of FORMATS, or too large or too small.
    """
    if isinstance(file, (str, Path)):
        with open_regular(file, MOST_FILE_BYTES) as opened:
            return read_photo(opened, name or Path(file).name, most_megapixels)
    name = one_line(name or "the photo")
    try:
        with Image.open(file, formats=FORMATS) as photo:
            width, height = photo.size
            if width * height > most_megapixels * 1e6:
                raise Image.DecompressionBombError
            if min(width, height) < SHORTEST:
                least = f"expected at least {SHORTEST} x {SHORTEST} px"
                raise FkdError(f"{name} is {width} x {height} px: too small to hold a face, {least}")
            photo.load()
            return to_rgb(_upright(photo))
    except FkdError:
        raise
    except UnidentifiedImageError:
        raise FkdError(f"{name} is not a readable image: use a JPEG, PNG, WebP or HEIC file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise FkdError(f"{name} is larger than {most_megapixels:g} megapixels: shrink it first") from None
    except Exception as error:  # each decoder raises its own: struct.error, RuntimeError, KeyError, ...
        reason = one_line(error) or type(error).__name__
        raise FkdError(f"{name} is damaged ({reason}): save it again as a JPEG or PNG file") from None


def to_rgb(photo: Image.Image) -> Image.Image:
    """A copy of a picture of any mode, as RGB; transparent pixels become white.

    Values of more than 8 bits are scaled: whole numbers by the bits in use, fractions from the least to the greatest.
    """
    if is_deep(photo):
        return Image.fromarray(_scale(np.asarray(photo))).convert("RGB")
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        white = Image.new("RGB", photo.size, "white")
        white.paste(photo, mask=photo.getchannel("A"))
        return white
    return photo.convert("RGB")


def to_grey(photo: Image.Image) -> Image.Image:
    """The picture in mode L, from any mode, by way of `to_rgb`."""
    return photo if photo.mode == "L" else to_rgb(photo).convert("L")


def is_deep(photo: Image.Image) -> bool:
    """Whether it has more than 8 bits, so that a part of it would be scaled by other values than the whole."""
    return photo.mode == "F" or photo.mode.startswith("I")


def _upright(photo: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(photo)
    except Exception:  # a photo with broken EXIF is not turned, as in browsers
        return photo


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
