"""Report the contents of the competition's files, and anything suspicious in them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fkd.data.competition import read_lookup, read_test, read_training, submission_problem
from fkd.data.conventions import Conventions, find_conventions
from fkd.data.faces import Faces, is_four_point
from fkd.data.split import cached_groups
from fkd.errors import FkdError
from fkd.keypoints import FRAME_SIZE, MEAN_FACE, NAMES

MIN_ROWS = 20  # of one label convention to compute its typical face; with fewer, MEAN_FACE is used
# In the competition's 7,049 rows and wild15's 5,379, profiles and open mouths stay below 20 px, four-point rows below
# 11 px. All but 23 rows are within these sizes; most of the 23 show several faces.
MAX_OFFSET, MAX_OFFSET_FOUR_POINT = 20.0, 12.0
MIN_SIZE, MAX_SIZE = 0.6, 1.6
SAMPLE = 1000  # faces, evenly spaced, whose labels are compared with their images
# Correct labels have an eye contrast of -0.7 in wild15 and -1.0 in the competition's file; with x and y swapped, upside
# down or in other units it is above -0.2.
DARK = -0.4
PUPIL, SURROUNDINGS = 2, 12  # px to each side of an eye's centre
LAST = FRAME_SIZE - 1


@dataclass(frozen=True)
class Finding:
    """Rows, from 1, with one kind of problem, each with details, or ""."""

    kind: str
    rows: dict[int, str]


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
    findings: list[Finding]


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
    problems += filter(None, (None if problems else submission_problem(data), misalignment(faces)))
    sizes = np.bincount(cached_groups(faces))
    labelled = np.isfinite(faces.points).all(-1)
    blank = dict.fromkeys((1 + np.flatnonzero(faces.images.std((1, 2)) < 2)).tolist(), "")
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
        findings=[*([Finding("almost blank image", blank)] if blank else []), *odd_labels(faces.points)],
    )


def misalignment(faces: Faces) -> str | None:
    """Why the labels of a whole set do not fit its images, in one sentence; None if they fit."""
    sample = faces[:: max(1, len(faces) // SAMPLE)]
    if np.isnan(sample.points[:, :2]).all() or eye_contrast(sample.images, sample.points) < DARK:
        return None
    return (
        "the labelled eyes are not darker than the skin around them: the labels belong to other images, or they are "
        "not frame pixels (such as 0..1, x and y swapped, or upside down)"
    )


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


def odd_labels(points: np.ndarray) -> list[Finding]:
    """Finds rows of points [N, 15, 2] px that do not look like the typical face of their convention."""
    labelled, four_point = np.isfinite(points).all(-1), is_four_point(points)
    size, offsets = np.full(len(points), np.nan), np.full(points.shape[:2], np.nan)
    for group in (four_point, ~four_point):
        if group.any():
            size[group], offsets[group] = _fit(points[group])
    offset, worst = np.nan_to_num(offsets).max(1), np.nan_to_num(offsets).argmax(1)
    swapped = points[:, 0, 0] <= points[:, 1, 0]
    with np.errstate(invalid="ignore"):
        outside = np.asarray(np.any((points < -0.5) | (points > FRAME_SIZE - 0.5), axis=-1))

    def point(row: int, index: int) -> str:
        return f"{NAMES[index]} at ({points[row, index, 0]:.1f}, {points[row, index, 1]:.1f})"

    kinds: dict[str, tuple[np.ndarray, Callable[[int], str]]] = {
        "no label": (~labelled.any(1), lambda row: ""),
        "left eye on the left, as if the sides were swapped": (swapped, lambda row: ""),
        "unusually small or large face, or labels of several faces": (
            (size < MIN_SIZE) | (size > MAX_SIZE),
            lambda row: f"{size[row]:.2f} times the usual size",
        ),
        "point far from the place that the others suggest": (
            (offset > np.where(four_point, MAX_OFFSET_FOUR_POINT, MAX_OFFSET)) & ~swapped,
            lambda row: point(row, worst[row]),
        ),
        "point outside the frame": (np.asarray(outside.any(1)), lambda row: point(row, int(outside[row].argmax()))),
    }
    return [
        Finding(kind, {row + 1: details(row) for row in np.flatnonzero(rows).tolist()})
        for kind, (rows, details) in kinds.items()
        if rows.any()
    ]


def _fit(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fits the typical face to rows of one convention, [N, 15, 2] px, by least squares over scale, angle and shift.

    Returns the scale [N], NaN for fewer than three labels, and each point's distance from its place [N, 15], in px of
    the typical face.
    """
    typical = np.array(MEAN_FACE)
    if len(points) >= MIN_ROWS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # for a point without a single label
            typical = np.nanmedian(points, 0)
    labelled = np.isfinite(points).all(-1)

    def centred(values: np.ndarray) -> np.ndarray:
        numbers = np.where(labelled, values[..., 0] + 1j * values[..., 1], 0)
        centre = numbers.sum(1, keepdims=True) / np.maximum(labelled.sum(1, keepdims=True), 1)
        return np.where(labelled, numbers - centre, 0)

    face, place = centred(points), centred(typical[None])
    with np.errstate(invalid="ignore", divide="ignore"):
        similarity = (place.conj() * face).sum(1) / (np.abs(place) ** 2).sum(1)  # scale and angle, as a complex number
        similarity = np.where(labelled.sum(1) >= 3, similarity, np.nan)
        return np.abs(similarity), np.abs(face - similarity[:, None] * place) / np.abs(similarity[:, None])
