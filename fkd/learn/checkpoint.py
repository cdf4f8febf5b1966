"""A checkpoint is a folder {config.json, model.safetensors}; loading is strict and never asks the network."""

import dataclasses
import functools
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import safetensors
import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from typing_extensions import TypedDict  # the standard library's, before Python 3.12, is not enough for pydantic

from fkd.files import STRICT, Count, Figure, Line, read_json, replacing, typed, write_json
from fkd.learn.models import KeypointModel, ModelConfig, build_model

FORMAT = "fkd-1"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
LARGEST_CONFIG = 100_000  # bytes
Share = Annotated[float, Field(ge=0, le=1)]


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


class Training(TypedDict, total=False):
    """What a model was trained with: TrainConfig and the outcome. A checkpoint that was not trained by fkd lacks most
    of it, and a run may add to it; but what is there is what it says."""

    __pydantic_config__ = STRICT | {"extra": "allow"}

    epochs: Count
    batch_size: Count
    optimizer: Line
    lr: Figure
    weight_decay: Figure
    ema: Share
    labels: Line
    augment: dict[str, Any] | None
    half: bool
    seed: Annotated[int, Field(ge=-(2**63), lt=2**64)]
    start: Line
    best_epoch: Count
    validation_rmse: Annotated[float, Field(gt=0, le=1e6)]
    fkd_version: Line


class Data(TypedDict, total=False):
    """What a model was trained on: the data's name and terms, and by part the count of faces and their fingerprint."""

    __pydantic_config__ = STRICT | {"extra": "allow"}

    name: Line
    terms: Annotated[str, Field(max_length=2000)]
    faces: dict[Literal["train", "validation", "test"], Count]
    fingerprints: dict[Literal["train", "validation", "test"], Line]


@dataclass(frozen=True)
class Epoch:
    """A row of history.csv: RMSE in px on the training and validation faces, and the learning rate."""

    __pydantic_config__ = STRICT

    epoch: Count
    train_rmse: Figure | None
    validation_rmse: Figure | None
    lr: Figure | None


@dataclass(frozen=True)
class Config:
    """What a config.json says: the model, and what it was trained with and on (JSON values)."""

    __pydantic_config__ = STRICT

    model: ModelConfig
    training: Training
    data: Data
    format: Literal[FORMAT] = FORMAT


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

    value = read_json(path, LARGEST_CONFIG)
    if isinstance(value, dict) and value.get("format") != FORMAT:
        raise ValueError(f"{path} has format {str(value.get('format'))[:40]!r}; this version reads {FORMAT!r}")
    config = typed(value, Config, str(path))
    if "validation_rmse" not in config.training:
        raise ValueError(f"{path}: training lacks validation_rmse, a number of px: train it with `fkd train`")
    return config


def weights_in(folders: Iterable[Path]) -> dict[str, Path]:
    """The checkpoint folders by the sha256 of their weights; what is no checkpoint is left out."""
    found = {}
    for folder in folders:
        weights = folder / WEIGHTS
        if weights.is_file() and (folder / CONFIG).is_file():
            about = weights.stat()
            found.setdefault(_sha256(weights, about.st_mtime_ns, about.st_size), folder)
    return found


@functools.lru_cache(256)
def _sha256(path: Path, changed: int, size: int) -> str:
    """The hash of a file that has not `changed`: a page asks for it at every view."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
            first = " ".join(sorted(keys)[0].split())[:100]
            raise ValueError(f"{where} {problem} {first} ({len(keys)} such), for {config}")
    for key, shape in shapes.items():
        if shape != expected[key]:
            raise ValueError(f"{where}: {key} is {shape}, expected {expected[key]}")
