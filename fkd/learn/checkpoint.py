"""A checkpoint is a folder {config.json, model.safetensors}; loading is strict and never asks the network."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save

from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import file_sha256, one_line, replacing, write_json
from fkd.learn.config import TrainingRecord
from fkd.learn.models import KeypointModel, build_model, check_name
from fkd.learn.record import CONFIG, WEIGHTS, Config, check_files, read_config


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode, what it was trained with and on, and the sha256 of its weights' file."""

    name: str
    model: KeypointModel = field(repr=False)
    training: TrainingRecord
    data: DataRecord
    sha256: str


def save_checkpoint(
    folder: Path | str, model: KeypointModel, training: TrainingRecord, data: DataRecord, half: bool = False
) -> None:
    """Writes a checkpoint folder, replacing each file as a whole.

    half: weight matrices and kernels in float16 (norms, biases and running statistics stay float32).
    Raises OSError if it cannot be written.
    """
    folder = Path(folder)
    tensors = {
        name: (tensor.half() if half and tensor.ndim >= 2 else tensor).detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
    }
    with replacing(folder / WEIGHTS) as unfinished:
        unfinished.write_bytes(save(tensors))  # safetensors' own writer hides the error number of a full disk
    write_json(folder / CONFIG, dataclasses.asdict(Config(model=model.config, training=training, data=data)))


def load_checkpoint(folder: Path | str, name: str = "") -> Checkpoint:
    """Reads a checkpoint folder; the model is on the CPU, in float32 and evaluation mode.

    name: the checkpoint's name; the folder's if empty.
    Raises FileNotFoundError if a file is missing, FkdError for a config or weights that do not fit exactly.
    """
    folder = Path(folder)
    check_files(folder)
    config, weights = read_config(folder / CONFIG), folder / WEIGHTS
    check_name(config.model.name, f"{folder / CONFIG}: ")
    try:
        tensors = load_file(weights)
        with torch.device("meta"):  # refuses other weights before the model takes any memory
            build_model(config.model).load_state_dict(tensors, assign=True)
    except (safetensors.SafetensorError, OSError) as error:
        raise FkdError(f"{weights} is damaged ({error})") from None
    except RuntimeError as error:  # of load_state_dict
        raise FkdError(f"{weights} does not fit {config.model.name}: {one_line(error, 200)}") from None
    for key, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise FkdError(f"{weights}: {key} has values that are not finite")
    model = build_model(config.model)
    model.load_state_dict(tensors)
    return Checkpoint(name or folder.resolve().name, model.eval(), config.training, config.data, file_sha256(weights))
