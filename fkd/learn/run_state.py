"""A run's folder: held by one run at a time, with the state that a stopped run continues from.

The state is written first and is complete: weights, record and history are made again from it, so a run that is
killed between any two writes continues with --resume, or has left nothing and starts again.
"""

import dataclasses
import errno
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors
import torch
from filelock import FileLock, Timeout
from safetensors.torch import load_file
from torch.optim import Optimizer

from fkd import __version__
from fkd.data.record import DataRecord
from fkd.files import STRICT, remove_leftovers, replacing, typed
from fkd.learn.checkpoint import save_checkpoint, write_tensors
from fkd.learn.config import ModelConfig, TrainConfig, TrainingRecord
from fkd.learn.models import KeypointModel
from fkd.learn.record import CONFIG, WEIGHTS, read_config

STATE, LOCK, HISTORY = "training-state.safetensors", "training-state.lock", "history.csv"
History = list[dict[str, Any]]  # one row per epoch, with COLUMNS
COLUMNS = {"epoch", "train_rmse", "validation_rmse", "lr"}
ADVICE: dict[int | None, str] = {errno.ENOENT: "leave it in place"}
ADVICE |= dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space")
ADVICE |= dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "make it writable or choose another folder")
ADVICE |= dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG), "choose another folder")


@dataclass(frozen=True)
class Run:
    """What a run is of: only a run of the same can continue it."""

    __pydantic_config__ = STRICT

    model: ModelConfig
    train: TrainConfig
    data: DataRecord


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds a run's folder for this process while the block runs, and removes what killed writes left there.

    The lock ends with its process, however that ends; a folder made here and still empty goes again.
    Raises ValueError if another run holds the folder, OSError if it cannot be written.
    """
    made = not os.path.exists(folder)  # which, unlike Path.exists, is False where access is denied
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise ValueError(
                f"another run is training into {folder}: wait until it has ended, or choose another folder"
            ) from None
    try:
        with writing(folder):
            for name in (STATE, WEIGHTS, CONFIG, HISTORY):
                remove_leftovers(folder / name)
        yield
    finally:
        with suppress(OSError):  # the lock file holds nothing, and failing to remove it must not hide an error
            (folder / LOCK).unlink()  # while it is held: a process that locks a removed file tries again
        lock.release()
        if made:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Says in one sentence why a run's folder cannot be written, and what to do. Raises OSError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or _short(error)
        then = "continue with --resume" if os.path.exists(folder / STATE) else "start again"
        advice = ADVICE.get(error.errno, "mend that")
        raise OSError(f"{folder} cannot be written ({reason}): {advice}, then {then}") from None


def save_state(path: Path, run: Run, history: History, model: KeypointModel, optimizer: Optimizer) -> None:
    """Writes model, optimizer and history; the file appears whole or not at all. Raises OSError."""
    if not (path.parent / LOCK).exists():
        raise OSError(errno.ENOENT, "it was removed while a run was training into it")
    tensors = _weights(model)
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in state.items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_tensors(path, tensors, {"run": json.dumps(dataclasses.asdict(run)), "history": json.dumps(history)})


def load_state(path: Path, run: Run, model: KeypointModel, optimizer: Optimizer) -> History:
    """Puts a saved state into model and optimizer, and returns the history, one row per epoch.

    Raises ValueError if there is none, it cannot be read whole, or it is of a run with other settings.
    """
    if not path.exists():
        raise ValueError(f"{path.parent} has no unfinished run to resume ({STATE} is missing): start without --resume")
    broken = f"{path} is not a training state that can be resumed (%s): choose another folder and start again"
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        recorded = json.loads(metadata["run"])
        before = typed(recorded, Run, "its run")
        if dataclasses.asdict(before) != recorded:  # a setting of today, which that run did not have
            raise ValueError("another version of fkd wrote it, with other settings")
        history: History = json.loads(metadata["history"])
        tensors = load_file(path)
    except KeyError as error:
        raise ValueError(broken % f"it has no {error}") from None
    except (safetensors.SafetensorError, OSError, ValueError, RecursionError) as error:
        raise ValueError(broken % _short(error)) from None
    _compare(path.parent, before, run)
    if not _is_history(history, run.train.epochs):
        raise ValueError(broken % "its history is not that of the epochs before")
    expected = {name: (tensor.shape, tensor.dtype) for name, tensor in _weights(model).items()}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    stepped = {name.split(".")[1] for name in tensors if name.startswith("optimizer.")}
    for number, parameter in enumerate(parameters):
        if str(number) in stepped:  # one that never had a gradient has no moments
            moments = (parameter.shape, parameter.dtype)
            expected |= {f"optimizer.{number}.{name}": moments for name in ("exp_avg", "exp_avg_sq")}
            expected[f"optimizer.{number}.step"] = (torch.Size([]), torch.float32)
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or (tensors[name].shape, tensors[name].dtype) != expected.get(name):
            raise ValueError(broken % f"{_short(name)} does not fit the model")

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    model.load_state_dict(part("model."))
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in part("optimizer.").items():
        place, key = name.split(".", 1)
        # A copy: the tensor is a view of the file, whose room on the disk would be held as long as the run lasts.
        state.setdefault(int(place), {})[key] = tensor.clone()
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return history


def finished(folder: Path, run: Run) -> History | None:
    """The history of a run that came to its end in `folder`, one row per epoch; None if none did.

    Raises ValueError if the checkpoint there is of a run with other settings, or its history is not whole.
    """
    if (folder / STATE).exists() or not (folder / CONFIG).exists():
        return None
    config = read_config(folder / CONFIG)
    _compare(folder, Run(config.model, config.training, config.data), run)
    try:
        table = pd.read_csv(folder / HISTORY)
    except (OSError, ValueError):
        table = pd.DataFrame()
    history: History = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    if not _is_history(history, run.train.epochs) or len(history) < run.train.epochs:
        raise ValueError(
            f"{folder} holds a checkpoint without the state or the whole history of its run: "
            "choose another folder and start again"
        )
    return history


def best_of(history: History) -> dict[str, Any]:
    """The row of the best epoch, by validation RMSE."""
    return min(history, key=lambda row: row["validation_rmse"])


def save_outcome(out: Path, run: Run, history: History, model: KeypointModel) -> None:
    """Writes the checkpoint, if the last epoch is the best, and the history: all of it follows from the state."""
    best = best_of(history)
    with writing(out):
        if best is history[-1]:
            record = TrainingRecord(
                **vars(run.train),
                best_epoch=best["epoch"],
                validation_rmse=best["validation_rmse"],
                fkd_version=__version__,
            )
            save_checkpoint(out, model, record, run.data, run.train.half)
        with replacing(out / HISTORY) as unfinished:
            pd.DataFrame(history).to_csv(unfinished, index=False)


def check_best(folder: Path, epoch: int) -> None:
    """Raises ValueError if the checkpoint in `folder` is not that of the best epoch before a resumed one."""
    if not (folder / WEIGHTS).exists() or not (folder / CONFIG).exists():
        actual = "missing"
    else:
        actual = f"of epoch {read_config(folder / CONFIG).training.best_epoch}"
    if actual != f"of epoch {epoch}":
        raise ValueError(
            f"the best weights so far, of epoch {epoch}, are not in {folder} any more (those there are {actual}): "
            "choose another folder and start again"
        )


def _weights(model: KeypointModel) -> dict[str, torch.Tensor]:
    return {f"model.{name}": tensor for name, tensor in model.state_dict().items()}


def _compare(folder: Path, before: Run, run: Run) -> None:
    settings = dataclasses.asdict(before)
    for part, wanted in dataclasses.asdict(run).items():
        for key, value in wanted.items():
            old = settings[part][key]
            if old != value:
                raise ValueError(
                    f"{folder} was begun with {part} {key} = {_short(old)}, not {_short(value)}: "
                    "resume with the same, or choose another folder"
                )


def _short(value: object) -> str:
    return " ".join(str(value).split())[:150]


def _is_history(history: object, epochs: int) -> bool:
    """Whether a value is a list of 1 to `epochs` rows, numbered from 1, each of finite numbers."""
    return (
        isinstance(history, list)
        and 1 <= len(history) <= epochs
        and all(isinstance(row, dict) and row.keys() == COLUMNS for row in history)
        and all(isinstance(value, int | float) and abs(value) < math.inf for row in history for value in row.values())
        and [row["epoch"] for row in history] == list(range(1, len(history) + 1))
    )
