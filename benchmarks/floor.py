"""How far the labels agree with themselves: what the errors of two independently trained networks share, by keypoint.

    python benchmarks/floor.py --data DIR --out leaderboard/NAME/floor.json       prints the table, writes the file

Two networks of different architecture are trained, each on the other half of the training faces (no near-duplicate is
in both), and answer the held-out ones by flip averaging; the mean offset of each point, fitted on the validation faces,
is taken off. fkd/board/floor.py says what their errors then tell. A run that was stopped is continued by the same
command. --only 1 and --only 2 train one network each, in two processes side by side; without it, the command then
measures both.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from paper import markdown

from fkd.board.floor import Floor, Shared, by_keypoint, shared_error
from fkd.board.measuring import aligned_points, data_name
from fkd.data.faces import Faces
from fkd.data.split import Split, cached_groups, deal, fingerprint, split_data
from fkd.files import write_json
from fkd.learn.config import TrainConfig
from fkd.learn.models import ModelConfig
from fkd.learn.record import CONFIG
from fkd.learn.run_state import STATE
from fkd.learn.train import train
from fkd.photo.kinds import read_detector

# Basic blocks behind one 7 x 7 convolution, and bottlenecks behind three of 3 x 3: 541 and 555 million multiply-adds.
NETWORKS = ("resnet18", "resnet14t")


def halves(faces: Faces, split: Split, groups: np.ndarray) -> list[Split]:
    """The split with one half of its training rows, and with the other; no look-alike group is in both."""
    dealt = deal(faces[split.train], groups[split.train], (0.5, 1))
    return [dataclasses.replace(split, train=split.train[rows]) for rows in dealt]


def errors(folder: Path, faces: Faces, split: Split) -> np.ndarray:
    """The labels of the test faces less a checkpoint's aligned, flip-averaged answers, [N, 15, 2] px."""
    detector, test = read_detector(folder), faces[split.test]
    predicted = detector.on_frames(test.images, test.four_point, mirror=True)
    aligned = aligned_points([detector], faces[split.validation], test, predicted, mirror=True)
    return test.points.astype(np.float64) - aligned


def measure(
    folders: list[Path], faces: Faces, split: Split, groups: np.ndarray, name: str, networks: list[str], epochs: int
) -> Floor:
    """The noise floor from two checkpoints. groups: of all faces [N]."""
    first, second = [errors(folder, faces, split) for folder in folders]
    test = faces[split.test]
    _, groups_of_test = np.unique(groups[split.test], return_inverse=True)

    def among(rows: np.ndarray) -> Shared | None:
        """What is shared on the faces of `rows` (bool [N])."""
        chosen = rows[:, None, None]
        return shared_error(np.where(chosen, first, np.nan), np.where(chosen, second, np.nan), groups_of_test)

    overall = shared_error(first, second, groups_of_test)
    if not overall:
        raise ValueError(f"none of the {len(test)} held-out faces has a label: nothing can be measured")
    return Floor(
        benchmark=name,
        fingerprint=fingerprint(test),
        networks=networks,
        faces=[len(half.train) for half in halves(faces, split, groups)],
        epochs=epochs,
        overall=overall,
        fifteen_point=among(~test.four_point),
        four_point=among(test.four_point),
        by_keypoint=by_keypoint(first, second, groups_of_test),
    )


def as_printed(floor: Floor) -> str:
    """The table of the documentation."""
    parts = {
        "all labels": floor.overall,
        "15-point faces": floor.fifteen_point,
        "four-point faces": floor.four_point,
        **{name.replace("_", " "): part for name, part in floor.by_keypoint.items()},
    }

    def rows() -> Iterator[list[str]]:
        for name, part in parts.items():
            if part:
                figures = [f"{part.shared:.3f}", f"{part.low:.3f} to {part.high:.3f}", *(f"{x:.3f}" for x in part.rmse)]
                yield [name, *figures, f"{part.share:.0%}"]

    heads = ["labels", "shared error, px", "95% interval", *(f"{name}, px" for name in floor.networks)]
    return markdown(pd.DataFrame(rows(), columns=[*heads, "share of the squared error"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the json file to write")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first network; the second has the next")
    parser.add_argument("--networks", nargs=2, default=list(NETWORKS), metavar=("FIRST", "SECOND"))
    parser.add_argument("--only", type=int, choices=(1, 2), help="train this network alone, and measure nothing")
    parser.add_argument("--runs", type=Path, default=Path("artefacts/floor"), help="where both are trained")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    faces, split = split_data(arguments.data)
    groups, name = cached_groups(faces), data_name(arguments.data)
    folders: list[Path] = []
    for number, (network, half) in enumerate(zip(arguments.networks, halves(faces, split, groups), strict=True), 1):
        folder = arguments.runs / f"{number}-{network}"
        folders.append(folder)
        if arguments.only in (None, number):
            config = TrainConfig(epochs=arguments.epochs, seed=arguments.seed + number - 1)
            begun = (folder / STATE).exists() or (folder / CONFIG).exists()
            done = train(ModelConfig(network), config, faces, half, folder, name, device=arguments.device, resume=begun)
            print(f"{folder}: validation RMSE {done.validation_rmse:.3f} px at epoch {done.best_epoch}")
    if not arguments.only:
        floor = measure(folders, faces, split, groups, name, arguments.networks, arguments.epochs)
        write_json(arguments.out, dataclasses.asdict(floor))
        print(as_printed(floor))


if __name__ == "__main__":
    main()
