"""Detectors of every kind on the held-out tenth, each error as it is and aligned, as a Markdown table.

python benchmarks/elsewhere.py --data DIR checkpoints/resnet18 dlib:FILE mediapipe:FILE onnx:FILE ...

RMSE in px of the 96 px frame, on the faces with 15 points, on those with four, and on all; the mean error in percent
of the inter-ocular distance on all. In brackets aligned: without the mean offset of each point, which is fitted on the
validation faces, apart for the two conventions. See docs/leaderboard.md.
"""

import argparse
from pathlib import Path

import numpy as np

from fkd.board.measuring import aligned_points
from fkd.data.split import in_order, split_data
from fkd.hub.reference import load
from fkd.metrics import METRICS, accuracy

HEADS = ("detector", "trained on", "15-point faces, px", "four-point faces, px", "all, px", "all, mean error")


def main() -> None:
    parser = argparse.ArgumentParser(description="Detectors side by side, as they are and aligned.")
    parser.add_argument("--data", type=Path, required=True, help="the competition's folder")
    parser.add_argument("detectors", nargs="+", help="as `fkd predict --checkpoint` takes them")
    arguments = parser.parse_args()
    faces, split = split_data(arguments.data)
    test = faces[in_order(faces, split.test)]
    rmse, nme, _ = METRICS
    print(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
    for detector in map(load, arguments.detectors):
        answers = detector.on_frames(test.images, test.four_point)
        both = answers, aligned_points([detector], faces, split, answers)
        cells = [f"`{detector.name}`", detector.data.name or "not stated"]
        every = test.four_point | True
        for metric, rows in ((rmse, ~test.four_point), (rmse, test.four_point), (rmse, every), (nme, every)):
            if not np.isfinite(test.points[rows]).any():  # data without faces of this kind
                cells.append("-")
                continue
            raw, aligned = (accuracy(points[rows], test.points[rows], 1).figures[metric.key] for points in both)
            unit = "%" if metric.unit == "%" else ""
            cells.append(f"{raw:.{metric.digits}f}{unit} ({aligned:.{metric.digits}f}{unit})")
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
