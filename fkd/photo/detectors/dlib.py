"""dlib's shape predictors of 68 points (Kazemi and Sullivan 2014) as detectors: `dlib:FILE`."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fkd.data.record import DataRecord
from fkd.data.sixty_eight import FOUR_OF_68, OF_68
from fkd.errors import FkdError, require
from fkd.files import file_sha256, one_line
from fkd.photo.colours import PALETTE
from fkd.photo.detectors.landmarks import SIZE, LandmarkDetector

# The box that a predictor starts from, px of the frame: dlib's own finder draws one of 85 px, 9 px below the frame's
# centre, around a face that fills the frame. On wild15's validation faces every box near it does as well within
# 0.05 px (RMSE 1.36 px on the 15-point ones); the whole frame takes 0.13 px more.
BOX_SIDE, BOX_BELOW = 84.7, 8.7
# shape_predictor_68_face_landmarks.dat, and what its author says of it (github.com/davisking/dlib-models).
PUBLISHED = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"
OWNER = "davisking"
DATA = DataRecord("300-W", "CC0, but trained on iBUG 300-W, whose terms exclude commercial use")


def read_dlib(path: Path | str, name: str = "") -> LandmarkDetector:
    """Read a shape predictor's .dat file; name: the file's if empty.

    Raises FkdError for a file that is not a shape predictor of 68 points, or without dlib.
    """
    path = Path(path)
    dlib = require("dlib", "dlib")
    try:
        predictor = dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise FkdError(f"{path} is not a shape predictor of dlib ({one_line(error)})") from None
    zoom, centre = SIZE / 96, SIZE / 2
    left, top = centre - zoom * BOX_SIDE / 2, centre + zoom * (BOX_BELOW - BOX_SIDE / 2)
    edges = (round(edge) for edge in (left, top, left + zoom * BOX_SIDE - 1, top + zoom * BOX_SIDE - 1))
    box = dlib.rectangle(*edges)

    def landmarks(image: np.ndarray) -> np.ndarray:
        return np.array([(part.x, part.y) for part in predictor(image, box).parts()], float)

    count = len(landmarks(np.zeros((SIZE, SIZE), np.uint8)))
    if count != 68:
        raise FkdError(f"{path} finds {count} points, expected a shape predictor of the 68 of 300-W")
    detector = LandmarkDetector(
        name or path.stem, landmarks, OF_68, FOUR_OF_68, "dlib", file_sha256(path), PALETTE[3], folder=path
    )
    return replace(detector, owner=OWNER, data=DATA) if detector.sha256 == PUBLISHED else detector
