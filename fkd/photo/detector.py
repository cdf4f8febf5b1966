"""The interface of a detector: comparing, serving and drawing rely on nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.keypoints import FRAME_SIZE
from fkd.photo.face import Face, FaceBox


class Detector(Protocol):
    """Finds the 15 keypoints of a face."""

    name: str
    owner: str  # empty for a local detector
    colour: str  # "#rrggbb"
    network: str  # fcnn, timm's name, or the kind of file
    sha256: str  # of its weights' file
    data: DataRecord  # its training data and terms as stated by its author; empty if not stated
    validation_rmse: float  # px of the 96 px frame; inf if unknown

    @property
    def folder(self) -> Path | None:
        """Its checkpoint folder, or its file, if any."""

    def on_frames(self, images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False) -> np.ndarray:
        """Points float32 [N, 15, 2], frame px, at the positions of a data set's labels, for frames uint8 [N, 96, 96].

        four_point: bool [N], the faces to answer in the four-point convention. mirror: flip averaging, the mean of
        the answers for the image and for its horizontal flip.
        """

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """The faces in boxes, one upright photo for each, in their order; px of that photo.

        precise: average the points over several crops of each face, which takes longer. Raises FkdError, even without
        boxes, if it has no such answers.
        """


def mean_on_frames(
    detectors: Sequence[Detector], images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False
) -> np.ndarray:
    """Points float32 [N, 15, 2], frame px: the mean of several detectors' `on_frames`, as an ensemble answers."""
    answers = [detector.on_frames(images, four_point, mirror) for detector in detectors]
    points: np.ndarray = np.stack(answers).mean(0, np.float64).astype(np.float32)
    return points


def check_frames(images: np.ndarray) -> None:
    """Raise FkdError unless images are frames uint8 [N, 96, 96]: the answers for others, such as 0..1, would be off."""
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (FRAME_SIZE, FRAME_SIZE):
        size = f"[N, {FRAME_SIZE}, {FRAME_SIZE}]"
        raise FkdError(f"the frames are {images.dtype} {list(images.shape)}, expected uint8 {size}, 0 to 255")
