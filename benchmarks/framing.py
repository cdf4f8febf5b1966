"""Badly framed faces: the RMSE of checkpoints on a set's validation faces, moved and scaled in the frame.

python benchmarks/framing.py --data DIR CHECKPOINT [CHECKPOINT ...]

The frames are warped as augmentation warps them (edges repeated); a point that leaves the frame does not count. Errors
are px of the original framing, so that a larger face does not count more.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from paper import markdown

from fkd.data.faces import Faces
from fkd.data.split import split_data
from fkd.hub.reference import load
from fkd.learn.augment import similarity, warp
from fkd.metrics import accuracy

# Name -> scale, and shift in px. The competition's four-point faces have 0.66 to 1.27 times the usual eye distance.
FRAMINGS = {
    "as labelled": (1.0, 0),
    "two thirds as large": (0.66, 0),
    "a quarter larger": (1.27, 0),
    "half as large again": (1.5, 0),
    "moved by 12 px": (1.0, 12),
    "moved by 24 px": (1.0, 24),
    "half outside the frame": (1.0, 48),
}


def framed(faces: Faces, scale: float, shift: float) -> Faces:
    """Faces scaled about the frame's centre and moved by `shift` px, each in one of eight directions."""
    count = len(faces)
    way = torch.arange(count) % 8 * math.pi / 4
    matrix = similarity(torch.zeros(count), torch.full((count,), scale), shift * torch.stack([way.cos(), way.sin()], 1))
    images = torch.from_numpy(faces.images).float()[:, None] / 255
    images, points = warp(images, torch.from_numpy(faces.points), matrix)
    return Faces((255 * images[:, 0]).round().byte().numpy(), points.numpy())


def main() -> None:
    """Prints a table: a row for each framing, a column for each checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("checkpoints", nargs="+")
    arguments = parser.parse_args()
    faces, split = split_data(arguments.data)
    detectors = {reference: load(reference) for reference in arguments.checkpoints}
    rows: list[dict[str, str]] = []
    for name, (scale, shift) in FRAMINGS.items():
        moved = framed(faces[split.validation], scale, shift)
        rows.append({"framing": name})
        for reference, detector in detectors.items():
            answers = detector.on_frames(moved.images, faces[split.validation].four_point, mirror=True)
            rmse = accuracy(answers, moved.points, resamples=1).rmse / scale
            far = np.nanmax(np.abs(answers - moved.points).reshape(len(answers), -1), 1) > 5 * scale
            rows[-1][reference] = f"{rmse:.3f} ({100 * far.mean():.1f}% of faces off by more than 5 px)"
    print(markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
