"""Cartoon faces with keypoints, for tests and for a figure of the documentation."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from fkd.data.faces import Faces
from fkd.keypoints import EDGES, FOUR_POINT, MEAN_FACE, NAMES


def draw_face(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A cartoon with its features at points [15, 2] px -> uint8 [96, 96]."""
    background, skin, ink = map(int, (rng.integers(0, 90), rng.integers(140, 220), rng.integers(0, 80)))
    big = Image.new("L", (384, 384), background)
    pen = ImageDraw.Draw(big)
    at = {name: tuple(4 * point + 2) for name, point in zip(NAMES, points, strict=True)}
    x, y = 4 * points.mean(0)
    pen.ellipse((x - 180, y - 210, x + 180, y + 200), fill=skin)
    for start, stop in EDGES:
        pen.line([at[start], at[stop]], fill=ink, width=8)
    for name in ("left_eye_center", "right_eye_center"):
        pen.circle(at[name], 12, fill=ink)
    x, y = at["nose_tip"]
    pen.polygon([(x - 14, y), (x + 14, y), (x, y - 40)], fill=int(skin * 0.7))
    small = np.asarray(big.filter(ImageFilter.GaussianBlur(3)).resize((96, 96), Image.Resampling.BOX), np.float32)
    return (small + rng.normal(0, 6, small.shape)).clip(0, 255).astype(np.uint8)


def draw_faces(count: int, seed: int = 0, four_point_share: float = 0.4) -> Faces:
    """Faces, the last `four_point_share` of them with the four labels only."""
    rng = np.random.default_rng(seed)
    points = np.array(MEAN_FACE) + rng.normal(0, 1.2, (count, 15, 2)) + rng.normal(0, 3, (count, 1, 2))
    images = np.stack([draw_face(face, rng) for face in points])
    points = points.astype(np.float32).round(3)
    others = [index for index in range(15) if index not in FOUR_POINT]
    points[int(count * (1 - four_point_share)) :, others] = np.nan
    return Faces(images, points)


def to_pts(points: np.ndarray) -> str:
    """Points [K, 2] px -> the text of a .pts file; a missing point is nan."""
    lines = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in np.asarray(points, np.float64))
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n"
