"""Detectors and a data set -> the Evaluation that a leaderboard entry is made of."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fkd.board.cost import cost
from fkd.board.entries import KAGGLE
from fkd.board.record import Evaluation
from fkd.board.robustness import robustness
from fkd.data.conventions import find_conventions
from fkd.data.faces import Faces
from fkd.data.split import Split, fingerprint, in_order, record_of, split_data
from fkd.errors import FkdError
from fkd.keypoints import NAMES
from fkd.metrics import METRICS, accuracy, detail, mean_offsets
from fkd.photo.detector import Detector, mean_on_frames
from fkd.photo.kinds import read_detector

COMPETITION_ROWS = 7049


def measure(
    detectors: Sequence[Detector], data: Path, benchmark: str = "", name: str = "", mirror: bool = False
) -> Evaluation:
    """Measure a detector, or the mean of several, on the held-out tenth of a training file.

    benchmark: the ranking's name, or "kaggle" for the competition's; the data's name if empty. name: the
    entry's; the first detector's if empty. mirror: average predictions over the image and its horizontal flip (flip
    averaging); an entry without a given name then ends in -mirror, so that it does not replace another.
    Raises FkdError if the ranking is the competition's but the data is not.
    """
    faces, split = split_data(data)
    ranking = ranking_name(benchmark, data, len(faces))
    test = faces[in_order(faces, split.test)]
    prints = record_of(data_name(data), faces, split).fingerprints
    predicted = mean_on_frames(detectors, test.images, test.four_point, mirror)
    return Evaluation(
        name=name or detectors[0].name + ("-mirror" if mirror else ""),
        benchmark=ranking,
        fingerprint=prints.test,
        accuracy=accuracy(predicted, test.points),
        detail=detail(predicted, test.points),
        cost=cost(detectors, mirror),
        weights=[detector.sha256 for detector in detectors],
        model=" + ".join(sorted({detector.network for detector in detectors})),
        mirror=mirror,
        data=detectors[0].data,
        held_out=all(detector.data.fingerprints == prints for detector in detectors),
        robustness=robustness(detectors, test, mirror),
        aligned=aligned(detectors, faces, split, predicted, mirror),
    )


def mean_face_rmse(data: Path) -> float:
    """The RMSE in px of the simplest answer to the held-out faces: the mean of the training labels.

    Faces with four points have a separate mean, as their labels follow another convention. Raises as `read_training`.
    """
    faces, split = split_data(data)
    training, test = faces[split.train], faces[split.test]
    answers = np.zeros_like(test.points)
    for kind in (False, True):
        labels = pd.DataFrame(training.points[training.four_point == kind].reshape(-1, 2 * len(NAMES)))
        answers[test.four_point == kind] = labels.mean().to_numpy(np.float32).reshape(-1, 2)
    return accuracy(answers, test.points, resamples=1).rmse


def aligned(
    detectors: Sequence[Detector], faces: Faces, split: Split, predicted: np.ndarray, mirror: bool = False
) -> dict[str, float | None]:
    """The figures of `aligned_points`, by the keys of METRICS."""
    points = aligned_points(detectors, faces, split, predicted, mirror)
    return accuracy(points, faces.points[in_order(faces, split.test)], resamples=1).figures


def aligned_points(
    detectors: Sequence[Detector], faces: Faces, split: Split, predicted: np.ndarray, mirror: bool = False
) -> np.ndarray:
    """Predictions for the held-out faces less the mean offset of each point, [N, 15, 2] px.

    The offsets are those of the same detectors on the validation faces, separately for each label convention of the
    file. They are differences of definitions, such as where the tip of a nose is, and not errors of the detector.

    Args:
        faces: the whole training file, in its order.
        predicted: [N, 15, 2] px, for the faces of `split.test` in the order of `in_order`.
    """
    conventions, validation = find_conventions(faces.points), faces[split.validation]
    fitted = mean_on_frames(detectors, validation.images, validation.four_point, mirror)
    convention = conventions.rows[split.validation]
    offsets = mean_offsets(fitted, validation.points, convention, len(conventions.values))  # [C, 15, 2] px
    moved: np.ndarray = predicted - offsets[conventions.rows[in_order(faces, split.test)]]
    return moved


def measure_again(entries: Sequence[Evaluation], folders: Mapping[str, Path], data: Path) -> Iterator[tuple[str, str]]:
    """Measure every entry of a benchmark again; yield its name, and the first difference or an empty string.

    folders: the available checkpoints, folders or files, by the sha256 of their weights.
    """
    faces, split = split_data(data)
    test = faces[in_order(faces, split.test)]
    here = fingerprint(faces[split.test])
    for entry in entries:
        if entry.fingerprint != here:
            yield entry.name, f"it was measured on other faces ({entry.fingerprint[:40]}, {data} has {here})"
        elif not set(entry.weights) <= set(folders):
            yield entry.name, f"its checkpoint ({entry.checkpoint[:12]}) is not here"
        else:
            try:
                detectors = [read_detector(folders[sha256]) for sha256 in entry.weights]
            except (FkdError, OSError) as error:
                yield entry.name, f"its checkpoint cannot be read: {error}"
                continue
            predicted = mean_on_frames(detectors, test.images, test.four_point, entry.mirror)
            again = accuracy(predicted, test.points, 1).figures
            differs = _difference(entry.accuracy.figures, again)
            if entry.aligned and not differs:
                again = aligned(detectors, faces, split, predicted, entry.mirror)
                differs = _difference(entry.aligned, again, "aligned ")
            yield entry.name, differs


def _difference(told: Mapping[str, float | None], again: Mapping[str, float | None], kind: str = "") -> str:
    """The first figure that was not reproduced, in words; an empty text where all were."""
    for metric in METRICS:
        stated, value = told.get(metric.key), again[metric.key]
        if stated != value and (stated is None or value is None or abs(stated - value) > metric.same):
            return f"its {kind}{metric.label} is {_exactly(stated)}, but {_exactly(value)} came out"
    return ""


def _exactly(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"


def ranking_name(benchmark: str, data: Path, rows: int) -> str:
    """The name of a ranking: "kaggle" is short for the competition's; the data's name if empty.

    rows: the number of training rows. Raises FkdError if the ranking is the competition's but the data is not.
    """
    if benchmark not in ("kaggle", KAGGLE):
        return benchmark or data_name(data)
    if rows != COMPETITION_ROWS:
        raise FkdError(
            f"{data} has {rows:,} training rows, but the competition's file has {COMPETITION_ROWS:,}: "
            "leave out --benchmark kaggle for other data"
        )
    return KAGGLE


def data_name(data: Path) -> str:
    """Return the name of a data set in records: its folder's or file's."""
    path = data.resolve()
    return path.stem if path.is_file() else path.name
