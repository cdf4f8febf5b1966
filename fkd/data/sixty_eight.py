"""The 68 points of 300-W (Sagonas et al. 2013), counted from 0 -> the 15 of the competition."""

from pathlib import Path

import numpy as np

from fkd.data.cells import number
from fkd.files import one_line, open_regular

MOST_BYTES = 1_000_000  # of a .pts file: one with 68 points has 2 kB
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
# Eye corners, brows' ends, in the order of `fkd.keypoints.NAMES`; a mirror image swaps left and right.
CORNERS_AND_BROWS = [42, 45, 39, 36, 22, 26, 21, 17]


def to_15(points: np.ndarray, four_point: bool = False) -> np.ndarray:
    """Points [68, 2] -> [15, 2], in the same frame, in one of the two label conventions.

    The centre of an eye is the mean of its six. Two points are placed as the competition's rows place them: the nose
    tip at 30 and the bottom lip between its two edges (57, 66), or for the four-point rows at the base of the nose (33)
    and between the lips (62, 66).
    """
    nose, above, below = (33, 62, 66) if four_point else (30, 57, 66)
    eyes = [points[eye].mean(0) for eye in (LEFT_EYE, RIGHT_EYE)]
    bottom_lip = (points[above] + points[below]) / 2
    return np.stack([*eyes, *points[CORNERS_AND_BROWS], *points[[nose, 54, 48, 51]], bottom_lip])


def read_pts(path: Path) -> np.ndarray:
    """Reads the 68 points of a .pts file: [68, 2] px, (0, 0) the centre of the top-left pixel.

    The file counts from (1, 1). Raises ValueError for anything else.
    """
    with open_regular(path, MOST_BYTES) as file:
        text = file.read().decode(errors="replace")
    words = text.partition("{")[2].partition("}")[0].split()
    points = np.array([number(word) for word in words])
    if len(points) != 2 * 68 or not np.isfinite(points).all():
        raise ValueError(f"{one_line(path.name)} has no 68 points, expected one `x y` per line between {{ and }}")
    return points.reshape(-1, 2) - 1
