"""Our own networks: a checkpoint as a detector."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from fkd.data.conventions import Outputs, ambiguous, label_points
from fkd.data.record import DataRecord
from fkd.keypoints import NAMES, unmirror
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
    label_offset: px [C], as in `fkd.learn.models.KeypointModel`.
    """

    config: ModelConfig
    label_offset: np.ndarray
    device: str
    runtime: str

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """Points [N, K, 2] px; logits [N, C], if only the picture tells the convention; and from heatmaps the points'
        spread [N, K] px and logits [N, K, S, S].

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
        model = self.checkpoint.model
        return label_points(self._outputs, model.config.conventions, model.label_offset, images, four_point, mirror)

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """The faces in boxes, each of its own photo, as `Detector.on_photos`."""
        return faces_by_frames(self._answer, photos, boxes, self.validation_rmse, precise)

    def _answer(self, frames: np.ndarray) -> FrameAnswers:
        count, both = len(frames), np.concatenate([frames, frames[:, :, ::-1]])
        every, *others = self.checkpoint.model(_as_input(both))
        every = every[:, : len(NAMES)]
        of_maps = [part[:, : len(NAMES)] for part in others[1 if self._is_ambiguous else 0 :]]
        points, flipped = every[:count], unmirror(every[count:])
        if not of_maps:
            return FrameAnswers(points, flipped)
        return FrameAnswers(points, flipped, of_maps[0][:count])

    def _outputs(self, images: np.ndarray) -> Outputs:
        """All points [N, K, 2] px and the conventions' logits, for images uint8 [N, 96, 96]."""
        points = np.empty((len(images), self.checkpoint.model.config.outputs, 2), np.float32)
        logits = []
        for start in range(0, len(images), BATCH):
            rows = slice(start, start + BATCH)
            points[rows], *others = self.checkpoint.model(_as_input(images[rows]))
            logits += others[:1]
        return points, np.concatenate(logits) if self._is_ambiguous and logits else None

    @property
    def _is_ambiguous(self) -> bool:
        return bool(ambiguous(self.checkpoint.model.config.conventions))


def _as_input(frames: np.ndarray) -> np.ndarray:
    """Frames uint8 [N, 96, 96] -> float32 [N, 1, 96, 96] in 0..1, as a `Network` takes them."""
    batch: np.ndarray = frames[:, None].astype(np.float32) / 255
    return batch
