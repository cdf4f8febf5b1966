"""Several detectors on one photo: their answers, the distances between them, and their errors."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from fkd.errors import FkdError
from fkd.keypoints import LEFT_EYE, NAMES, RIGHT_EYE
from fkd.photo.colours import distinct
from fkd.photo.detector import Detector
from fkd.photo.face import Face, FaceBox
from fkd.photo.finder import find_faces
from fkd.photo.point_files import Row, answer_row, to_table
from fkd.photo.predict import Finder, find_confirmed_faces
from fkd.photo.reading import PhotoLike, as_photo, full_size

MIN_OCULAR = 0.5  # px; no face is as small
TITLES = [name.replace("_", " ") for name in NAMES]


@dataclass(frozen=True)
class Comparison:
    """The answers of several detectors for the N faces of an upright photo, which is not stored."""

    width: int
    height: int
    boxes: list[FaceBox]
    answers: dict[str, list[Face]]  # N faces by the detector's name
    colours: dict[str, str]  # of the detectors, by name, no two alike
    truth: list[np.ndarray | None]  # the true points of each face, float32 [15, 2] photo px, NaN where missing
    whose: dict[str, str]  # owner and terms of each detector, by name; empty for a local one

    def rows(self, photo: str) -> list[Row]:
        """The answers as rows of `fkd.photo.point_files`."""
        return [answer_row(photo, name, faces) for name, faces in self.answers.items()]

    def to_frame(self, photo: str = "") -> pd.DataFrame:
        """One row per face and detector, with the columns of `fkd.photo.point_files.TABLE`."""
        return to_table(self.rows(photo))


def compare(
    detectors: Sequence[Detector],
    photo: PhotoLike,
    boxes: Sequence[FaceBox] | None = None,
    truth: Sequence[np.ndarray] = (),
    find: Finder = find_faces,
    precise: bool = False,
) -> Comparison:
    """Find the faces of an upright photo, or take the given boxes, and run every detector on each.

    photo, precise: as in `predict`. truth: the true points of faces in the photo, [15, 2] px each, in any order, each
    matched to the box around it. Raises FkdError if two detectors have one name, or one has no precise answers.
    """
    photo = as_photo(photo)
    if boxes is None:
        boxes = find_confirmed_faces(detectors, photo, find)
    answers = [detector.on_photos([photo] * len(boxes), boxes, precise) for detector in detectors]
    return compare_answers(detectors, photo, boxes, answers, truth)


def compare_answers(
    detectors: Sequence[Detector],
    photo: Image.Image,
    boxes: Sequence[FaceBox],
    answers: Sequence[list[Face]],
    truth: Sequence[np.ndarray] = (),
) -> Comparison:
    """Compare the detectors' answers for the boxes of a photo, as `compare`."""
    names = [detector.name for detector in detectors]
    if twice := [name for name in names if names.count(name) > 1]:
        raise FkdError(f"two detectors are called {twice[0]!r}: give one another name")
    colours = dict(zip(names, distinct([detector.colour for detector in detectors]), strict=True))
    whose = {
        each.name: "; ".join(filter(None, [f"by {each.owner}", each.data.terms])) if each.owner else ""
        for each in detectors
    }
    named, matched = dict(zip(names, answers, strict=True)), match_truth(boxes, truth)
    return Comparison(*full_size(photo), list(boxes), named, colours, matched, whose)


def disagreement(answers: Sequence[Face]) -> np.ndarray:
    """How far apart the most different answers for one face are at each point, [15], in % of the eye distance."""
    pairs = [_percent(first.points, second.points) for first, second in itertools.combinations(answers, 2)]
    most: np.ndarray = np.fmax.reduce([np.full(len(NAMES), np.nan), *pairs])
    return most


def mean_spread(faces: Sequence[Face]) -> float:
    """The mean uncertainty of a model's points, in % of the eye distance; NaN if it does not state any."""
    spreads = [100 * face.spread.mean() / _ocular(face.points) for face in faces if face.spread is not None]
    return float(np.mean(spreads)) if spreads else math.nan


def mean_error(points: np.ndarray, truth: np.ndarray | None) -> float:
    """The mean distance of points from the true ones, both [15, 2] px, in % of the true eye distance, or NaN."""
    if truth is None:
        return math.nan
    distances = _px(points, truth)
    return float(100 * np.nanmean(distances) / _ocular(truth)) if np.isfinite(distances).any() else math.nan


def _px(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.linalg.norm(first - second, axis=1)
    return distance


def _percent(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return 200 * _px(first, second) / (_ocular(first) + _ocular(second))


def _ocular(points: np.ndarray) -> float:
    """Return the inter-ocular distance, px; NaN if an eye is missing or both are at one place."""
    distance = float(np.linalg.norm(points[LEFT_EYE] - points[RIGHT_EYE]))
    return distance if distance >= MIN_OCULAR else math.nan


def match_truth(boxes: Sequence[FaceBox], truth: Sequence[np.ndarray]) -> list[np.ndarray | None]:
    """For each box, the points [15, 2] px among `truth` with their middle nearest to the box's, if that is in it."""
    return [_true_points(box, truth) for box in boxes]


def _true_points(box: FaceBox, truth: Sequence[np.ndarray]) -> np.ndarray | None:
    pairs = [(np.nanmean(points, 0), points) for points in truth]
    inside = [pair for pair in pairs if (box.box[:2] <= pair[0]).all() and (pair[0] <= box.box[2:]).all()]
    return min(inside, key=lambda pair: np.linalg.norm(pair[0] - box.centre))[1] if inside else None
