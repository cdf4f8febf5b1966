"""Grey faces with their keypoints, and the two label conventions."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from fkd.keypoints import FOUR_POINT, FRAME_SIZE, NAMES


@dataclass(frozen=True)
class Faces:
    """Grey faces and their keypoints.

    images: uint8 [N, 96, 96]. points: float32 [N, 15, 2], frame pixels (x, y), NaN where a label is missing.
    """

    images: np.ndarray = field(repr=False)
    points: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice | np.ndarray) -> "Faces":
        return Faces(self.images[rows], self.points[rows])

    @property
    def four_point(self) -> np.ndarray:
        """Which faces follow the four-point label convention, bool [N] (`is_four_point`)."""
        return is_four_point(self.points)

    def draw(self, columns: int = 8, rows: int = 5, zoom: int = 2) -> Image.Image:
        """Draw the first faces with their labelled points, in a grid.

        >>> read_training("facial-keypoints").draw().save("faces.png")
        """
        shown, side = self[: columns * rows], zoom * FRAME_SIZE
        grid = Image.new("RGB", (side * min(columns, len(shown)), side * -(-len(shown) // columns)))
        pen = ImageDraw.Draw(grid)
        for number, (image, points) in enumerate(zip(shown.images, shown.points, strict=True)):
            corner = (side * (number % columns), side * (number // columns))
            grid.paste(Image.fromarray(image).resize((side, side)), corner)
            for point in points[np.isfinite(points).all(1)]:
                pen.circle(tuple((point + 0.5) * zoom - 0.5 + corner), 1.5 * zoom, "#35e08a", "#000000")
        return grid


@dataclass(frozen=True)
class TestSet:
    """The competition's test images, uint8 [M, 96, 96], and their ids, int64 [M]."""

    images: np.ndarray
    image_ids: np.ndarray


def is_four_point(points: np.ndarray) -> np.ndarray:
    """Tells which faces follow the four-point label convention, from which labels they have.

    points: [N, 15, 2]. Returns bool [N]: True where something is labelled, and only points of FOUR_POINT.
    """
    labelled = np.isfinite(points).all(-1)  # [N, 15]
    others = [index for index in range(len(NAMES)) if index not in FOUR_POINT]
    four_point: np.ndarray = labelled.any(1) & ~labelled[:, others].any(1)
    return four_point
