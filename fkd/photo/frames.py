"""From answers for frames to answers for a photo: shared by all detectors that take a 96 x 96 crop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fkd.keypoints import MEAN_FACE
from fkd.photo.crop import align_matrix, apply, crop, frame_matrix, invert
from fkd.photo.face import Face, FaceBox

# The crops of a precise answer, as matrices from the aligned frame's px to theirs: a face is 1.09 times larger in them,
# turned by 5 degrees and moved by 1.5 px. docs/benchmarks.md has the alternatives.
TURNS_AND_CENTRES = ((5, 46, 46), (5, 49, 49), (-5, 46, 49), (-5, 49, 46))  # degrees, px of the aligned frame
VIEWS = [frame_matrix((x - 44, y - 44, x + 44, y + 44), turn) for turn, x, y in TURNS_AND_CENTRES]
AT_ONCE = 64  # crops of a precise answer: a photo of many faces takes no more memory than one of few


@dataclass(frozen=True)
class FrameAnswers:
    """A detector's answers for N frames, in frame px.

    points: [N, 15, 2]. flipped: [N, 15, 2], those for the mirror images, mirrored back. spread: [N, 15], the standard
    deviation of each point along an axis, or None.
    """

    points: np.ndarray
    flipped: np.ndarray
    spread: np.ndarray | None = None


def faces_by_frames(
    answer: Callable[[np.ndarray], FrameAnswers],
    photos: Sequence[Image.Image],
    boxes: Sequence[FaceBox],
    validation_rmse: float,
    precise: bool = False,
) -> list[Face]:
    """The faces in boxes, each of an upright photo, by a detector that answers for frames, uint8 [N, 96, 96].

    Each face is cropped twice: by its box, then so that the first pass's points match the mean face, which
    frees the answer from how tightly the finder happened to draw its box. Answers are averaged over the crop and its
    mirror image. photos: one for each box. validation_rmse: frame px, the unit of the faces' doubt. precise: the points
    are then averaged over VIEWS, too; all else of a face stays that of the aligned crop.
    """
    if not boxes:
        return []
    matrices = [frame_matrix(box.box, box.turn) for box in boxes]
    apart = np.zeros(len(boxes))  # frame px
    points: list[np.ndarray] = []  # each [15, 2] photo px
    for aligned in (False, True):
        if aligned:
            matrices = [align_matrix(face, MEAN_FACE) for face in points]
        frames = np.stack([crop(*both) for both in zip(photos, matrices, strict=True)])  # uint8 [N, 96, 96]
        answers = answer(frames)
        apart += np.linalg.norm(answers.points - answers.flipped, axis=2).mean(1) / 2
        to_photo = [invert(matrix) for matrix in matrices]
        mean = (answers.points + answers.flipped) / 2  # [N, 15, 2] frame px
        points = [apply(matrix, face) for matrix, face in zip(to_photo, mean, strict=True)]
    if precise:
        points = _averaged(answer, photos, [align_matrix(face, MEAN_FACE) for face in points])
    faces = []
    for index, box in enumerate(boxes):
        scale = np.sqrt(abs(np.linalg.det(to_photo[index][:, :2])))  # px of the photo for one of the frame
        spread = None if answers.spread is None else (answers.spread[index] * scale).astype(np.float32)
        doubt = float(apart[index] / validation_rmse)
        faces.append(Face(box.box, points[index].astype(np.float32), frames[index], spread, doubt))
    return faces


def _averaged(
    answer: Callable[[np.ndarray], FrameAnswers], photos: Sequence[Image.Image], matrices: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The points of each face, [15, 2] photo px, averaged over VIEWS and their mirror images.

    matrices: from each face's photo, px, to its aligned frame. The crops are cut from the photo itself.
    """
    views = [view @ np.vstack([matrix, [0, 0, 1]]) for matrix in matrices for view in VIEWS]  # photo px -> px of a view
    of_view = [photo for photo in photos for _ in VIEWS]
    points: list[np.ndarray] = []  # each [15, 2] photo px
    for start in range(0, len(views), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        answers = answer(np.stack([crop(*both) for both in zip(of_view[some], views[some], strict=True)]))
        mean = (answers.points + answers.flipped) / 2  # frame px
        points += [apply(invert(matrix), face) for matrix, face in zip(views[some], mean, strict=True)]
    return list(np.mean(np.reshape(points, (len(matrices), len(VIEWS), *points[0].shape)), 1))
