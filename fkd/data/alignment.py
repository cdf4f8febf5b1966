"""Check that labels and images belong together: eyes are darker than the skin around them."""

from collections.abc import Callable

import numpy as np

from fkd.data.faces import Faces
from fkd.keypoints import FRAME_SIZE, MEAN_FACE

SAMPLE = 1000  # faces, evenly spaced
# Correct labels have an eye contrast of -0.7 in wild15 and -1.0 in the competition's file; with each of the mistakes
# below it is above -0.2.
DARK = -0.4
PUPIL, SURROUNDINGS = 2, 12  # px to each side of an eye's centre
LAST = FRAME_SIZE - 1
# A mistake in the labels -> how to undo it.
MISTAKES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "x and y are swapped": lambda points: points[..., ::-1],
    "upside down": lambda points: points * [1, -1] + [0, LAST],
    "half as large as they should be": lambda points: points * 2,
    "twice as large as they should be": lambda points: points / 2,
    "scaled to 0..1": lambda points: points * FRAME_SIZE,
    "scaled to -1..1": lambda points: (points + 1) * (FRAME_SIZE / 2),
}


def misalignment(faces: Faces) -> str | None:
    """Why the labels of a whole set do not fit its images, in one sentence; None if they fit."""
    sample = faces[:: max(1, len(faces) // SAMPLE)]
    if np.isnan(sample.points[:, :2]).all() or eye_contrast(sample.images, sample.points) < DARK:
        return None
    contrasts = {name: eye_contrast(sample.images, undo(sample.points)) for name, undo in MISTAKES.items()}
    name = min(contrasts, key=contrasts.__getitem__)
    if contrasts[name] > DARK:
        return "the labelled eyes are not darker than the skin around them: the labels may belong to other images"
    # The mean face decides which of them is wrong.
    if _from_mean_face(MISTAKES[name](sample.points)) < _from_mean_face(sample.points):
        return f"the labels do not fit the images: {name}"
    return f"the images do not fit the labels: {name}"


def eye_contrast(images: np.ndarray, points: np.ndarray) -> float:
    """Mean brightness of the labelled eyes over the skin around them, in standard deviations of the image.

    images: uint8 [N, 96, 96]. points: [N, 15, 2] px. Negative if the eyes are darker; 0 without any eye in the frame.
    """
    sums = np.pad(images.astype(np.int32).cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    eyes = points[:, :2].round()
    face, eye = np.nonzero(((eyes >= 0) & (eyes <= LAST)).all(-1))
    if not len(face):
        return 0.0
    x, y = eyes[face, eye].astype(int).T

    def mean(radius: int) -> np.ndarray:
        left, top = np.maximum(x - radius, 0), np.maximum(y - radius, 0)
        right, bottom = np.minimum(x + radius, LAST) + 1, np.minimum(y + radius, LAST) + 1
        total = sums[face, bottom, right] - sums[face, top, right] - sums[face, bottom, left] + sums[face, top, left]
        return np.asarray(total / ((right - left) * (bottom - top)))

    return float(((mean(PUPIL) - mean(SURROUNDINGS)) / (images.std((1, 2))[face] + 1)).mean())


def _from_mean_face(points: np.ndarray) -> float:
    """The mean distance of the median eyes from those of the mean face, px."""
    return float(np.abs(np.nanmedian(points[:, :2], 0) - np.array(MEAN_FACE)[:2]).mean())
