"""A face in a photo: where it is, and where its keypoints are.

Pixel (i, j) is a square with its centre at (i, j): a picture of width w spans x from -0.5 to w - 0.5.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fkd.keypoints import NAMES


@dataclass(frozen=True)
class FaceBox:
    """A face's square in a photo, framed like the competition's pictures."""

    box: tuple[float, float, float, float]  # (x0, y0, x1, y1), photo px, edges; may reach outside the photo
    score: float  # the finder's, 0 to 1; NaN for a box drawn by hand
    turn: float = 0.0  # degrees to turn the photo counter-clockwise, about the box's centre, for the face to be upright
    lean: float = 0.0  # degrees that it is turned more than `turn`, as far as the finder sees

    @property
    def side(self) -> float:
        """Its width, px."""
        return self.box[2] - self.box[0]

    @property
    def centre(self) -> np.ndarray:
        """Its middle, [2] px."""
        return np.array([self.box[0] + self.box[2], self.box[1] + self.box[3]]) / 2


@dataclass(frozen=True)
class Face:
    """A detector's answer for one face, in px of the upright photo.

    doubt: the distance between the answers for the crop and for its mirror image, in units of the detector's validation
    RMSE; 0 from a detector that does not state it.
    """

    box: tuple[float, float, float, float]  # (x0, y0, x1, y1)
    points: np.ndarray  # float32 [15, 2]
    frame: np.ndarray = field(repr=False)  # uint8 [96, 96], the crop that the detector answered for
    spread: np.ndarray | None = None  # float32 [15], the standard deviation along an axis, if the network has heatmaps
    doubt: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """{"box": [...], "points": {name: [x, y]}}, and "spread": {name: px} if there is one; rounded to 0.01 px.

        A missing point is left out.
        """
        points = np.round(self.points.astype(float), 2).tolist()
        known = {name: [x, y] for name, (x, y) in zip(NAMES, points, strict=True) if x == x and y == y}
        value: dict[str, Any] = {"box": [round(float(edge), 2) for edge in self.box], "points": known}
        if self.spread is not None:
            value["spread"] = dict(zip(NAMES, np.round(self.spread.astype(float), 2).tolist(), strict=True))
        return value
