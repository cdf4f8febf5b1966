"""Detectors made elsewhere, which find other landmarks in larger crops: theirs become the 15 keypoints."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.keypoints import FRAME_SIZE, NAMES, unmirror
from fkd.photo.crop import apply, crop, frame_matrix, invert
from fkd.photo.face import Face, FaceBox

SIZE = 4 * FRAME_SIZE  # px of a crop: dlib answers in whole px, which are quarters of the frame's then
ZOOM = np.array([[4, 0, 1.5], [0, 4, 1.5]])  # frame px -> px of the crop; pixels count from their centres
CENTRE = (FRAME_SIZE - 1) / 2  # px of the frame
Mapping15 = Mapping[str, Sequence[int]]  # keypoint -> the landmarks, counted from 0, of which it is the mean


@dataclass
class LandmarkDetector:
    """A network or predictor that finds K landmarks in one crop.

    A face that it does not find has all points at the centre of the frame, and infinite doubt.

    Attributes:
        landmarks: grey uint8 [SIZE, SIZE] -> float [K, 2], px of that crop, all NaN where it finds no face.
        points: how the landmarks become the 15 keypoints.
        four_points: the keypoints that differ in the four-point convention.
        others: as in `Detector`.
    """

    name: str
    landmarks: Callable[[np.ndarray], np.ndarray]
    points: Mapping15
    four_points: Mapping15
    network: str
    sha256: str
    colour: str
    owner: str = ""
    data: DataRecord = DataRecord("")  # noqa: RUF009 - it is frozen
    validation_rmse: float = math.inf
    folder: Path | None = None

    @property
    def licence(self) -> str:
        """The terms of its weights."""
        return self.data.terms

    def on_frames(self, images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False) -> np.ndarray:
        """Points float32 [N, 15, 2], as `Detector.on_frames`; these detectors know nothing of a data set's offset."""
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
        """The faces in boxes, one photo for each, as `Detector.on_photos`, cropped from it at SIZE px.

        Raises FkdError for precise answers, which it does not have: averaged over crops, dlib's were no better.
        """
        if precise:
            raise FkdError(f"{self.name} has no precise answers: use it without `precise`, or use another model")
        faces = []
        for photo, box in zip(photos, boxes, strict=True):
            to_frame = frame_matrix(box.box, box.turn)
            points = self._answer(crop(photo, ZOOM @ np.vstack([to_frame, [0, 0, 1]]), SIZE), False)
            found = bool(np.isfinite(points).all())
            points = points if found else np.full_like(points, CENTRE)
            in_photo = apply(invert(to_frame), points).astype(np.float32)
            faces.append(Face(box.box, in_photo, crop(photo, to_frame), doubt=0.0 if found else math.inf))
        return faces

    def _answer(self, image: np.ndarray, four_point: bool) -> np.ndarray:
        """The keypoints in a crop, float64 [15, 2] frame px; all NaN where no face is found."""
        mapping = {**self.points, **self.four_points} if four_point else self.points
        landmarks = self.landmarks(image)  # [K, 2] px of the crop
        return apply(invert(ZOOM), np.stack([landmarks[list(mapping[name])].mean(0) for name in NAMES]))
