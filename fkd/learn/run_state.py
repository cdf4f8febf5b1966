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

from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import STRICT, remove_leftovers, replacing, typed
from fkd.learn.checkpoint import save_checkpoint, write_tensors
from fkd.learn.config import ModelConfig, Source, TrainConfig, TrainingRecord
from fkd.learn.models import KeypointModel
from fkd.learn.record import CONFIG, WEIGHTS, read_config
from fkd.version import __version__

STATE, LOCK, HISTORY = "training-state.safetensors", "training-state.lock", "history.csv"
History = list[dict[str, Any]]  # one row per epoch, with COLUMNS
COLUMNS = {"epoch", "train_rmse", "validation_rmse", "lr"}
ADVICE: dict[int | None, str] = {errno.ENOENT: "leave it in place"}
ADVICE |= dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space")
ADVICE |= dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "make it writable or choose another folder")
ADVICE |= dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG), "choose another folder")


@dataclass(frozen=True)
class Run:
    """Identifies a run; only an identical one, or one of more epochs, can resume it. source: as in `TrainingRecord`."""

    __pydantic_config__ = STRICT

    model: ModelConfig
    train: TrainConfig
    data: DataRecord
    source: Source | None = None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Locks a run's folder for this process while the block runs, and removes leftovers of killed writes.

    The lock ends with its process; a folder created here is removed if it is still empty.
    Raises FkdError if another run holds the folder, OSError if it cannot be written.
    """
    made = not os.path.exists(folder)  # which, unlike Path.exists, is False where access is denied
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise FkdError(
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
        advice = ADVICE.get(error.errno, "fix this")
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

    Raises FkdError if it is missing or damaged, or belongs to a run with other settings.
    """
    if not path.exists():
        raise FkdError(f"{path.parent} has no run to resume ({STATE} is missing): start without --resume")
    broken = f"{path} is not a training state that can be resumed (%s): choose another folder and start again"
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        recorded = json.loads(metadata["run"])
        before = typed(recorded, Run, "its run")
        if json.loads(json.dumps(dataclasses.asdict(before))) != recorded:  # a setting that the run did not have
            raise ValueError("another version of fkd wrote it, with other settings")
        history: History = json.loads(metadata["history"])
        tensors = load_file(path)
    except KeyError as error:
        raise FkdError(broken % f"it has no {error}") from None
    except (safetensors.SafetensorError, OSError, ValueError, RecursionError) as error:
        raise FkdError(broken % _short(error)) from None
    if not _is_history(history, before.train.epochs):
        raise FkdError(broken % "its history is not that of the epochs before")
    _compare(path.parent, before, run, len(history))
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
            raise FkdError(broken % f"{_short(name)} does not fit the model")

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    model.load_state_dict(part("model."))
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in part("optimizer.").items():
        place, key = name.split(".", 1)
        # A copy, in the memory format of the parameter, or the fused step would round differently; the tensor itself is
        # a view of the file, which could then not be replaced.
        like = parameters[int(place)] if tensor.ndim else tensor
        state.setdefault(int(place), {})[key] = torch.empty_like(like, device="cpu").copy_(tensor)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return history


def best_of(history: History, config: TrainConfig) -> dict[str, Any]:
    """The row of the epoch to keep: the best by validation RMSE, or the last one if those faces were trained on."""
    return history[-1] if config.validation_too else min(history, key=lambda row: row["validation_rmse"])


def save_outcome(out: Path, run: Run, history: History, model: KeypointModel) -> None:
    """Writes the checkpoint, if the last epoch is the best, and the history: all of it follows from the state."""
    best = best_of(history, run.train)
    with writing(out):
        if best is history[-1]:
            record = TrainingRecord(
                **vars(run.train),
                best_epoch=best["epoch"],
                validation_rmse=best["validation_rmse"],
                fkd_version=__version__,
                source=run.source,
            )
            save_checkpoint(out, model, record, run.data, run.train.half)
        with replacing(out / HISTORY) as unfinished:
            pd.DataFrame(history).to_csv(unfinished, index=False)


def check_best(folder: Path, epoch: int) -> None:
    """Raises FkdError if the checkpoint in `folder` is not that of the best epoch before a resumed one."""
    if not (folder / WEIGHTS).exists() or not (folder / CONFIG).exists():
        actual = "missing"
    else:
        actual = f"of epoch {read_config(folder / CONFIG).training.best_epoch}"
    if actual != f"of epoch {epoch}":
        raise FkdError(
            f"the best weights so far, of epoch {epoch}, are not in {folder} any more (those there are {actual}): "
            "choose another folder and start again"
        )


def _weights(model: KeypointModel) -> dict[str, torch.Tensor]:
    return {f"model.{name}": tensor for name, tensor in model.state_dict().items()}


def _compare(folder: Path, before: Run, run: Run, epochs: int) -> None:
    """Raises FkdError for the first setting that differs. The data's name may: the same folder may have moved.

    epochs: how many are done; there may be more to do than before.
    """
    expected = dataclasses.asdict(before)
    actual = dataclasses.asdict(run)
    expected["data"]["name"] = actual["data"]["name"]
    if epochs <= run.train.epochs != before.train.epochs:
        for setting in ("epochs", "warmup_epochs"):
            expected["train"][setting] = actual["train"][setting]
    for part in ("data", "model", "train", "source"):
        for key in expected[part] or actual[part] or ():
            old, new = ((settings[part] or {}).get(key) for settings in (expected, actual))
            if old != new:
                raise FkdError(
                    f"{folder} was started with {part}.{key} = {_short(old)}, not {_short(new)}: "
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
