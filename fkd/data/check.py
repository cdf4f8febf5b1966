"""Report the contents of the competition's files, and anything suspicious in them."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fkd.data.competition import read_lookup, read_test, read_training, submission_problem
from fkd.data.conventions import Conventions, find_conventions
from fkd.data.faces import Faces
from fkd.data.split import cached_groups
from fkd.errors import FkdError
from fkd.keypoints import FRAME_SIZE, LEFT_EYE, MEAN_FACE, NAMES, RIGHT_EYE

FAR = 15.0  # px: the typical eyes of the competition's file and of wild15 are within 2 px of the mean face's


@dataclass(frozen=True)
class Report:
    """The result of `check`."""

    rows: int
    labels: dict[str, int]
    complete_rows: int
    conventions: Conventions
    exact_duplicates: int
    look_alike_groups: int
    rows_in_groups: int
    test_images: int | None  # in test.csv, None if it cannot be read
    values: int | None  # requested by IdLookupTable.csv
    problems: list[str]  # of whole files, a sentence each
    findings: dict[str, list[int]]  # rows, from 1, by the kind of their problem


def check(data: Path | str) -> Report:
    """Looks over the competition's files: labels, duplicates, suspicious rows, missing files.

    Raises as `read_training` does; a defect in the other files is one of the problems in the report.
    """
    faces, problems = read_training(data), []
    counts: list[int | None] = []
    for read in (lambda: read_test(data).images, lambda: read_lookup(data)):
        try:
            counts.append(len(read()))
        except FkdError as error:
            counts.append(None)
            problems.append(str(error))
    problems += filter(None, (None if problems else submission_problem(data), misplacement(faces.points)))
    sizes = np.bincount(cached_groups(faces))
    labelled = np.isfinite(faces.points).all(-1)
    return Report(
        rows=len(faces),
        labels=dict(zip(NAMES, labelled.sum(0).tolist(), strict=True)),
        complete_rows=int(labelled.all(1).sum()),
        conventions=find_conventions(faces.points),
        exact_duplicates=len(faces) - len({image.tobytes() for image in faces.images}),
        look_alike_groups=int((sizes > 1).sum()),
        rows_in_groups=int(sizes[sizes > 1].sum()),
        test_images=counts[0],
        values=counts[1],
        problems=problems,
        findings=suspicious_rows(faces),
    )


def misplacement(points: np.ndarray) -> str | None:
    """Why the labels [N, 15, 2] of a whole set are not frame pixels, in one sentence; None if they are."""
    eyes = [LEFT_EYE, RIGHT_EYE]
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of eyes without a label
        away = np.nanmedian(points[:, eyes], 0) - np.array(MEAN_FACE)[eyes]
    if not (np.abs(away) > FAR).any():  # or NaN
        return None
    return "the labelled eyes are far from where faces have them: frame pixels are expected, not 0..1 or y before x"


def suspicious_rows(faces: Faces) -> dict[str, list[int]]:
    """Rows, from 1, that are probably mistakes, by kind."""
    points = faces.points
    kinds = {
        "almost blank image": faces.images.std((1, 2)) < 2,
        "no label": np.isnan(points).all((1, 2)),
        "left eye on the left, as if the sides were swapped": points[:, LEFT_EYE, 0] <= points[:, RIGHT_EYE, 0],
        "point outside the frame": ((points < -0.5) | (points > FRAME_SIZE - 0.5)).any((1, 2)),
    }
    return {kind: (1 + np.flatnonzero(rows)).tolist() for kind, rows in kinds.items() if rows.any()}
