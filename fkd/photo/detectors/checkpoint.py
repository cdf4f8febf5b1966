"""Our own networks: a checkpoint as a detector."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fkd.data.record import DataRecord
from fkd.keypoints import NAMES, unmirror
from fkd.learn.checkpoint import Checkpoint, load_checkpoint
from fkd.learn.inference import predict_points
from fkd.photo.colours import network_colour
from fkd.photo.detectors.compiled import CompiledModel, openvino_is_here, streams
from fkd.photo.face import Face, FaceBox
from fkd.photo.frames import FrameAnswers, faces_by_frames


@dataclass(frozen=True)
class CheckpointDetector:
    """A checkpoint that answers for frames and photos; folder: where it lies. owner: as in `Detector`.

    Its model may be a `CompiledModel`: whoever wants the weights reads the folder by `load_checkpoint`.
    """

    checkpoint: Checkpoint
    folder: Path
    owner: str = ""

    @classmethod
    def read(cls, folder: Path | str, name: str = "", owner: str = "", device: str = "cpu") -> "CheckpointDetector":
        """Reads a checkpoint folder; name: its own, the folder's if empty. device: where its model answers, as torch
        names it; on a CPU by OpenVINO if that is installed, else by torch. Raises as `load_checkpoint` does.
        """
        checkpoint = load_checkpoint(folder, name)
        model = checkpoint.model.to(device)
        if device == "cpu" and openvino_is_here():
            model = CompiledModel(model)
        return cls(dataclasses.replace(checkpoint, model=model), Path(folder), owner)

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self.checkpoint.name

    @property
    def device(self) -> torch.device:
        """Where its model answers."""
        return self.checkpoint.model.label_offset.device

    @property
    def runtime(self) -> str:
        """What computes its answers, "" for torch."""
        model = self.checkpoint.model
        return f"OpenVINO {model.precision}, {streams()} threads" if isinstance(model, CompiledModel) else ""

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
        return predict_points([self.checkpoint.model], images, four_point, mirror)

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """The faces in boxes, each of its own photo, as `Detector.on_photos`."""
        return faces_by_frames(self._answer, photos, boxes, self.validation_rmse, precise)

    def _answer(self, frames: np.ndarray) -> FrameAnswers:
        both = np.concatenate([frames, frames[:, :, ::-1]]).astype(np.float32) / 255
        batch = torch.from_numpy(both).to(self.device)[:, None]  # [2 N, 1, 96, 96]
        model, count = self.checkpoint.model, len(frames)
        with torch.inference_mode():
            output = model(batch)
            points = model.head.points(output)[:, : len(NAMES)].cpu().numpy()  # [2 N, 15, 2] px
            spread, heatmaps = model.head.spread(output), model.head.heatmaps(output)
        return FrameAnswers(
            points[:count],
            unmirror(points[count:]),
            None if spread is None else spread[:count, : len(NAMES)].cpu().numpy(),
            None if heatmaps is None else _as_bytes(heatmaps[:count, : len(NAMES)].cpu().numpy()),
        )


def _as_bytes(heatmaps: np.ndarray) -> np.ndarray:
    """Logits [N, 15, S, S] -> the probabilities of cells as shares of the largest, uint8."""
    share = np.exp(heatmaps - heatmaps.max((2, 3), keepdims=True))
    heat: np.ndarray = (255 * share).round().astype(np.uint8)
    return heat
