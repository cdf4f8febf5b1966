"""A photo's file, from an untrusted source -> an upright RGB picture.

Strangers' files reach this: only the formats below are opened, the size is known before a pixel is decoded, and
whatever a decoder makes of a damaged file ends in one sentence.
"""

from pathlib import Path
from typing import BinaryIO

import pillow_heif
from PIL import Image, UnidentifiedImageError

from fkd.errors import FkdError
from fkd.files import one_line, open_regular
from fkd.photo.pixels import to_rgb

pillow_heif.register_heif_opener()

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".gif", ".bmp", ".tif", ".tiff")
# As Pillow names them. Not all that it knows: it hands a PostScript file, whatever its name, to Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF")
MOST_MEGAPIXELS = 64  # phones make photos of 50
MOST_FILE_BYTES = 80_000_000
SHORTEST = 24  # px: no face is found in less
ORIENTATION = 0x0112  # of EXIF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_photo(file: Path | str | BinaryIO, name: str = "", most_megapixels: float = MOST_MEGAPIXELS) -> Image.Image:
    """Opens a photo, the first picture of an animation, turned upright by its EXIF orientation, as RGB.

    file: a path, or an open file that can seek. name: its name in errors; the file's name if empty.
    Raises FkdError with one sentence if it is not a readable image of one of FORMATS, or too large or too small.
    """
    if isinstance(file, (str, Path)):
        with open_regular(file, MOST_FILE_BYTES) as opened:
            return read_photo(opened, name or Path(file).name, most_megapixels)
    name = one_line(name or "the photo")
    try:
        photo = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise FkdError(f"{name} is not a readable image: use a JPEG, PNG, WebP or HEIC file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name, most_megapixels) from None
    except Exception as error:  # each decoder raises its own: struct.error, RuntimeError, KeyError, ...
        raise _damaged(name, error) from None
    with photo:
        width, height = photo.size
        if width * height > most_megapixels * 1e6:
            raise _too_large(name, most_megapixels)
        if min(width, height) < SHORTEST:
            raise FkdError(
                f"{name} is {width} x {height} px: too small to hold a face, expected at least "
                f"{SHORTEST} x {SHORTEST} px"
            )
        try:
            photo.load()
            return upright(photo)
        except Exception as error:  # as above
            raise _damaged(name, error) from None


def upright(photo: Image.Image) -> Image.Image:
    """Turns a photo by its EXIF orientation, and converts it to RGB as `to_rgb` does."""
    try:
        turn = TURNS.get(photo.getexif().get(ORIENTATION, 1))
    except Exception:  # a photo with broken EXIF is not turned, as in browsers
        turn = None
    photo = to_rgb(photo)
    return photo if turn is None else photo.transpose(turn)


def _too_large(name: str, most_megapixels: float) -> FkdError:
    return FkdError(f"{name} is larger than {most_megapixels:g} megapixels: shrink it first")


def _damaged(name: str, error: Exception) -> FkdError:
    what = one_line(error) or type(error).__name__
    return FkdError(f"{name} is damaged ({what}): save it again as a JPEG or PNG file")
