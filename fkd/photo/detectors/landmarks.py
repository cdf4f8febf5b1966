"""dlib's predictors of the 68 points of 300-W, which look at larger crops: theirs become the 15 keypoints."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from fkd.data.record import DataRecord
from fkd.data.sixty_eight import to_15
from fkd.errors import FkdError, require
from fkd.files import file_sha256, one_line
from fkd.keypoints import FRAME_SIZE, NAMES, unmirror
from fkd.photo.colours import PALETTE
from fkd.photo.crop import apply, crop, frame_matrix, invert
from fkd.photo.detector import check_frames
from fkd.photo.detectors.network import check_range
from fkd.photo.face import Face, FaceBox

SIZE = 4 * FRAME_SIZE  # px of a crop: dlib answers in whole px, which are quarters of the frame's then
ZOOM = np.array([[4, 0, 1.5], [0, 4, 1.5]])  # frame px -> px of the crop; pixels count from their centres
# Where a predictor starts, px of the crop, as dlib finds faces. On wild15 every box near it does as well within
# 0.05 px RMSE; the whole frame takes 0.13 px more.
BOX = (23, 57, 360, 395)
# shape_predictor_68_face_landmarks.dat, and what its author says of it (github.com/davisking/dlib-models).
PUBLISHED = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"
OWNER = "davisking"
DATA = DataRecord("300-W", "CC0, but trained on iBUG 300-W, whose terms exclude commercial use")


@dataclass
class LandmarkDetector:
    """A predictor of 68 points in one crop, as a `Detector`, which documents most attributes."""

    name: str
    landmarks: Callable[[np.ndarray], np.ndarray] = field(repr=False)  # grey uint8 [SIZE, SIZE] -> [68, 2] px of it
    sha256: str
    folder: Path | None = None
    owner: str = ""
    data: DataRecord = DataRecord("")  # noqa: RUF009 - it is frozen
    network: str = "dlib"
    colour: str = PALETTE[3]
    validation_rmse: float = math.inf

    def on_frames(self, images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False) -> np.ndarray:
        """Points float32 [N, 15, 2], as `Detector.on_frames`; these detectors know nothing of a data set's offset."""
        check_frames(images)
        if mirror:
            flipped = self.on_frames(images[:, :, ::-1], four_point)
            mean: np.ndarray = (self.on_frames(images, four_point) + unmirror(flipped)) / 2
            return mean
        conventions = np.zeros(len(images), bool) if four_point is None else four_point
        points = np.empty((len(images), len(NAMES), 2), np.float32)
        for number, (image, convention) in enumerate(zip(images, conventions, strict=True)):
            large = Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            points[number] = self._answer(np.asarray(large), convention)
        return points

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """The faces in boxes, as `Detector.on_photos`. Raises FkdError for precise answers: dlib's were no better."""
        if precise:
            raise FkdError(f"{self.name} has no precise answers: use it without `precise`, or use another model")
        faces = []
        for photo, box in zip(photos, boxes, strict=True):
            to_frame = frame_matrix(box.box, box.turn)
            points = self._answer(crop(photo, ZOOM @ np.vstack([to_frame, [0, 0, 1]]), SIZE), False)
            in_photo = apply(invert(to_frame), points).astype(np.float32)
            faces.append(Face(box.box, in_photo, crop(photo, to_frame)))
        return faces

    def _answer(self, image: np.ndarray, four_point: bool) -> np.ndarray:
        """The keypoints in a crop, float64 [15, 2] frame px."""
        points = apply(invert(ZOOM), to_15(self.landmarks(image), four_point))
        check_range(self.name, {"points": points})
        return points


def read_dlib(path: Path | str, name: str = "") -> LandmarkDetector:
    """Read a .dat file of dlib (Kazemi and Sullivan 2014); name: the file's if empty.

    Raises FkdError for a file that is not a shape predictor of 68 points, or without dlib.
    """
    path = Path(path)
    dlib = require("dlib", "dlib")
    try:
        predictor = dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise FkdError(f"{path} is not a shape predictor of dlib ({one_line(error)})") from None
    box = dlib.rectangle(*BOX)

    def landmarks(image: np.ndarray) -> np.ndarray:
        return np.array([(part.x, part.y) for part in predictor(image, box).parts()], float)

    count = len(landmarks(np.zeros((SIZE, SIZE), np.uint8)))
    if count != 68:
        raise FkdError(f"{path} finds {count} points, expected a shape predictor of the 68 of 300-W")
    detector = LandmarkDetector(name or path.stem, landmarks, file_sha256(path), path)
    return replace(detector, owner=OWNER, data=DATA) if detector.sha256 == PUBLISHED else detector
