"""The square crop of a face: the 2 x 3 matrix photo -> frame, its inverse, and the pixels.

Pixel (i, j) is a square with its centre at (i, j): a picture of width w spans x from -0.5 to w - 0.5.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from fkd.errors import FkdError
from fkd.photo.reading import full_size, is_deep, to_grey


def frame_matrix(box: Sequence[float], turn: float = 0.0, size: int = 96) -> np.ndarray:
    """Return the float64 [2, 3] matrix that takes photo px to px of the upright frame of a box.

    box, turn: as in FaceBox; the frame is the square of the box's longer side about its centre. size: the frame's side,
    px. Raises FkdError for a box without a size.
    """
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0)
    if not (0 < side < np.inf):
        raise FkdError(f"a box needs a size, not {box}")
    linear = rotation(turn) * (size / side)
    shift = (size - 1) / 2 - linear @ [(x0 + x1) / 2, (y0 + y1) / 2]
    return np.column_stack([linear, shift])


def rotation(turn: float) -> np.ndarray:
    """Counter-clockwise on the screen, where y points down."""
    cos, sin = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    return np.array([[cos, sin], [-sin, cos]])


def align_matrix(points: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """Return the similarity (rotation, one scale, shift), float64 [2, 3], that takes points to reference.

    points: [K, 2], photo px. reference: [K, 2], frame px. Rows with a NaN in either are left out. Least squares in the
    frame, never mirrored (Umeyama 1991). Raises FkdError where fewer than two different points are left.
    """
    start, goal = np.asarray(points, np.float64), np.asarray(reference, np.float64)
    labelled = np.isfinite(start).all(1) & np.isfinite(goal).all(1)
    start, goal = start[labelled], goal[labelled]
    middle, target = (start.mean(0), goal.mean(0)) if len(start) else (np.zeros(2), np.zeros(2))
    # In the plane Umeyama's solution is one complex number, the regression of one point set on the other.
    from_middle, from_target = (start - middle) @ [1, 1j], (goal - target) @ [1, 1j]
    spread = np.vdot(from_middle, from_middle).real
    factor = np.vdot(from_middle, from_target) / spread if spread > 0 else 0j
    if factor == 0:
        raise FkdError("a similarity needs two different points on both sides")
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, target - linear @ middle])


def apply(matrix: np.ndarray, points: ArrayLike) -> np.ndarray:
    """Take points [..., 2] through a matrix [2, 3]; NaN stays NaN."""
    moved: np.ndarray = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return moved


def invert(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix [2, 3] of the way back, float64."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def crop(photo: Image.Image, matrix: np.ndarray, size: int = 96) -> np.ndarray:
    """Cut the frame that a matrix [2, 3] (photo px -> frame px) describes, grey uint8 [size, size].

    Pillow's antialiasing shrinks the part of the photo that is larger than the frame, then it is sampled once, bicubic
    (Keys 1981); outside the photo, its edge is repeated.
    """
    if is_deep(photo):
        photo = to_grey(photo)
    back = invert(np.asarray(matrix, np.float64))
    if (zoom := photo.width / full_size(photo)[0]) != 1:  # from px of the full size to those that were decoded
        back = zoom * back + np.array([0, 0, (zoom - 1) / 2])
    step = np.sqrt(abs(np.linalg.det(back[:, :2])))
    corners = apply(back, [[0, 0], [size, 0], [0, size], [size, size]])
    limit = np.array(photo.size)
    reach = 3 * max(step, 1)
    low = np.clip(np.floor(corners.min(0) - reach), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners.max(0) + reach), low + 1, limit).astype(int)
    part = to_grey(photo.crop((*low.tolist(), *high.tolist())))
    if step > 1:
        part = part.resize([int(np.ceil(n / step)) for n in part.size], Image.Resampling.BICUBIC)
    # Photo px -> px of the shrunk part, by corners: (0, 0) is the corner of its first pixel, as Pillow counts.
    zoom = np.array(part.size) / (high - low)
    linear = zoom[:, None] * back[:, :2]
    shift = zoom * (back[:, 2] + 0.5 - low) - linear @ [0.5, 0.5]
    # Pillow fills the outside with black, so the edge is extended first, as far as the frame reaches.
    corners = apply(np.column_stack([linear, shift]), [[0, 0], [size, 0], [0, size], [size, size]])
    pad = int(np.clip(max(-corners.min(), (corners - part.size).max()) + 3, 0, 8 * size))
    # In floats: on bytes Pillow cuts off where it should round.
    part = Image.fromarray(np.pad(np.asarray(part, np.float32), pad, mode="edge"))
    data = np.column_stack([linear, shift + pad]).ravel().tolist()
    frame = part.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
    return np.asarray(frame).round().clip(0, 255).astype(np.uint8)
