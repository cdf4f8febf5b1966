"""Several detectors on one photo: their answers, how far apart they are, and how far from the true points."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from fkd.errors import FkdError
from fkd.keypoints import LEFT_EYE, NAMES, RIGHT_EYE
from fkd.photo.colours import distinct
from fkd.photo.detector import Detector, whose
from fkd.photo.face import Face, FaceBox
from fkd.photo.finder import find_faces
from fkd.photo.point_files import Row, answer_row
from fkd.photo.predict import Finder, find_confirmed_faces


@dataclass(frozen=True)
class Comparison:
    """The answers of M detectors for the N faces of an upright photo of width x height px, which is not kept.

    answers: by detector, N faces each. colours: of the detectors, by name, no two alike. whose: `whose` they are, by
    name. milliseconds: of each stage,
    by its name. truth: for each of the N faces its true points, float32 [15, 2] photo px, NaN where missing, or None.
    """

    width: int
    height: int
    boxes: list[FaceBox]
    answers: dict[str, list[Face]]
    colours: dict[str, str]
    milliseconds: dict[str, float]
    truth: list[np.ndarray | None]
    whose: dict[str, str]

    def rows(self, photo: str) -> list[Row]:
        """The answers as rows of `fkd.photo.point_files`."""
        return [answer_row(photo, name, faces) for name, faces in self.answers.items()]

    def to_json(self) -> dict[str, Any]:
        """{"width", "height", "milliseconds": {stage: ms}, "models": {name: {"faces": [...]}}}, px of the photo."""
        return {
            "width": self.width,
            "height": self.height,
            "milliseconds": {stage: round(spent, 1) for stage, spent in self.milliseconds.items()},
            "models": {name: {"faces": [face.to_json() for face in faces]} for name, faces in self.answers.items()},
        }


def compare(
    detectors: Sequence[Detector],
    photo: Image.Image,
    boxes: Sequence[FaceBox] | None = None,
    truth: Sequence[np.ndarray] = (),
    find: Finder = find_faces,
    precise: bool = False,
) -> Comparison:
    """Finds the faces of an upright photo, or takes the given boxes, and runs every detector on each.

    truth: the true points of faces in the photo, [15, 2] px each, in any order; each is matched to the face that it
    lies on, if there is one. precise: as in `predict`. Raises FkdError if two detectors have the same name, or if
    one has no precise answers.
    """
    names = [detector.name for detector in detectors]
    if twice := [name for name in names if names.count(name) > 1]:
        raise FkdError(f"two detectors are called {twice[0]!r}: give one another name")
    start, spent = time.perf_counter(), {}
    if boxes is None:
        boxes = find_confirmed_faces(detectors, photo, find)
        spent["finding faces"] = 1000 * (time.perf_counter() - start)
    answers = {}
    for detector in detectors:
        start = time.perf_counter()
        answers[detector.name] = detector.on_photos([photo] * len(boxes), boxes, precise)
        spent[detector.name] = 1000 * (time.perf_counter() - start)
    colours = dict(zip(names, distinct([detector.colour for detector in detectors]), strict=True))
    owners = {detector.name: whose(detector) for detector in detectors}
    matched = [_true_points(box, truth) for box in boxes]
    return Comparison(photo.width, photo.height, list(boxes), answers, colours, spent, matched, owners)


def verdict(comparison: Comparison, face: int) -> str:
    """A summary of the detectors' answers for one face, in a sentence or two; percent of the inter-ocular distance."""
    answers = {name: faces[face] for name, faces in comparison.answers.items()}
    truth = comparison.truth[face]
    sentences = []
    if len(answers) > 1:
        apart = np.stack([_apart(a, b) for a, b in itertools.combinations(answers.values(), 2)])  # [pairs, 15] %
        point = NAMES[int(np.nanmax(apart, 0).argmax())].replace("_", " ")
        sentences.append(
            f"They are {np.nanmean(apart):.1f}% of the eye distance apart on average; furthest: {point}, "
            f"{np.nanmax(apart):.0f}%."
        )
    if truth is not None:
        ocular = _ocular(truth)
        scale, unit = (100 / ocular, "%") if np.isfinite(ocular) and ocular > 0 else (1.0, " px")
        errors = [
            f"{name} {scale * np.nanmean(np.linalg.norm(answer.points - truth, axis=1)):.1f}{unit}"
            for name, answer in answers.items()
        ]
        sentences.append(f"From the true points: {', '.join(errors)}.")
    return " ".join(sentences)


def _apart(first: Face, second: Face) -> np.ndarray:
    """The distance between two answers for a face, [15], in percent of their mean inter-ocular distance."""
    ocular = np.mean([_ocular(first.points), _ocular(second.points)])
    distance: np.ndarray = 100 * np.linalg.norm(first.points - second.points, axis=1) / ocular
    return distance


def points_table(comparison: Comparison, face: int) -> pd.DataFrame:
    """One face's points, a row each and their mean, px of the photo.

    Columns: point; for each detector after the first "NAME apart, %" (distance to the first's answer in percent of the
    inter-ocular distance, the mean of both) and "NAME apart" (px); with true points for each detector "NAME error, %"
    (of the true inter-ocular distance) and "NAME error" (px); for each detector "NAME x", "NAME y" and, where it gives
    one, "NAME uncertainty".
    """
    faces = {name: answers[face] for name, answers in comparison.answers.items()}
    columns: dict[str, list[Any]] = {"point": [*(name.replace("_", " ") for name in NAMES), "mean"]}
    first, *others = faces
    for name in others:
        columns[f"{name} apart, %"] = _with_mean(_apart(faces[first], faces[name]))
        apart = np.linalg.norm(faces[first].points - faces[name].points, axis=1)
        columns[f"{name} apart"] = _with_mean(apart)
    truth = comparison.truth[face]
    if truth is not None:
        for name, answer in faces.items():
            error = np.linalg.norm(answer.points - truth, axis=1)
            columns[f"{name} error, %"] = _with_mean(100 * error / _ocular(truth))
            columns[f"{name} error"] = _with_mean(error)
    for name, answer in faces.items():
        for axis, letter in enumerate("xy"):
            columns[f"{name} {letter}"] = [*answer.points[:, axis].astype(float), np.nan]
        if answer.spread is not None:
            columns[f"{name} uncertainty"] = _with_mean(answer.spread)
    return pd.DataFrame(columns)


def _with_mean(values: np.ndarray) -> list[float]:
    finite = values[np.isfinite(values)]
    return [*values.astype(float), float(finite.mean()) if len(finite) else np.nan]


def _ocular(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[LEFT_EYE] - points[RIGHT_EYE]))


def _true_points(box: FaceBox, truth: Sequence[np.ndarray]) -> np.ndarray | None:
    """The face among `truth` with its middle nearest to the box's, if that is in the box."""
    x0, y0, x1, y1 = box.box
    inside = []
    for points in truth:
        x, y = np.nanmean(points, 0)
        if x0 <= x <= x1 and y0 <= y <= y1:
            inside.append((np.hypot(x - (x0 + x1) / 2, y - (y0 + y1) / 2), points))
    return min(inside, key=lambda pair: pair[0])[1] if inside else None
