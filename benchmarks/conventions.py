"""Label conventions: checkpoints on the held-out tenth of a file with several among its 15-point rows.

python benchmarks/conventions.py --data DIR CHECKPOINT [CHECKPOINT ...]

RMSE in px with flip averaging, and of the two lip points alone: as predicted, less one mean offset per point, and less
one per point and convention (offsets from the validation faces). Then the median lip gap, in percent of the eye
distance, of answers as for a photo to the validation faces of each convention.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from paper import markdown

from fkd.board.measuring import aligned_points
from fkd.data.conventions import find_conventions
from fkd.data.split import in_order, split_data
from fkd.hub.reference import load
from fkd.keypoints import BOTTOM_LIP, LEFT_EYE, RIGHT_EYE, TOP_LIP
from fkd.metrics import mean_offsets


def lip_gaps(points: np.ndarray) -> np.ndarray:
    """From the top to the bottom lip, [N] percent of the eye distance. points: [N, 15, 2] px."""
    lips, eyes = points[:, TOP_LIP] - points[:, BOTTOM_LIP], points[:, LEFT_EYE] - points[:, RIGHT_EYE]
    return np.asarray(100 * np.linalg.norm(lips, axis=1) / np.linalg.norm(eyes, axis=1))


def main() -> None:
    """Prints a table: a row for each checkpoint, the first one for the labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("checkpoints", nargs="+")
    arguments = parser.parse_args()
    faces, split = split_data(arguments.data)
    conventions, validation = find_conventions(faces.points), faces[split.validation]
    test, of_validation = faces[in_order(faces, split.test)], conventions.rows[split.validation]

    def errors(answers: np.ndarray) -> str:
        error = answers - test.points
        every, lips = (np.sqrt(np.nanmean(part**2)) for part in (error, error[:, [TOP_LIP, BOTTOM_LIP]]))
        return f"{every:.3f} ({lips:.3f})"

    def gaps(answers: np.ndarray) -> dict[str, str]:
        return {
            f"gap, {convention.name}": f"{np.nanmedian(lip_gaps(answers)[of_validation == number]):.1f}%"
            for number, convention in enumerate(conventions.values)
            if not convention.four_point
        }

    rows = [{"checkpoint": "labels"} | gaps(validation.points)]
    for reference in arguments.checkpoints:
        detector = load(reference)
        answers = detector.on_frames(test.images, test.four_point, mirror=True)
        fitted = detector.on_frames(validation.images, validation.four_point, mirror=True)
        one = mean_offsets(fitted, validation.points, np.zeros(len(validation), int), 1)[0]
        row = {
            "checkpoint": reference,
            "RMSE (lips)": errors(answers),
            "aligned": errors(answers - one),
            "aligned by convention": errors(aligned_points([detector], faces, split, answers, mirror=True)),
        }
        rows.append(row | gaps(detector.on_frames(validation.images, mirror=True)))
    print(markdown(pd.DataFrame(rows).fillna("")))


if __name__ == "__main__":
    main()
