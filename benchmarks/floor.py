"""How far the labels agree with themselves: the errors shared by two independently trained networks, by keypoint.

    python benchmarks/floor.py --data DIR --out benchmarks/floor.json       prints the table, writes the file

With labels y and answers a and b of two networks that were trained on different faces,
mean (y - a)(y - b) = (mean (y - a)^2 + mean (y - b)^2 - mean (a - b)^2) / 2: the variance of the labels' errors by the
three-cornered hat (Gray & Allan 1974; Grubbs 1948 for measuring instruments), if the errors of y, a and b are
independent. Networks that learn from similar faces make some errors alike, which count as the labels' noise here: the
estimate is an upper bound. A labeller's systematic errors are learnt by both networks, and are not part of it.

Two networks of different architecture are trained, each on the other half of the training faces (near-duplicates are in
one half), and answer the held-out faces by flip averaging; the mean offset of each point, fitted on the validation
faces, is subtracted. The same command continues a run that was stopped.
"""

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from paper import markdown

from fkd.board.measuring import aligned_points
from fkd.data.faces import Faces
from fkd.data.record import data_name
from fkd.data.split import Split, cached_groups, deal, fingerprint, in_order, split_data
from fkd.files import read_json, typed, write_json
from fkd.keypoints import NAMES
from fkd.learn.config import TrainConfig
from fkd.learn.models import ModelConfig
from fkd.learn.run_state import STATE
from fkd.learn.train import train
from fkd.metrics import resampled_means
from fkd.photo.kinds import read_detector

# Basic blocks behind one 7 x 7 convolution, and bottlenecks behind three of 3 x 3: 541 and 555 million multiply-adds.
NETWORKS = ("resnet18", "resnet14t")


@dataclass(frozen=True)
class Shared:
    """The part that two networks' errors on the same labels share, px.

    shared: the root of the mean product of their errors, 0 where that is negative. low, high: its 95% bootstrap
    interval by look-alike group. rmse: of each network. values: the number of labelled coordinates.
    """

    shared: float
    low: float
    high: float
    rmse: list[float]
    values: int

    @property
    def share(self) -> float:
        """The part of the networks' mean squared error that is shared."""
        squares = sum(rmse**2 for rmse in self.rmse) / 2
        return self.shared**2 / squares if squares else 0.0


@dataclass(frozen=True)
class Floor:
    """The noise floor of a benchmark.

    fingerprint: of the test faces. networks: the two, by timm's names. faces: how many each was trained on. parts: over
    all labels, those of each label convention, and each keypoint; only parts with labels.
    """

    benchmark: str
    fingerprint: str
    networks: list[str]
    faces: list[int]
    epochs: int
    parts: dict[str, Shared]


def shared_error(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> Shared | None:
    """Return the shared part of the errors of two networks, None where nothing is labelled.

    first, second: their errors on the same labels [N, ...] px, NaN where a label is missing. groups: the look-alike
    group of each face [N], from 0; it is drawn as a whole.
    """
    labelled = np.isfinite(first).reshape(len(first), -1)
    if not labelled.any():
        return None

    def by_group(values: np.ndarray) -> np.ndarray:
        return np.bincount(groups, np.nansum(values.reshape(len(values), -1), 1))

    products, counts = by_group(first * second), by_group(labelled)
    low, high = np.quantile(resampled_means(products, counts), (0.025, 0.975))
    values = int(labelled.sum())
    return Shared(
        shared=_root(products.sum() / values),
        low=_root(low),
        high=_root(high),
        rmse=[_root(np.nansum(errors**2) / values) for errors in (first, second)],
        values=values,
    )


def _root(mean: float) -> float:
    """The root of a mean of products of errors, px, 0 where it is negative."""
    return round(float(np.sqrt(max(0.0, mean))), 4)


def halves(faces: Faces, split: Split, groups: np.ndarray) -> list[Split]:
    """The split with one half of its training rows, and with the other; no look-alike group is in both."""
    dealt = deal(faces[split.train], groups[split.train], (0.5, 1))
    return [dataclasses.replace(split, train=split.train[rows]) for rows in dealt]


def errors(folder: Path, faces: Faces, split: Split) -> np.ndarray:
    """The labels of the test faces less a checkpoint's aligned, flip-averaged answers, [N, 15, 2] px."""
    detector, test = read_detector(folder), faces[in_order(faces, split.test)]
    predicted = detector.on_frames(test.images, test.four_point, mirror=True)
    aligned = aligned_points([detector], faces, split, predicted, mirror=True)
    return test.points.astype(np.float64) - aligned


def measure_parts(
    first: np.ndarray, second: np.ndarray, four_point: np.ndarray, groups: np.ndarray
) -> dict[str, Shared]:
    """The parts of a `Floor`. first, second: errors [N, 15, 2] px. four_point: bool [N]. groups: as `shared_error`."""
    parts = {
        "all labels": np.ones((len(first), 15, 1), bool),
        "15-point faces": ~four_point[:, None, None],
        "four-point faces": four_point[:, None, None],
    }
    for number, name in enumerate(NAMES):
        parts[name.replace("_", " ")] = np.arange(15)[None, :, None] == number
    shared = {
        name: shared_error(np.where(part, first, np.nan), np.where(part, second, np.nan), groups)
        for name, part in parts.items()
    }
    return {name: part for name, part in shared.items() if part}


def read_floor(path: Path) -> Floor:
    return typed(read_json(path), Floor, str(path))


def as_printed(floor: Floor) -> str:
    """The table of the documentation."""
    rows = []
    for name, part in floor.parts.items():
        figures = [f"{part.shared:.3f}", f"{part.low:.3f} to {part.high:.3f}", *(f"{rmse:.3f}" for rmse in part.rmse)]
        rows.append([name, *figures, f"{part.share:.0%}"])
    heads = ["labels", "shared error, px", "95% interval", *(f"{name}, px" for name in floor.networks)]
    return markdown(pd.DataFrame(rows, columns=[*heads, "share of the squared error"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the json file to write")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--networks", nargs=2, default=list(NETWORKS), metavar=("FIRST", "SECOND"))
    parser.add_argument("--runs", type=Path, default=Path("artefacts/floor"), help="where both are trained")
    arguments = parser.parse_args()
    faces, split = split_data(arguments.data)
    groups, name = cached_groups(faces), data_name(arguments.data)
    folders: list[Path] = []
    for number, (network, half) in enumerate(zip(arguments.networks, halves(faces, split, groups), strict=True), 1):
        folder = arguments.runs / f"{number}-{network}"
        folders.append(folder)
        config, started = TrainConfig(epochs=arguments.epochs, seed=number - 1), (folder / STATE).exists()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        done = train(ModelConfig(network), config, faces, half, folder, name, device=device, resume=started)
        print(f"{folder}: validation RMSE {done.validation_rmse:.3f} px at epoch {done.best_epoch}")
    first, second = [errors(folder, faces, split) for folder in folders]
    rows = in_order(faces, split.test)
    test, groups_of_test = faces[rows], np.unique(groups[rows], return_inverse=True)[1]
    floor = Floor(
        benchmark=name,
        fingerprint=fingerprint(test),
        networks=arguments.networks,
        faces=[len(half.train) for half in halves(faces, split, groups)],
        epochs=arguments.epochs,
        parts=measure_parts(first, second, test.four_point, groups_of_test),
    )
    write_json(arguments.out, dataclasses.asdict(floor))
    print(as_printed(floor))


if __name__ == "__main__":
    main()
