"""The metadata of a checkpoint folder {config.json, model.safetensors}, read without torch."""

import functools
from collections.abc import Iterable
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Literal

from fkd.data.record import DataRecord
from fkd.files import file_sha256, file_version, read_json, strict_dataclass, typed
from fkd.learn.config import ModelConfig, TrainingRecord

CONFIG, WEIGHTS = "config.json", "model.safetensors"
LARGEST_CONFIG = 100_000  # bytes


@strict_dataclass
class Config:
    """The contents of a config.json: the model, and what it was trained with and on."""

    _: KW_ONLY
    format: Literal["fkd-2"] = "fkd-2"  # first, so that another format is the error that is reported
    model: ModelConfig
    training: TrainingRecord
    data: DataRecord


def check_files(folder: Path) -> None:
    """Raise FileNotFoundError if a file of a checkpoint folder is missing."""
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{folder} has no {file}: expected a checkpoint folder as `fkd train` writes it")


def read_config(path: Path) -> Config:
    """Reads a config.json, which may come from anyone.

    Raises FkdError, naming the problem, unless `save_checkpoint` could have written it.
    """
    return typed(read_json(path, LARGEST_CONFIG), Config, str(path))


def weights_in(paths: Iterable[Path]) -> dict[str, Path]:
    """Checkpoint folders, and files of weights, by the sha256 of their weights; any other folder is left out."""
    by_sha256: dict[str, Path] = {}
    for path in paths:
        weights = path / WEIGHTS if (path / CONFIG).is_file() else path
        if weights.is_file():
            by_sha256.setdefault(_sha256(weights, file_version(weights.stat())), path)
    return by_sha256


@functools.lru_cache(256)
def _sha256(path: Path, version: tuple[int, ...]) -> str:
    """The hash of a file of this version: the page needs it for every view."""
    return file_sha256(path)
