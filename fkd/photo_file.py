"""A photo's file -> an upright picture."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def read_photo(file: Path | str | BinaryIO, name: str = "") -> Image.Image:
    """Opens a photo, turned upright as its EXIF orientation says, as RGB.

    name: what to call it in an error; the file's name if empty.
    Raises ValueError with one sentence if it is no picture that Pillow can read.
    """
    name = name or Path(str(file)).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as photo:
                return upright(photo)
    except FileNotFoundError:
        raise ValueError(f"{file} does not exist") from None
    except UnidentifiedImageError:
        raise ValueError(f"{name} is no picture that can be read: use a JPEG, PNG or WebP file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(
            f"{name} is larger than {Image.MAX_IMAGE_PIXELS / 1e6:.0f} megapixels: shrink it first"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{name} is damaged ({error}): save it again as a JPEG or PNG file") from None


def upright(photo: Image.Image) -> Image.Image:
    """Turns a photo as its EXIF orientation says, and converts it to RGB."""
    return ImageOps.exif_transpose(photo).convert("RGB")


def list_photos(paths: Sequence[Path | str]) -> list[Path]:
    """The photos named, and those in the folders named (not in folders below), in order of name.

    Raises ValueError for a path that does not exist or a folder without photos.
    """
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            photos = sorted(item for item in path.iterdir() if item.suffix.lower() in PHOTOS)
            if not photos:
                raise ValueError(f"{path} holds no photos ({', '.join(PHOTOS)})")
            found += photos
        elif path.is_file():
            found.append(path)
        else:
            raise ValueError(f"{path} does not exist")
    return found
