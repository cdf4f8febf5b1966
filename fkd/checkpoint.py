"""A checkpoint is a folder {config.json, model.safetensors}; loading is strict and never asks the network."""

import dataclasses
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file

from fkd.files import replacing, write_json
from fkd.models import KeypointModel, ModelConfig, build_model

FORMAT = "fkd-1"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode, and what it was trained with and on (JSON values).

    training holds at least validation_rmse, px: what `predict` judges weak faces by.
    """

    name: str
    model: KeypointModel
    training: dict
    data: dict
    sha256: str


@dataclass(frozen=True)
class Config:
    """What a config.json says: the model, and what it was trained with and on (JSON values)."""

    model: ModelConfig
    training: dict
    data: dict


def save_checkpoint(folder: Path | str, model: KeypointModel, training: dict, data: dict, half: bool = False) -> None:
    """Writes a checkpoint folder, each file aside and then renamed.

    half: weight matrices and kernels in float16 (norms, biases and running statistics stay float32).
    Raises OSError if it cannot be written.
    """
    folder = Path(folder)
    tensors = {
        name: (tensor.half() if half and tensor.ndim >= 2 else tensor).detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
    }
    config = {
        "format": FORMAT,
        "model": dataclasses.asdict(model.config),
        "training": training,
        "data": data,
    }
    write_tensors(folder / WEIGHTS, tensors)
    write_json(folder / CONFIG, config)


def write_tensors(path: Path | str, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file aside, then renames it.

    Raises OSError if it cannot be written: safetensors has an error of its own for that, without a number.
    """
    with replacing(path) as aside:
        try:
            save_file(tensors, aside, metadata)
        except safetensors.SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            if number:
                raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None
            raise OSError(f"{path}: {error}") from None


def load_checkpoint(folder: Path | str, name: str = "") -> Checkpoint:
    """Reads a checkpoint folder; the model is on the CPU, in float32 and evaluation mode.

    name: what the checkpoint is called; the folder's name if empty.
    Raises FileNotFoundError if a file is missing, ValueError for a config or weights that do not fit exactly.
    """
    folder = Path(folder)
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{folder} has no {file}: expected a checkpoint folder as `fkd train` writes it")
    config = read_config(folder / CONFIG)
    weights = folder / WEIGHTS
    try:
        tensors = load_file(weights)
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{weights} is damaged ({error})") from None
    check_shapes({key: list(tensor.shape) for key, tensor in tensors.items()}, config.model, str(weights))
    for key, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{weights}: {key} has values that are not finite")
    model = build_model(config.model)
    model.load_state_dict(tensors)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return Checkpoint(name or folder.resolve().name, model.eval(), config.training, config.data, digest)


def read_config(path: Path) -> Config:
    """Reads a config.json, which may come from anyone.

    Raises ValueError, with what is wrong, for anything but what `save_checkpoint` writes.
    """

    def refuse(constant: str):
        raise ValueError(f"{constant} is no number")

    try:
        config = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable as JSON ({error})") from None
    keys = {"format", "model", "training", "data"}
    if not isinstance(config, dict) or set(config) != keys:
        found = sorted(config) if isinstance(config, dict) else type(config).__name__
        raise ValueError(f"{path} has {found}, expected exactly {sorted(keys)}")
    if config["format"] != FORMAT:
        raise ValueError(f"{path} has format {config['format']!r}; this version reads {FORMAT!r}")
    known = {field.name for field in dataclasses.fields(ModelConfig)}
    if not isinstance(config["model"], dict) or set(config["model"]) != known:
        raise ValueError(f"{path}: model has {config['model']}, expected exactly {sorted(known)}")
    try:
        model = ModelConfig(**config["model"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    training = config["training"]
    if not isinstance(training, dict) or not isinstance(training.get("validation_rmse"), float):
        raise ValueError(f"{path}: training lacks validation_rmse, a number of px: train it with `fkd train`")
    if not isinstance(config["data"], dict):
        raise ValueError(f"{path}: data is {config['data']!r}, expected what it was trained on: train it again")
    return Config(model, training, config["data"])


def check_shapes(shapes: dict[str, list[int]], config: ModelConfig, where: str) -> None:
    """Compares the tensors that a file has with those that a model needs, before that model takes any memory.

    Raises ValueError for the first that is missing, unknown or of another shape.
    """
    with torch.device("meta"):
        expected = {key: list(tensor.shape) for key, tensor in build_model(config).state_dict().items()}
    for problem, keys in (
        ("lacks", expected.keys() - shapes),
        ("has the unknown", shapes.keys() - expected),
    ):
        if keys:
            raise ValueError(f"{where} {problem} {sorted(keys)[0]} ({len(keys)} such), for {config}")
    for key, shape in shapes.items():
        if shape != expected[key]:
            raise ValueError(f"{where}: {key} is {shape}, expected {expected[key]}")
