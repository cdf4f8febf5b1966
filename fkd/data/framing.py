"""A photo and its points -> a frame in which the face sits as in the competition's frames."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from fkd.keypoints import FRAME_SIZE

# The mean of each point over the competition's densely labelled rows, px; a published summary, not its labels.
TYPICAL = np.array(
    [
        (66.12, 36.91), (29.66, 37.10), (59.16, 37.94), (73.33, 37.71), (36.65, 37.99), (22.38, 38.03), (56.07, 29.33),
        (79.48, 29.73), (39.32, 29.50), (15.87, 30.43), (47.92, 57.43), (63.29, 75.97), (32.90, 76.18), (47.98, 72.92),
        (48.04, 82.44),
    ]
)  # fmt: skip
SCALE_SPREAD, SHIFT_SPREAD = 0.05, 1.8  # standard deviations: of the scale's logarithm, and px
MOST_TURNED = 7.5  # px, mean distance to TYPICAL along an axis: a face turned or tilted further is left out
LARGEST_SCALE = 3.0  # frame px per photo px: a smaller face, below 32 px, shows too little
BORDER = 64  # photo px added on each side, so that a frame may reach beyond the photo
OVERSAMPLED = 4  # a frame that shrinks the photo is drawn so many times larger, and averaged


@dataclass(frozen=True)
class Placement:
    """Where a face goes: frame px = scale * photo px + shift."""

    scale: float
    shift: np.ndarray

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points [N, 2] px of the photo -> px of the frame."""
        placed: np.ndarray = self.scale * points + self.shift
        return placed


def place(points: np.ndarray, rng: np.random.Generator) -> Placement | None:
    """Places a face by its points [15, 2] px, without turning it, with the competition's spread.

    None for points that no scale brings near TYPICAL; nothing is then drawn from `rng`.
    """
    face, typical = points - points.mean(0), TYPICAL - TYPICAL.mean(0)
    likeness = (face * typical).sum()
    if likeness <= 0:
        return None
    scale = (typical * typical).sum() / max(likeness, 1e-6)
    scale *= np.exp(rng.normal(0, SCALE_SPREAD))
    shift = TYPICAL.mean(0) + rng.normal(0, SHIFT_SPREAD, 2) - scale * points.mean(0)
    return Placement(scale, shift)


def fits(placement: Placement, points: np.ndarray, shown: np.ndarray) -> bool:
    """Whether a placed face is inside the frame, upright and large enough.

    points: [15, 2] px of the photo, by which it was placed. shown: [15, 2] px of the photo, its labels.
    """
    placed = placement.apply(shown)
    turned = np.abs(placement.scale * (points - points.mean(0)) - (TYPICAL - TYPICAL.mean(0))).mean()
    inside = placed.min() >= 0 and placed.max() <= FRAME_SIZE - 1
    return bool(inside and turned <= MOST_TURNED and placement.scale <= LARGEST_SCALE)


def frame_of(photo: Image.Image, placement: Placement) -> np.ndarray:
    """The frame's pixels, uint8 [96, 96]: bicubic, averaged over each pixel's area where the photo shrinks."""
    scale, factor = placement.scale, OVERSAMPLED if placement.scale < 1 else 1
    bordered = Image.fromarray(np.pad(np.asarray(photo.convert("L")), BORDER, mode="edge"))
    step = 1 / (scale * factor)
    start = (-placement.shift + (0.5 / factor - 0.5)) / scale + BORDER
    start = start + 0.5 - 0.5 * step  # Pillow counts from a pixel's corner, in both pictures
    size = (FRAME_SIZE * factor, FRAME_SIZE * factor)
    matrix = (step, 0, start[0], 0, step, start[1])
    frame = bordered.transform(size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BICUBIC)
    if factor > 1:
        frame = frame.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.BOX)
    return np.asarray(frame, np.uint8)
