"""From answers for frames to answers for a photo: what every detector does that takes a 96 x 96 crop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fkd.keypoints import MEAN_FACE
from fkd.photo.crop import align_matrix, apply, crop, frame_matrix, invert
from fkd.photo.face import Face, FaceBox


@dataclass(frozen=True)
class FrameAnswers:
    """A detector's answers for N frames, in frame px.

    points: [N, 15, 2]. flipped: [N, 15, 2], those for the mirror images, mirrored back. spread: [N, 15], the standard
    deviation of each point along an axis, or None. heatmaps: uint8 [N, 15, S, S], as in `Face`, or None.
    """

    points: np.ndarray
    flipped: np.ndarray
    spread: np.ndarray | None = None
    heatmaps: np.ndarray | None = None


def faces_by_frames(
    answer: Callable[[np.ndarray], FrameAnswers],
    photos: Sequence[Image.Image],
    boxes: Sequence[FaceBox],
    validation_rmse: float,
) -> list[Face]:
    """The faces in boxes, each of an upright photo, by a detector that answers for frames, uint8 [N, 96, 96].

    Each face is cropped twice: by its box, then so that the first pass's points lie like the mean face, which
    frees the answer from how tightly the finder happened to draw its box. Answers are averaged over the crop and its
    mirror image. photos: one for each box. validation_rmse: frame px, the unit of the faces' doubt.
    """
    if not boxes:
        return []
    matrices = [frame_matrix(box.box, box.turn) for box in boxes]
    apart = np.zeros(len(boxes))  # frame px
    for _ in range(2):
        frames = np.stack([crop(*both) for both in zip(photos, matrices, strict=True)])  # uint8 [N, 96, 96]
        answers = answer(frames)
        apart += np.linalg.norm(answers.points - answers.flipped, axis=2).mean(1) / 2
        to_photo = [invert(matrix) for matrix in matrices]
        mean = (answers.points + answers.flipped) / 2  # [N, 15, 2] frame px
        points = [apply(matrix, face) for matrix, face in zip(to_photo, mean, strict=True)]  # each [15, 2] photo px
        matrices = [align_matrix(face, MEAN_FACE) for face in points]
    faces = []
    for index, box in enumerate(boxes):
        scale = np.sqrt(abs(np.linalg.det(to_photo[index][:, :2])))  # px of the photo for one of the frame
        spread = None if answers.spread is None else (answers.spread[index] * scale).astype(np.float32)
        doubt = float(apart[index] / validation_rmse)
        heatmaps = None if answers.heatmaps is None else answers.heatmaps[index]
        of_face = points[index].astype(np.float32)
        faces.append(Face(box.box, of_face, frames[index], spread, doubt, heatmaps, to_photo[index]))
    return faces
