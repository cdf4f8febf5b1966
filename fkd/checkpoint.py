"""A checkpoint is a folder {config.json, model.safetensors}; loading is strict and never asks the network."""

import dataclasses
import hashlib
import json
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


def save_checkpoint(folder: Path | str, model: KeypointModel, training: dict, data: dict, half: bool = False) -> None:
    """Writes a checkpoint folder, each file aside and then renamed.

    half: weight matrices and kernels in float16 (norms, biases and running statistics stay float32).
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
    with replacing(folder / WEIGHTS) as aside:
        save_file(tensors, aside)
    write_json(folder / CONFIG, config)


def load_checkpoint(folder: Path | str) -> Checkpoint:
    """Reads a checkpoint folder; the model is on the CPU, in float32 and evaluation mode.

    Raises FileNotFoundError if a file is missing, ValueError for a config or weights that do not fit exactly.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} has no {name}: expected a checkpoint folder as `fkd train` writes it")
    try:
        config = json.loads((folder / CONFIG).read_text())
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG} is not readable as JSON ({error})") from None
    keys = {"format", "model", "training", "data"}
    if not isinstance(config, dict) or set(config) != keys:
        found = sorted(config) if isinstance(config, dict) else type(config).__name__
        raise ValueError(f"{folder / CONFIG} has {found}, expected exactly {sorted(keys)}")
    if config["format"] != FORMAT:
        raise ValueError(f"{folder / CONFIG} has format {config['format']!r}; this version reads {FORMAT!r}")
    known = {field.name for field in dataclasses.fields(ModelConfig)}
    if not isinstance(config["model"], dict) or set(config["model"]) != known:
        raise ValueError(f"{folder / CONFIG}: model has {config['model']}, expected exactly {sorted(known)}")
    try:
        model = build_model(ModelConfig(**config["model"]))
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from None
    training = config["training"]
    if not isinstance(training, dict) or not isinstance(training.get("validation_rmse"), float):
        raise ValueError(
            f"{folder / CONFIG}: training lacks validation_rmse, a number of px: train it with `fkd train`"
        )
    _load_weights(model, folder / WEIGHTS)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    return Checkpoint(folder.resolve().name, model.eval(), training, config["data"], digest)


def _load_weights(model: KeypointModel, path: Path) -> None:
    try:
        tensors = load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error})") from None
    expected = model.state_dict()
    for problem, names in (
        ("lacks", expected.keys() - tensors),
        ("has the unknown", tensors.keys() - expected),
    ):
        if names:
            raise ValueError(f"{path} {problem} {sorted(names)[0]} ({len(names)} such), for {model.config}")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise ValueError(f"{path}: {name} is {list(tensor.shape)}, expected {list(expected[name].shape)}")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{path}: {name} has values that are not finite")
    model.load_state_dict(tensors)
