"""A photo -> its faces with keypoints, in pixels of the upright photo."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fkd.checkpoint import Checkpoint
from fkd.crop import align_matrix, apply, crop, frame_matrix, invert
from fkd.evaluate import predict_points
from fkd.faces import FaceBox, find_faces
from fkd.keypoints import MEAN_FACE, NAMES

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


@dataclass(frozen=True)
class Face:
    """One face in a photo.

    box: (x0, y0, x1, y1) and points: float32 [15, 2], both in pixels of the upright photo. seen: uint8
    [96, 96], the crop that the model answered for.
    """

    box: tuple[float, float, float, float]
    points: np.ndarray
    seen: np.ndarray

    def to_json(self) -> dict:
        """{"box": [...], "points": {name: [x, y], ...}}, px rounded to hundredths."""
        points = {
            name: [round(float(value), 2) for value in point] for name, point in zip(NAMES, self.points, strict=True)
        }
        return {"box": [round(float(value), 2) for value in self.box], "points": points}


def read_photo(path: Path | str) -> Image.Image:
    """Opens a photo, turned upright as its EXIF orientation says, as RGB.

    Raises ValueError with one sentence if it is no picture that Pillow can read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as photo:
                return upright(photo)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist") from None
    except UnidentifiedImageError:
        raise ValueError(f"{Path(path).name} is no picture that can be read: use a JPEG, PNG or WebP file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(
            f"{Path(path).name} is larger than {Image.MAX_IMAGE_PIXELS / 1e6:.0f} megapixels: shrink it first"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{Path(path).name} is damaged ({error}): save it again as a JPEG or PNG file") from None


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


def predict(checkpoint: Checkpoint, photo: Image.Image, boxes: Sequence[FaceBox] | None = None) -> list[Face]:
    """Finds the faces of an upright photo, or takes the given boxes, and answers with their keypoints.

    Each face is cropped twice: by its box, then so that the first pass's points lie like the mean face, which
    frees the answer from how tightly the detector happened to draw its box.
    """
    boxes = find_faces(photo) if boxes is None else boxes
    if not boxes:
        return []
    points = _answer(checkpoint, photo, [frame_matrix(box.box, box.turn) for box in boxes])[0]
    matrices = [align_matrix(face, MEAN_FACE) for face in points]
    points, seen = _answer(checkpoint, photo, matrices)
    return [Face(box.box, face.astype(np.float32), image) for box, face, image in zip(boxes, points, seen, strict=True)]


def _answer(checkpoint: Checkpoint, photo: Image.Image, matrices: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Points [F, 15, 2] in photo pixels and crops uint8 [F, 96, 96] for matrices [2, 3] photo -> frame."""
    crops = np.stack([crop(photo, matrix) for matrix in matrices])
    points = predict_points([checkpoint.model], crops, mirror=True)
    return np.stack([apply(invert(m), face) for m, face in zip(matrices, points, strict=True)]), crops
