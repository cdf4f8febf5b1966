"""Overlays: a photo and points -> a new photo; the input is never changed."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from fkd.keypoints import EDGES, LEFT_EYE, NAMES, RIGHT_EYE
from fkd.photo.comparison import Comparison
from fkd.photo.face import FaceBox
from fkd.photo.reading import full_size

ROOM = 1.2  # part of a face's square that a picture of it shows
SMOOTH = 4  # drawn this much larger, then shrunk, for smooth edges


def draw_points(photo: Image.Image, faces: Sequence[np.ndarray], colour: str, least: float = 1.2) -> Image.Image:
    """Draws the points of faces, and the lines of eyes, brows and mouth, on a copy of a photo.

    faces: arrays [15, 2], photo pixels. The size of the marks follows the inter-ocular distance; least: radius, px.

    >>> draw_points(photo, [face.points for face in predict(detector, photo)], detector.colour).save("out.png")
    """
    result = photo.convert("RGB")
    result = result.copy() if result is photo else result
    zoom = photo.width / full_size(photo)[0]
    for points in faces:
        _draw_face(result, (np.asarray(points, np.float64) + 0.5) * zoom - 0.5, colour, least)
    return result


def draw_comparison(photo: Image.Image, comparison: Comparison, box: FaceBox, longest: int) -> Image.Image:
    """Draws each model's points in its colour, over the true ones as crosses, on the face in a box, `longest` px."""
    high = np.array([comparison.width, comparison.height])
    reach = ROOM * box.side / 2
    low, high = np.clip(box.centre - reach, 0, high - 1), np.clip(box.centre + reach, 1, high)
    scale = longest / (high - low).max()
    part = np.concatenate([low, high]) * photo.width / comparison.width
    size = np.maximum(1, np.round(scale * (high - low))).astype(int).tolist()
    drawn = photo.convert("RGB").resize(size, Image.Resampling.BICUBIC, part.tolist(), reducing_gap=2.0)
    least = 0.008 * max(size)  # radius of a mark, px: visible in a thumbnail
    pen = ImageDraw.Draw(drawn)
    true = [point for points in comparison.truth if points is not None for point in points if np.isfinite(point).all()]
    for x, y in (np.array(true).reshape(-1, 2) + 0.5 - low) * scale - 0.5:
        for colour, width in (("black", 1.5), ("white", 0.5)):
            for dx, dy in ((3 * least, 0), (0, 3 * least)):
                pen.line((x - dx, y - dy, x + dx, y + dy), colour, round(width * least) + 1)
    for name, faces in comparison.answers.items():
        answers = [(face.points + 0.5 - low) * scale - 0.5 for face in faces if np.isfinite(face.points).all()]
        drawn = draw_points(drawn, answers, comparison.colours[name], least)
    return drawn


def _draw_face(photo: Image.Image, points: np.ndarray, colour: str, least: float) -> None:
    ocular = float(np.linalg.norm(points[LEFT_EYE] - points[RIGHT_EYE]))
    radius = max(least, 0.035 * ocular)
    corner = np.floor(points.min(0) - 3 * radius).astype(int)
    size = np.ceil(points.max(0) + 3 * radius).astype(int) - corner
    # A point far astray must not ask for a drawing of any size.
    corner, end = np.maximum(corner, 0), np.minimum(corner + size, photo.size)
    if (end <= corner).any():
        return
    (left, top), (width, height) = corner.tolist(), (end - corner).tolist()
    scale = SMOOTH if (end - corner).max() * SMOOTH <= 4000 else 1
    layer = Image.new("RGBA", (scale * width, scale * height), ImageColor.getrgb(colour) + (0,))
    pen = ImageDraw.Draw(layer)
    # A pixel index is a centre: in the enlarged drawing it is half a pixel further.
    at = {name: tuple((point - corner + 0.5) * scale) for name, point in zip(NAMES, points, strict=True)}
    for edge in EDGES:
        pen.line([at[name] for name in edge], ImageColor.getrgb(colour) + (200,), max(1, round(radius * scale * 0.6)))
    for x, y in at.values():
        for grow, fill in ((1.45, (0, 0, 0, 170)), (1.0, ImageColor.getrgb(colour) + (255,))):
            r = radius * scale * grow
            pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    layer = layer.resize((width, height), Image.Resampling.BOX)
    photo.paste(layer, (left, top), layer)
