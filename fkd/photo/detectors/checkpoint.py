"""Our own networks: a checkpoint as a detector, and its ONNX file: its folder's, the cache's or a new export."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import safetensors

from fkd.files import cache_folder, file_sha256
from fkd.learn.config import HEATMAP, ModelConfig, TrainingRecord
from fkd.learn.record import CONFIG, WEIGHTS, check_files, read_config
from fkd.photo.colours import network_colour
from fkd.photo.detectors.network import OUTPUTS, NetworkDetector, Run
from fkd.photo.runtime import Network, has_bf16, read_metadata, streams

ONNX = "model.onnx"  # in a checkpoint folder
VERSION = 1  # of the export: a change that alters its answers makes new files


@dataclass
class CheckpointDetector(NetworkDetector):
    """A checkpoint folder that answers for frames and photos."""

    config: ModelConfig = field(repr=False)
    training: TrainingRecord = field(repr=False)
    device: str = "cpu"  # of torch
    runtime: str = ""  # its name in a leaderboard entry; empty for torch

    @classmethod
    def read(cls, folder: Path | str, name: str = "", owner: str = "", device: str = "cpu") -> "CheckpointDetector":
        """Read a checkpoint folder.

        name: the folder's if empty. device: a torch device: on a CPU by OpenVINO, elsewhere by torch. Raises
        FileNotFoundError, or FkdError as `load_checkpoint`.
        """
        folder = Path(folder)
        check_files(folder)
        config, sha256 = read_config(folder / CONFIG), file_sha256(folder / WEIGHTS)
        if device == "cpu":
            run, runtime = _by_openvino(folder, config.model, sha256)
        else:
            run, runtime = _by_torch(folder, device), ""
        with safetensors.safe_open(folder / WEIGHTS, "np") as weights:
            offset = weights.get_tensor("label_offset")
        return cls(
            name=name or folder.resolve().name,
            owner=owner,
            colour=network_colour(config.model.name),
            network=config.model.name,
            sha256=sha256,
            data=config.data,
            validation_rmse=config.training.validation_rmse,
            folder=folder,
            run=run,
            conventions=config.model.conventions,
            label_offset=offset,
            config=config.model,
            training=config.training,
            device=device,
            runtime=runtime,
        )


def _by_torch(folder: Path, device: str) -> Run:
    from fkd.learn.checkpoint import load_checkpoint  # noqa: PLC0415 - torch, which serving does without
    from fkd.photo.detectors.onnx_export import NamedOutputs  # noqa: PLC0415

    return NamedOutputs(load_checkpoint(folder).model).to(device).run


def _by_openvino(folder: Path, config: ModelConfig, sha256: str) -> tuple[Run, str]:
    """The network on the CPU, and its runtime's name."""
    # A heatmap's coordinate is a mean, so bfloat16 is exact enough up to the last convolution.
    precision = "bf16" if config.head == HEATMAP and has_bf16() else "f32"
    network = Network(onnx_file(folder, config, sha256), OUTPUTS, precision, _networks())
    return network, f"OpenVINO {precision}, {streams()} threads"


def _networks() -> Path:
    """The folder for exported and compiled networks."""
    folder = cache_folder() / "networks"
    folder.mkdir(exist_ok=True)
    return folder


def onnx_file(folder: Path, config: ModelConfig, sha256: str) -> Path:
    """Return a checkpoint's ONNX file: its own, if that names the same weights, or one exported once to the cache.

    Raises FkdError as `load_checkpoint`.
    """
    if (folder / ONNX).is_file() and _weights_of(folder / ONNX) == sha256:
        return folder / ONNX
    model = json.dumps([VERSION, dataclasses.asdict(config)])  # other models may have the same tensors
    file = _networks() / f"{sha256}-{hashlib.sha256(model.encode()).hexdigest()[:16]}.onnx"
    if not file.is_file():
        from fkd.photo.detectors.onnx_export import export_onnx  # noqa: PLC0415 - torch, which serving does without

        export_onnx(folder, file)
    return file


def _weights_of(file: Path) -> str:
    try:
        return str(json.loads(read_metadata(file)["fkd"])["checkpoint"])
    except (RuntimeError, ValueError, TypeError, KeyError):
        return ""
