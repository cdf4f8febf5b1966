"""A checkpoint is a folder {config.json, model.safetensors}; loading is strict and never asks the network."""

import dataclasses
import os
import re
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file

from fkd.data.conventions import nearest
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import file_sha256, replacing, write_json
from fkd.learn.config import ModelConfig, TrainingRecord
from fkd.learn.models import KeypointModel, build_model
from fkd.learn.record import CONFIG, FORMAT, WEIGHTS, Checkpoint, Config, check_files, read_config


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
    write_tensors(folder / WEIGHTS, tensors)
    write_json(folder / CONFIG, {"format": FORMAT} | dataclasses.asdict(Config(model.config, training, data)))


def write_tensors(path: Path | str, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file, replacing it as a whole.

    Raises OSError if it cannot be written: safetensors raises its own error type, without an errno.
    """
    with replacing(path) as unfinished:
        try:
            save_file(tensors, unfinished, metadata)
        except safetensors.SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            if number:
                raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None
            raise OSError(f"{path}: {error}") from None


def load_checkpoint(folder: Path | str, name: str = "") -> Checkpoint[KeypointModel]:
    """Reads a checkpoint folder; the model is on the CPU, in float32 and evaluation mode.

    name: the checkpoint's name; the folder's if empty.
    Raises FileNotFoundError if a file is missing, FkdError for a config or weights that do not fit exactly.
    """
    folder = Path(folder)
    check_files(folder)
    config = read_config(folder / CONFIG)
    weights = folder / WEIGHTS
    try:
        tensors = load_file(weights)
    except (safetensors.SafetensorError, OSError) as error:
        raise FkdError(f"{weights} is damaged ({error})") from None
    check_shapes({key: list(tensor.shape) for key, tensor in tensors.items()}, config.model, str(weights))
    for key, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise FkdError(f"{weights}: {key} has values that are not finite")
    model = build_model(config.model)
    model.load_state_dict(tensors)
    digest = file_sha256(weights)
    return Checkpoint(name or folder.resolve().name, model.eval(), config.training, config.data, digest)


def start_from(model: KeypointModel, source: KeypointModel) -> None:
    """Copies the weights of `source` into a model of the same network and head.

    An output of a convention that the source lacks starts as that of the source's nearest convention.
    Raises FkdError if network or head differ.
    """
    for part in ("name", "head"):
        wanted, actual = getattr(model.config, part), getattr(source.config, part)
        if wanted != actual:
            raise FkdError(f"the weights to start from are of {part} {actual}, expected {wanted}")
    theirs, ours = source.config.conventions, model.config.conventions
    near = [nearest(convention, theirs) for convention in ours]
    row = torch.zeros(model.config.outputs, dtype=torch.long)  # for each output, the source's output to copy
    for convention, channels in reversed([*zip(near, model.channels, strict=True)]):  # shared outputs: the first's
        row[channels] = source.channels[theirs.index(convention)]
    own, tensors = model.state_dict(), source.state_dict()
    last = ".".join(filter(None, ["head", model.head.last]))
    for name in (f"{last}.weight", f"{last}.bias"):
        tensors[name] = tensors[name].view(source.config.outputs, -1)[row].view_as(own[name])
    tensors["label_offset"] = tensors["label_offset"][[theirs.index(convention) for convention in near]]
    for name in ("choice.weight", "choice.bias"):
        tensors.pop(name, None)
        if name in own:
            kept = theirs == ours and source.choice is not None
            tensors[name] = source.state_dict()[name] if kept else own[name]
    model.load_state_dict(tensors)


def check_shapes(shapes: dict[str, list[int]], config: ModelConfig, where: str) -> None:
    """Compares the tensors that a file has with those that a model needs, before that model takes any memory.

    Raises FkdError for the first that is missing, unknown or of another shape.
    """
    with torch.device("meta"):
        expected = {key: list(tensor.shape) for key, tensor in build_model(config).state_dict().items()}
    for problem, keys in (
        ("lacks", expected.keys() - shapes),
        ("has the unknown", shapes.keys() - expected),
    ):
        if keys:
            first = " ".join(sorted(keys)[0].split())[:100]
            raise FkdError(f"{where} {problem} {first} ({len(keys)} such), for {config.name}")
    for key, shape in shapes.items():
        if shape != expected[key]:
            raise FkdError(f"{where}: {key} is {shape}, expected {expected[key]}")
