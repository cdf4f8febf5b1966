"""Our own networks: a checkpoint as a detector."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from fkd.data.record import DataRecord
from fkd.keypoints import BOTTOM_LIP, NAMES, NOSE_TIP, unmirror
from fkd.learn.apart import with_torch
from fkd.learn.config import ModelConfig
from fkd.learn.record import Checkpoint
from fkd.photo.colours import network_colour
from fkd.photo.detectors.compiled import CompiledModel, ConvertedModel, openvino_is_here
from fkd.photo.face import Face, FaceBox
from fkd.photo.frames import FrameAnswers, faces_by_frames

BATCH = 32  # frames: what a CPU's cache holds; 256 take 1.8 times as long


class Network(Protocol):
    """What computes a checkpoint's answers. device: where, as torch names it. runtime: by what, "" for torch.
    label_offset: px [2], as in `fkd.learn.models.KeypointModel`.
    """

    config: ModelConfig
    label_offset: np.ndarray
    device: str
    runtime: str

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """Points [N, K, 2] px, and from heatmaps their spread [N, K] px and logits [N, K, S, S]; K: 15 or 17.

        images: float32 [N, 1, 96, 96] in 0..1.
        """


@dataclass(frozen=True)
class CheckpointDetector:
    """A checkpoint that answers for frames and photos; folder: where it lies. owner: as in `Detector`.

    Whoever wants the weights reads the folder by `load_checkpoint`.
    """

    checkpoint: Checkpoint[Network]
    folder: Path
    owner: str = ""

    @classmethod
    def read(cls, folder: Path | str, name: str = "", owner: str = "", device: str = "cpu") -> "CheckpointDetector":
        """Reads a checkpoint folder; name: its own, the folder's if empty. device: where its model answers, as torch
        names it; on a CPU by OpenVINO if that is installed, else by torch. Raises as `load_checkpoint` does.
        """
        if device == "cpu" and openvino_is_here():
            converted: Checkpoint[ConvertedModel] = with_torch(
                "fkd.photo.detectors.conversion", "convert_checkpoint", folder, name
            )
            return cls(converted.by(CompiledModel(converted.model)), Path(folder), owner)
        from fkd.photo.detectors.by_torch import load_by_torch  # noqa: PLC0415 - torch, which OpenVINO does without

        return cls(load_by_torch(folder, name, device), Path(folder), owner)

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self.checkpoint.name

    @property
    def licence(self) -> str:
        """The terms of the data that it was trained on."""
        return self.data.terms

    @property
    def colour(self) -> str:
        """Its network's."""
        return network_colour(self.network)

    @property
    def network(self) -> str:
        """Its model's."""
        return self.checkpoint.model.config.name

    @property
    def sha256(self) -> str:
        """The checkpoint's."""
        return self.checkpoint.sha256

    @property
    def data(self) -> DataRecord:
        """The checkpoint's record."""
        return self.checkpoint.data

    @property
    def validation_rmse(self) -> float:
        """Of its best epoch, px."""
        return self.checkpoint.training.validation_rmse

    def on_frames(self, images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False) -> np.ndarray:
        """Points float32 [N, 15, 2], as `Detector.on_frames`."""
        points = self._points(images, four_point)
        if mirror:
            points = (points + unmirror(self._points(images[:, :, ::-1], four_point))) / 2
        convention = np.zeros(len(images), int) if four_point is None else four_point.astype(int)
        points[:, :, 0] += self.checkpoint.model.label_offset[convention, None]
        return points

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """The faces in boxes, each of its own photo, as `Detector.on_photos`."""
        return faces_by_frames(self._answer, photos, boxes, self.validation_rmse, precise)

    def _answer(self, frames: np.ndarray) -> FrameAnswers:
        count, both = len(frames), np.concatenate([frames, frames[:, :, ::-1]])
        every, *of_maps = [part[:, : len(NAMES)] for part in self.checkpoint.model(_as_input(both))]
        points, flipped = every[:count], unmirror(every[count:])
        if not of_maps:
            return FrameAnswers(points, flipped)
        return FrameAnswers(points, flipped, of_maps[0][:count])

    def _points(self, images: np.ndarray, four_point: np.ndarray | None) -> np.ndarray:
        """Where the points themselves lie, float32 [N, 15, 2] frame px."""
        points = np.empty((len(images), len(NAMES), 2), np.float32)
        for start in range(0, len(images), BATCH):
            rows = slice(start, start + BATCH)
            every = self.checkpoint.model(_as_input(images[rows]))[0]  # [B, 15 or 17, 2]
            points[rows] = every[:, : len(NAMES)]
            if four_point is not None and self.checkpoint.model.config.conventions == 2:
                of_four = np.flatnonzero(four_point[rows])
                points[start + of_four[:, None], [NOSE_TIP, BOTTOM_LIP]] = every[of_four, len(NAMES) :]
        return points


def _as_input(frames: np.ndarray) -> np.ndarray:
    """Frames uint8 [N, 96, 96] -> float32 [N, 1, 96, 96] in 0..1, as a `Network` takes them."""
    batch: np.ndarray = frames[:, None].astype(np.float32) / 255
    return batch
