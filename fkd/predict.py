"""A photo -> its faces with keypoints, in pixels of the upright photo."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fkd.checkpoint import Checkpoint
from fkd.crop import align_matrix, apply, crop, frame_matrix, invert
from fkd.evaluate import predict_points, unmirror
from fkd.faces import FaceBox, find_faces
from fkd.keypoints import MEAN_FACE, NAMES

SURE = 0.3  # detector score from which a face needs no model to confirm it: all such boxes were faces
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


def find_confirmed_faces(checkpoints: Sequence[Checkpoint], photo: Image.Image) -> list[FaceBox]:
    """Finds the faces of an upright photo; those that the detector is unsure of stay if every model confirms them.

    A model confirms a face if its answers for the crop and for the mirrored crop differ by no more than its own
    validation RMSE, as they do on faces and hardly ever elsewhere.
    """
    boxes = find_faces(photo)
    return [box for box in boxes if box.score >= SURE or all(_doubt(c, photo, box) <= 1 for c in checkpoints)]


def predict(checkpoint: Checkpoint, photo: Image.Image, boxes: Sequence[FaceBox] | None = None) -> list[Face]:
    """Finds the faces of an upright photo, or takes the given boxes, and answers with their keypoints.

    Each face is cropped twice: by its box, then so that the first pass's points lie like the mean face, which
    frees the answer from how tightly the detector happened to draw its box.
    """
    boxes = find_confirmed_faces([checkpoint], photo) if boxes is None else boxes
    return [_predict_face(checkpoint, photo, box)[0] for box in boxes]


def _doubt(checkpoint: Checkpoint, photo: Image.Image, box: FaceBox) -> float:
    """How far apart a model's answers for a face and its mirror image are, in units of its validation RMSE."""
    return _predict_face(checkpoint, photo, box)[1] / checkpoint.training["validation_rmse"]


def _predict_face(checkpoint: Checkpoint, photo: Image.Image, box: FaceBox) -> tuple[Face, float]:
    """The face in a box, and the mean distance in frame px between the answers for it and its mirror image."""
    matrix, apart = frame_matrix(box.box, box.turn), []
    for _ in range(2):
        seen = crop(photo, matrix)  # uint8 [96, 96]
        straight = predict_points([checkpoint.model], seen[None])[0]
        other = unmirror(predict_points([checkpoint.model], seen[None, :, ::-1].copy()))[0]
        apart.append(np.linalg.norm(straight - other, axis=1).mean())
        points = apply(invert(matrix), (straight + other) / 2)  # [15, 2] photo px
        matrix = align_matrix(points, MEAN_FACE)
    return Face(box.box, points.astype(np.float32), seen), float(np.mean(apart))
