"""What is in a training file, and what looks wrong in it."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fkd.data.competition import read_training
from fkd.data.faces import Faces
from fkd.data.split import look_alikes
from fkd.keypoints import FRAME_SIZE, NAMES

FAR = 6.0  # robust deviations from the median place; turned and tilted faces reach 5.0 among 5,379 good ones


@dataclass(frozen=True)
class Report:
    """What `fkd data check` found in a training file; `suspicious` maps a row (from 1) to the reason."""

    rows: int
    labels: dict[str, int]
    complete_rows: int
    four_point_rows: int
    exact_duplicates: int
    look_alike_groups: int
    rows_in_groups: int
    suspicious: dict[int, str]


def check(data: Path | str) -> Report:
    """Looks over a training file: labels, conventions, duplicates, suspicious rows.

    Raises as `read_training` does.
    """
    faces = read_training(data)
    labelled = np.isfinite(faces.points).all(-1)
    groups = look_alikes(faces.images)
    sizes = np.bincount(groups)
    return Report(
        rows=len(faces),
        labels=dict(zip(NAMES, labelled.sum(0).tolist(), strict=True)),
        complete_rows=int(labelled.all(1).sum()),
        four_point_rows=int(faces.four_point.sum()),
        exact_duplicates=len(faces) - len({image.tobytes() for image in faces.images}),
        look_alike_groups=int((sizes > 1).sum()),
        rows_in_groups=int(sizes[sizes > 1].sum()),
        suspicious=_suspicious(faces),
    )


def _suspicious(faces: Faces) -> dict[int, str]:
    left, right = faces.points[:, 0], faces.points[:, 1]  # [N, 2]
    found = {}
    four_point = faces.four_point
    # The two conventions place two points differently, so each has its own typical face.
    spread = np.full(faces.points.shape, np.nan, np.float32)
    for kind in (False, True):
        points = faces.points[four_point == kind]
        if len(points) >= 20:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a column without a single label
                middle = np.nanmedian(points, 0)
                deviation = 1.4826 * np.nanmedian(np.abs(points - middle), 0)
            spread[four_point == kind] = np.abs(points - middle) / np.maximum(deviation, 1)
    for row, (image, points) in enumerate(zip(faces.images, faces.points, strict=True)):
        if np.isnan(points).all():
            found[row + 1] = "has no label"
        elif image.std() < 2:
            found[row + 1] = "is almost blank"
        elif left[row, 0] <= right[row, 0]:
            found[row + 1] = "has the left eye to the left of the right eye (sides swapped?)"
        elif np.nanmax(spread[row], initial=0) > FAR:
            worst = int(np.nanargmax(spread[row].max(1)))
            found[row + 1] = f"has {NAMES[worst]} far from its usual place, at {points[worst].round(1).tolist()}"
        elif (np.nan_to_num(points, nan=0) < -0.5).any() or (np.nan_to_num(points) > FRAME_SIZE - 0.5).any():
            found[row + 1] = "has a point outside the frame"
    return found
