"""A photo -> its faces with keypoints, in pixels of the upright photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from fkd.keypoints import FRAME_SIZE, MEAN_FACE, NAMES, unmirror
from fkd.learn.checkpoint import Checkpoint
from fkd.learn.heatmap import spread
from fkd.learn.models import KeypointModel
from fkd.photo.crop import align_matrix, apply, crop, frame_matrix, invert
from fkd.photo.finder import FaceBox, find_faces

SURE = 0.3  # detector score from which a face needs no model to confirm it: all such boxes were faces
# Of 59 weak boxes on faces resnet18 confirms all, of 60 elsewhere one (those of benchmarks/faces.py); at 1 it loses 6.
CONFIRMED = 1.25


@dataclass(frozen=True)
class Face:
    """One face in a photo.

    box: (x0, y0, x1, y1) and points: float32 [15, 2], both in pixels of the upright photo. seen: uint8
    [96, 96], the crop that the model answered for. spread: float32 [15], how uncertain each point is, photo px
    (the standard deviation of its heatmap along an axis), or None from a model without heatmaps.
    """

    box: tuple[float, float, float, float]
    points: np.ndarray
    seen: np.ndarray
    spread: np.ndarray | None = None

    def to_json(self) -> dict:
        """{"box": [...], "points": {name: [x, y], ...}}, and "spread": {name: px, ...} if there is one; px rounded to
        hundredths."""
        points = {
            name: [round(float(value), 2) for value in point] for name, point in zip(NAMES, self.points, strict=True)
        }
        value = {"box": [round(float(value), 2) for value in self.box], "points": points}
        if self.spread is not None:
            value["spread"] = {name: round(float(px), 2) for name, px in zip(NAMES, self.spread, strict=True)}
        return value


def find_confirmed_faces(checkpoints: Sequence[Checkpoint], photo: Image.Image) -> list[FaceBox]:
    """Finds the faces of an upright photo; those that the detector is unsure of stay if every model confirms them.

    A model confirms a face if its answers for the crop and for the mirrored crop differ by no more than CONFIRMED times
    its own validation RMSE, as they do on faces and hardly ever elsewhere.
    """
    boxes = find_faces(photo)
    return [box for box in boxes if box.score >= SURE or all(_doubt(c, photo, box) <= CONFIRMED for c in checkpoints)]


def predict(checkpoint: Checkpoint, photo: Image.Image, boxes: Sequence[FaceBox] | None = None) -> list[Face]:
    """Finds the faces of an upright photo, or takes the given boxes, and answers with their keypoints.

    Each face is cropped twice: by its box, then so that the first pass's points lie like the mean face, which
    frees the answer from how tightly the detector happened to draw its box.
    """
    boxes = find_confirmed_faces([checkpoint], photo) if boxes is None else boxes
    return _predict_faces(checkpoint, photo, boxes)[0]


def follow(checkpoint: Checkpoint, photo: Image.Image, before: Face) -> Face | None:
    """The face `before` of a film's last frame in its next one, `photo`, or None if it is lost.

    It is looked for where it was, which takes no detector. It is lost where the answers for the crop and for the
    mirrored crop differ by more than twice the model's validation RMSE.
    """
    back = invert(align_matrix(before.points, MEAN_FACE))
    x, y = apply(back, [(FRAME_SIZE - 1) / 2] * 2)
    half = np.sqrt(abs(np.linalg.det(back[:, :2]))) * FRAME_SIZE / 2
    (face,), apart = _predict_faces(checkpoint, photo, [FaceBox((x - half, y - half, x + half, y + half), 1.0)])
    return face if apart[0] <= 2 * checkpoint.training["validation_rmse"] else None


def _doubt(checkpoint: Checkpoint, photo: Image.Image, box: FaceBox) -> float:
    """How far apart a model's answers for a face and its mirror image are, in units of its validation RMSE."""
    return _predict_faces(checkpoint, photo, [box])[1][0] / checkpoint.training["validation_rmse"]


def _predict_faces(
    checkpoint: Checkpoint, photo: Image.Image, boxes: Sequence[FaceBox]
) -> tuple[list[Face], np.ndarray]:
    """The faces in N boxes, and how far apart the answers for each and its mirror image are: mean [N], frame px."""
    if not boxes:
        return [], np.zeros(0)
    matrices = [frame_matrix(box.box, box.turn) for box in boxes]
    apart = np.zeros(len(boxes))
    for _ in range(2):
        seen = np.stack([crop(photo, matrix) for matrix in matrices])  # uint8 [N, 96, 96]
        straight, other, wide = _answer(checkpoint.model, seen)
        apart += np.linalg.norm(straight - other, axis=2).mean(1) / 2
        back = [invert(matrix) for matrix in matrices]
        points = [
            apply(way, frame) for way, frame in zip(back, (straight + other) / 2, strict=True)
        ]  # [15, 2] photo px
        matrices = [align_matrix(face, MEAN_FACE) for face in points]
    faces = []
    for index, box in enumerate(boxes):
        pixels = np.sqrt(abs(np.linalg.det(back[index][:, :2])))  # of the photo, for one of the frame
        uncertain = None if wide is None else (wide[index] * pixels).astype(np.float32)
        faces.append(Face(box.box, points[index].astype(np.float32), seen[index], uncertain))
    return faces, apart


def _answer(model: KeypointModel, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Frames uint8 [N, 96, 96] -> points [N, 15, 2], those for the mirror images mirrored back, spreads [N, 15]; px."""
    batch = torch.from_numpy(np.concatenate([seen, seen[:, :, ::-1]]))[:, None].float() / 255
    with torch.inference_mode():
        every, heatmaps = model.answer(batch)
    points = every[:, : len(NAMES)].numpy()
    wide = None if heatmaps is None else spread(heatmaps)[: len(seen), : len(NAMES)].numpy()
    return points[: len(seen)], unmirror(points[len(seen) :]), wide
