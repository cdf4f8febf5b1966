"""Our own networks: a checkpoint as a detector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors
from PIL import Image

from fkd.data.conventions import label_points
from fkd.data.record import DataRecord
from fkd.files import file_sha256
from fkd.learn.config import HEATMAP, ModelConfig
from fkd.learn.record import CONFIG, WEIGHTS, Checkpoint, check_files, read_config
from fkd.photo.colours import network_colour
from fkd.photo.detectors.exported import networks_folder, onnx_file
from fkd.photo.detectors.outputs import OUTPUTS, frame_answers, label_outputs
from fkd.photo.face import Face, FaceBox
from fkd.photo.frames import FrameAnswers, faces_by_frames
from fkd.photo.runtime import Network, has_bf16, streams


class Model(Protocol):
    """A network that computes a checkpoint's answers.

    Attributes:
        config: the network.
        label_offset: px [C], as in `fkd.learn.models.KeypointModel`.
        device: a torch device.
        runtime: its name in a leaderboard entry; empty for torch.
    """

    config: ModelConfig
    label_offset: np.ndarray
    device: str
    runtime: str

    def __call__(self, images: np.ndarray) -> Mapping[str, np.ndarray]:
        """Return the outputs of `fkd.photo.detectors.outputs` for images float32 [N, 1, 96, 96] in 0..1."""


class OnnxModel:
    """A model that OpenVINO runs.

    In bfloat16 if the processor multiplies such numbers and the head has heatmaps, of which a coordinate is a mean;
    from the last convolution on in float32, and otherwise in float32 throughout.
    """

    device = "cpu"

    def __init__(self, file: Path, networks: Path, config: ModelConfig, label_offset: np.ndarray):
        """Compile an ONNX file; networks: OpenVINO's cache folder."""
        self.config, self.label_offset = config, label_offset
        precision = "bf16" if config.head == HEATMAP and has_bf16() else "f32"
        self._network = Network(file, OUTPUTS, precision, networks)
        self.runtime = f"OpenVINO {self._network.precision}, {streams()} threads"

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs by name, as `Model`."""
        return self._network(images)


@dataclass(frozen=True)
class CheckpointDetector:
    """A checkpoint that answers for frames and photos.

    Attributes:
        folder: the checkpoint folder; `load_checkpoint` reads the weights themselves.
        owner: as in `Detector`.
    """

    checkpoint: Checkpoint[Model]
    folder: Path
    owner: str = ""

    @classmethod
    def read(
        cls, folder: Path | str, name: str = "", owner: str = "", device: str = "cpu", networks: Path | None = None
    ) -> "CheckpointDetector":
        """Read a checkpoint folder.

        Args:
            folder: with config.json and model.safetensors.
            name: its name; the folder's if empty.
            owner: as in `Detector`.
            device: a torch device: on a CPU by OpenVINO, elsewhere by torch.
            networks: the folder for its ONNX file; the cache's if not given.

        Raises:
            FileNotFoundError: if a file is missing.
            FkdError: if the config or the weights are wrong, as `load_checkpoint`.
        """
        folder = Path(folder)
        if device != "cpu":
            from fkd.photo.detectors.by_torch import load_by_torch  # noqa: PLC0415 - torch, which serving does without

            return cls(load_by_torch(folder, name, device), folder, owner)
        check_files(folder)
        config = read_config(folder / CONFIG)
        sha256 = file_sha256(folder / WEIGHTS)
        networks = networks or networks_folder()
        file = onnx_file(folder, config.model, sha256, networks)
        with safetensors.safe_open(folder / WEIGHTS, "np") as weights:
            label_offset = weights.get_tensor("label_offset")
        model = OnnxModel(file, networks, config.model, label_offset)
        checkpoint = Checkpoint(name or folder.resolve().name, model, config.training, config.data, sha256)
        return cls(checkpoint, folder, owner)

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
        """Return points float32 [N, 15, 2], as `Detector.on_frames`."""
        model = self.checkpoint.model
        return label_points(
            lambda frames: label_outputs(model, frames),
            model.config.conventions,
            model.label_offset,
            images,
            four_point,
            mirror,
        )

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """Return the faces in boxes, one photo for each, as `Detector.on_photos`."""
        return faces_by_frames(self._answer, photos, boxes, self.validation_rmse, precise)

    def _answer(self, frames: np.ndarray) -> FrameAnswers:
        return frame_answers(self.checkpoint.model, frames)
