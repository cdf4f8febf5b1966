"""A face in a photo: where it is, and where its keypoints are.

Pixel (i, j) is a square with its centre at (i, j): a picture of width w spans x from -0.5 to w - 0.5.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fkd.keypoints import NAMES


@dataclass(frozen=True)
class FaceBox:
    """A face's square in a photo, framed like the competition's pictures.

    Attributes:
        box: (x0, y0, x1, y1), photo px, edges; may reach outside the photo.
        score: the finder's, 0 to 1; NaN for a box drawn by hand.
        turn: degrees to turn the photo counter-clockwise for the face to be upright (the box stays as wide and turns
            about its centre).
    """

    box: tuple[float, float, float, float]
    score: float
    turn: float = 0.0

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

    Attributes:
        box: (x0, y0, x1, y1).
        points: float32 [15, 2].
        frame: uint8 [96, 96], the crop that the detector answered for.
        spread: float32 [15], the standard deviation of each point along an axis; None from a detector without heatmaps.
        doubt: the distance between the answers for the crop and for its mirror image, in units of the detector's
            validation RMSE; 0 from a detector that does not state it, infinite where it sees no face.
    """

    box: tuple[float, float, float, float]
    points: np.ndarray
    frame: np.ndarray
    spread: np.ndarray | None = None
    doubt: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """{"box": [...], "points": {name: [x, y]}}, and "spread": {name: px} if there is one; rounded to 0.01 px."""
        points = np.round(self.points.astype(float), 2).tolist()
        value = {"box": [round(float(edge), 2) for edge in self.box], "points": dict(zip(NAMES, points, strict=True))}
        if self.spread is not None:
            value["spread"] = dict(zip(NAMES, np.round(self.spread.astype(float), 2).tolist(), strict=True))
        return value
