"""Detectors made elsewhere, which find other landmarks in larger crops: theirs become the 15 keypoints."""

import atexit
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from fkd.data.record import DataRecord
from fkd.data.sixty_eight import FOUR_OF_68, OF_68
from fkd.errors import FkdError, require
from fkd.files import Brief, file_sha256, one_line
from fkd.keypoints import FRAME_SIZE, NAMES, unmirror
from fkd.photo.colours import PALETTE
from fkd.photo.crop import apply, crop, frame_matrix, invert
from fkd.photo.detector import check_frames
from fkd.photo.detectors.network import check_range
from fkd.photo.face import Face, FaceBox

SIZE = 4 * FRAME_SIZE  # px of a crop: dlib answers in whole px, which are quarters of the frame's then
ZOOM = np.array([[4, 0, 1.5], [0, 4, 1.5]])  # frame px -> px of the crop; pixels count from their centres
CENTRE = (FRAME_SIZE - 1) / 2  # px of the frame
Mapping15 = Mapping[str, Sequence[int]]  # keypoint -> the landmarks, counted from 0, of which it is the mean

# Where a predictor starts, px of the crop, as dlib finds faces. On wild15 every box near it does as well within
# 0.05 px RMSE; the whole frame takes 0.13 px more.
DLIB_BOX = (23, 57, 360, 395)
# shape_predictor_68_face_landmarks.dat, and what its author says of it (github.com/davisking/dlib-models).
DLIB_PUBLISHED = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"
DLIB_OWNER = "davisking"
DLIB_DATA = DataRecord("300-W", "CC0, but trained on iBUG 300-W, whose terms exclude commercial use")
# The keypoints among those of the face mesh (Kartynnik et al. 2019), counted from 0; docs/api.md has the choice.
OF_MESH = {
    "left_eye_center": [362, 263],
    "right_eye_center": [33, 133],
    "left_eye_inner_corner": [362],
    "left_eye_outer_corner": [263],
    "right_eye_inner_corner": [133],
    "right_eye_outer_corner": [33],
    "left_eyebrow_inner_end": [336, 285],
    "left_eyebrow_outer_end": [300],
    "right_eyebrow_inner_end": [107, 55],
    "right_eyebrow_outer_end": [70],
    "nose_tip": [4],
    "mouth_left_corner": [291],
    "mouth_right_corner": [61],
    "mouth_center_top_lip": [0],
    "mouth_center_bottom_lip": [14, 17],
}
FOUR_OF_MESH = {"nose_tip": [2], "mouth_center_bottom_lip": [13, 14]}
LEAST_CONFIDENCE = 0.01  # that a crop holds a face is known already
MARGIN = SIZE // 4  # px of the crop on each side: with half of it, the finder in a bundle misses a face of 538


@dataclass(repr=False)
class LandmarkDetector(Brief):
    """A network or predictor that finds K landmarks in one crop, as a `Detector`, which documents most attributes.

    In a photo, a face that it does not find has no points, NaN, and infinite doubt; in a frame, all at the centre.
    """

    name: str
    # Grey uint8 [SIZE, SIZE] -> float [K, 2] px of it, NaN without a face.
    landmarks: Callable[[np.ndarray], np.ndarray]
    points: Mapping15
    four_points: Mapping15  # the keypoints that differ in the four-point convention
    network: str
    sha256: str
    colour: str
    owner: str = ""
    data: DataRecord = DataRecord("")  # noqa: RUF009 - it is frozen
    validation_rmse: float = math.inf
    folder: Path | None = None

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
        return np.where(np.isfinite(points), points, np.float32(CENTRE))

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """The faces in boxes, as `Detector.on_photos`. Raises FkdError for precise answers: dlib's were no better."""
        if precise:
            raise FkdError(f"{self.name} has no precise answers: use it without `precise`, or use another model")
        faces = []
        for photo, box in zip(photos, boxes, strict=True):
            to_frame = frame_matrix(box.box, box.turn)
            points = self._answer(crop(photo, ZOOM @ np.vstack([to_frame, [0, 0, 1]]), SIZE), False)
            found = bool(np.isfinite(points).all())
            in_photo = apply(invert(to_frame), points).astype(np.float32)
            faces.append(Face(box.box, in_photo, crop(photo, to_frame), doubt=0.0 if found else math.inf))
        return faces

    def _answer(self, image: np.ndarray, four_point: bool) -> np.ndarray:
        """The keypoints in a crop, float64 [15, 2] frame px; all NaN where no face is found."""
        mapping = {**self.points, **self.four_points} if four_point else self.points
        landmarks = self.landmarks(image)  # [K, 2] px of the crop
        points = apply(invert(ZOOM), np.stack([landmarks[list(mapping[name])].mean(0) for name in NAMES]))
        check_range(self.name, {"points": points[~np.isnan(points)]})  # NaN without a face
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
    box = dlib.rectangle(*DLIB_BOX)

    def landmarks(image: np.ndarray) -> np.ndarray:
        return np.array([(part.x, part.y) for part in predictor(image, box).parts()], float)

    count = len(landmarks(np.zeros((SIZE, SIZE), np.uint8)))
    if count != 68:
        raise FkdError(f"{path} finds {count} points, expected a shape predictor of the 68 of 300-W")
    detector = LandmarkDetector(
        name or path.stem, landmarks, OF_68, FOUR_OF_68, "dlib", file_sha256(path), PALETTE[3], folder=path
    )
    return replace(detector, owner=DLIB_OWNER, data=DLIB_DATA) if detector.sha256 == DLIB_PUBLISHED else detector


def read_mediapipe(path: Path | str, name: str = "") -> LandmarkDetector:
    """Read a face landmarker's .task bundle (mediapipe 1.2 or newer); name: the file's if empty.

    Raises FkdError for a file that is not a face landmarker, or without mediapipe.
    """
    path = Path(path)
    mediapipe, tasks = (require(module, "mediapipe") for module in ("mediapipe", "mediapipe.tasks.python"))
    vision = tasks.vision
    options = vision.FaceLandmarkerOptions(
        tasks.BaseOptions(model_asset_path=str(path)),
        min_face_detection_confidence=LEAST_CONFIDENCE,
        min_face_presence_confidence=LEAST_CONFIDENCE,
    )
    try:
        landmarker = vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise FkdError(f"{path} is not a face landmarker of MediaPipe ({one_line(error, 200)})") from None
    atexit.register(setattr, landmarker, "_handle", None)  # or closing at exit raises
    lock = threading.Lock()  # a landmarker takes one image at a time

    def landmarks(image: np.ndarray) -> np.ndarray:
        seen = np.pad(image, MARGIN, mode="edge")
        picture = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(np.stack([seen] * 3, -1)))
        with lock:
            faces = landmarker.detect(picture).face_landmarks
        if not faces:
            return np.full((478, 2), np.nan)
        return np.array([(point.x, point.y) for point in faces[0]]) * len(seen) - 0.5 - MARGIN

    return LandmarkDetector(
        name or path.stem, landmarks, OF_MESH, FOUR_OF_MESH, "mediapipe", file_sha256(path), PALETTE[5], folder=path
    )
