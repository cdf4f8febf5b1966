"""Detectors and a data set -> the Evaluation that a leaderboard entry is made of, or the competition's submission."""

import dataclasses
import platform
import re
import statistics
import timeit
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from fkd.board.entries import KAGGLE, read_benchmarks
from fkd.board.record import Cost, Evaluation
from fkd.board.robustness import robustness
from fkd.data.competition import read_lookup, read_test, submission_problem
from fkd.data.conventions import find_conventions
from fkd.data.faces import Faces
from fkd.data.record import data_name
from fkd.data.split import Split, fingerprint, in_order, record_of, split_data
from fkd.errors import FkdError
from fkd.keypoints import COLUMNS, FOUR_POINT, FRAME_SIZE, NAMES
from fkd.learn.models import build_model
from fkd.metrics import METRICS, Accuracy, accuracy, detail, mean_offsets
from fkd.photo.detector import Detector, mean_on_frames
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.kinds import read_detector

COMPETITION_ROWS = 7049


def evaluate(
    detectors: Detector | Sequence[Detector],
    data: Path | str,
    benchmark: str = "",
    name: str = "",
    mirror: bool = False,
) -> Evaluation:
    """Measure a detector, or the mean of several, on the held-out tenth of a training file, and on degraded copies.

    Args:
        data: The competition's folder or training file.
        benchmark: The ranking's name, or if empty, as from `ranking_name`.
        name: The entry's; the first detector's if empty.
        mirror: Average predictions over the image and its horizontal flip (flip averaging).
    """
    detectors, data = detectors if isinstance(detectors, Sequence) else [detectors], Path(data)
    faces, split = split_data(data)
    test = faces[in_order(faces, split.test)]
    prints = record_of(data_name(data), faces, split).fingerprints
    predicted = mean_on_frames(detectors, test.images, test.four_point, mirror)
    return Evaluation(
        name=entry_name(detectors, name, mirror),
        benchmark=benchmark or ranking_name(data, faces),
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
        revision=detectors[0].folder.name if "/" in detectors[0].name and detectors[0].folder else "",
        aligned=_figures(aligned_points(detectors, faces, split, predicted, mirror), test),
    )


def mean_face(faces: Faces, split: Split, rows: np.ndarray) -> Accuracy:
    """Return the accuracy of the simplest answer to the faces of these rows: the mean of the training labels.

    Faces with four points have a separate mean, as their labels follow another convention.
    """
    training, test = faces[split.train], faces[rows]
    means = -mean_offsets(np.zeros_like(training.points), training.points, training.four_point.astype(int), 2)
    return accuracy(means[test.four_point.astype(int)], test.points, resamples=1)


def aligned_points(
    detectors: Sequence[Detector], faces: Faces, split: Split, predicted: np.ndarray, mirror: bool = False
) -> np.ndarray:
    """Return predictions for the held-out faces less the mean offset of each point, [N, 15, 2] px.

    The offsets are those of the same detectors on the validation faces, separately for each label convention of the
    file. They are differences of definitions, such as where the tip of a nose is, and not errors of the detector.
    predicted: [N, 15, 2] px, for the faces of `split.test` in the order of `in_order`.
    """
    conventions, validation = find_conventions(faces.points), faces[split.validation]
    fitted = mean_on_frames(detectors, validation.images, validation.four_point, mirror)
    convention = conventions.rows[split.validation]
    offsets = mean_offsets(fitted, validation.points, convention, len(conventions.values))  # [C, 15, 2] px
    return np.asarray(predicted - offsets[conventions.rows[in_order(faces, split.test)]])


def measure_again(entries: Sequence[Evaluation], folders: Mapping[str, Path], data: Path) -> Iterator[tuple[str, str]]:
    """Measure every entry of a benchmark again; yield its name, and the first difference or an empty string.

    folders: the available checkpoints, folders or files, by `Evaluation.keys`.
    """
    faces, split = split_data(data)
    for entry in entries:
        try:
            yield entry.name, _difference(entry, folders, faces, split)
        except (FkdError, OSError) as error:
            yield entry.name, f"it cannot be measured: {error}"


def _difference(entry: Evaluation, folders: Mapping[str, Path], faces: Faces, split: Split) -> str:
    test = faces[in_order(faces, split.test)]
    if entry.fingerprint != fingerprint(test):
        return f"it was measured on other faces ({entry.fingerprint[:40]}, here {fingerprint(test)})"
    if missing := [key for key in entry.keys if key not in folders]:
        return f"its checkpoint ({missing[0][:12]}) is not here"
    detectors = [read_detector(folders[key]) for key in entry.keys]
    predicted = mean_on_frames(detectors, test.images, test.four_point, entry.mirror)
    now = dataclasses.replace(entry, accuracy=accuracy(predicted, test.points, resamples=1))
    if entry.aligned:
        aligned = aligned_points(detectors, faces, split, predicted, entry.mirror)
        now = dataclasses.replace(now, aligned=_figures(aligned, test))
    return changed(entry, now)


def changed(before: Evaluation, now: Evaluation) -> str:
    """Return the first figure of an entry that was not reproduced within its tolerance; empty if all were."""
    pairs = {"": (before.accuracy.figures, now.accuracy.figures), "aligned ": (before.aligned or {}, now.aligned or {})}
    for kind, (recorded, measured) in pairs.items():
        for metric in METRICS:
            was, value = recorded.get(metric.key), measured.get(metric.key)
            if was != value and (was is None or value is None or abs(was - value) > metric.same):
                return f"its {kind}{metric.label} is {metric.shown(was)}, measured again {metric.shown(value)}"
    return ""


def _figures(predicted: np.ndarray, test: Faces) -> dict[str, float | None]:
    return accuracy(predicted, test.points, resamples=1).figures


def entry_name(detectors: Sequence[Detector], name: str, mirror: bool) -> str:
    """Return the name of an entry: if none is given, the first detector's without blanks, with -mirror if averaged."""
    return name or "-".join(detectors[0].name.split()) + ("-mirror" if mirror else "")


def find_ranking(data: Path, root: Path) -> tuple[str, str]:
    """Return the name of a ranking, and the fingerprint of the held-out faces.

    It is the one under ROOT that has these faces, whatever the data's folder is called.
    """
    faces, split = split_data(data)
    found = fingerprint(faces[split.test])
    same = [each.name for each in read_benchmarks(root) if each.fingerprint == found]
    return min(same, default=ranking_name(data, faces)), found


def ranking_name(data: Path, faces: Faces) -> str:
    """Return the name of a new ranking: the competition's for as many rows as its file has, else the data's."""
    return KAGGLE if len(faces) == COMPETITION_ROWS else data_name(data)


def cost(detectors: Sequence[Detector], mirror: bool = False, repeats: int = 30) -> Cost:
    """Count the parameters and multiply-adds of one answer, and time it on the detectors' device."""
    networks = [detector for detector in detectors if isinstance(detector, CheckpointDetector)]
    models = [build_model(network.config).eval() for network in networks]
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        for model in models:
            model(torch.zeros(1 + mirror, 1, FRAME_SIZE, FRAME_SIZE))
    is_counted = len(networks) == len(detectors)
    frame = np.random.default_rng(0).integers(0, 256, (1, FRAME_SIZE, FRAME_SIZE), np.uint8)
    seconds = timeit.repeat(lambda: mean_on_frames(detectors, frame, mirror=mirror), number=1, repeat=repeats + 3)
    return Cost(
        parameters=sum(part.numel() for model in models for part in model.parameters()) if is_counted else None,
        macs=counter.get_total_flops() // 2 if is_counted else None,
        latency_ms=round(1000 * statistics.median(seconds[3:]), 3),
        hardware=hardware(networks[0].device, networks[0].runtime) if networks else _processor(),
    )


def hardware(device: str, runtime: str = "") -> str:
    """Name the device: the GPU, or the processor and the runtime, or torch's number of threads without one."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {runtime or f'{threads} thread' + ('s' if threads > 1 else '')}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = re.search(r"^model name\s*: (.+)$", info.read_text(), re.M) if info.exists() else None
    return names[1] if names else platform.processor() or platform.machine()


def submission(detectors: Sequence[Detector], data: Path | str, mirror: bool = False) -> pd.DataFrame:
    """Answer every row of IdLookupTable.csv: columns RowId and Location, px, clipped to the frame.

    An image for which only the four points are requested is answered in their convention. Several detectors
    are averaged. Raises as `read_test` and `read_lookup` do, and FkdError for an ImageId without image.
    """
    if problem := submission_problem(data):
        raise FkdError(problem)
    test, lookup = read_test(data), read_lookup(data)
    rows = pd.Index(test.image_ids).get_indexer(lookup["ImageId"])
    columns = lookup["FeatureName"].map(COLUMNS.index).to_numpy(np.int64)
    requested = np.zeros((len(test.images), len(NAMES)), bool)
    requested[rows, columns // 2] = True
    four_point = np.asarray(requested.any(1) & ~np.delete(requested, FOUR_POINT, 1).any(1))
    points = mean_on_frames(detectors, test.images, four_point, mirror)  # [M, 15, 2] px
    location = points.reshape(len(points), -1)[rows, columns].clip(0, FRAME_SIZE - 1)
    return pd.DataFrame({"RowId": lookup["RowId"], "Location": location})
