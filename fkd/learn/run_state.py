"""A run's folder: held by one run at a time, with the state that a stopped run continues from.

The state is written first and is complete: weights, record and history are made again from it, so a run that is
killed between any two writes continues with --resume, or has left nothing and starts again.
"""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch.optim import Optimizer

from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import one_line, remove_leftovers, replacing
from fkd.learn.checkpoint import save_checkpoint
from fkd.learn.config import ModelConfig, TrainConfig, TrainingRecord
from fkd.learn.models import KeypointModel
from fkd.learn.record import CONFIG, WEIGHTS
from fkd.version import __version__

STATE, LOCK, HISTORY = "training-state.safetensors", "training-state.lock", "history.csv"
History = list[dict[str, Any]]  # one row per epoch: epoch, train_rmse, validation_rmse, lr


@dataclass(frozen=True)
class Run:
    """Identifies a run; only an identical one, or one of more epochs, can resume it."""

    data: DataRecord
    model: ModelConfig
    train: TrainConfig

    def settings(self) -> dict[str, Any]:
        """Every setting, as JSON values, by its name: model.head, train.lr."""
        parts = json.loads(json.dumps(dataclasses.asdict(self)))
        return {f"{part}.{key}": value for part, fields in parts.items() for key, value in fields.items()}


def check_place(out: Path, has_run: bool) -> None:
    """Raise FkdError if a folder holds other files than a run's, or a run or checkpoint that was not named as such."""
    names = {path.name for path in out.glob("[!.]*")}
    if names and not names & {STATE, CONFIG, LOCK}:
        raise FkdError(f"{out} holds other files: choose a new folder")
    for file, content in ((STATE, "a run: continue it with --resume"), (CONFIG, "a checkpoint: start elsewhere")):
        if file in names and not has_run:
            raise FkdError(f"{out} already holds {content}, choose another folder, or add --overwrite")


@contextmanager
def locked(folder: Path, has_run: bool) -> Iterator[None]:
    """Locks a run's folder for this process while the block runs, and removes leftovers of killed writes.

    Raises FkdError as `check_place`, or if another run holds the folder; OSError, with what to do, if it cannot be
    written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK, timeout=0):
            check_place(folder, has_run)
            for name in (STATE, WEIGHTS, CONFIG, HISTORY):
                remove_leftovers(folder / name)
            try:
                yield
            finally:
                with suppress(OSError):  # which must not hide another error
                    (folder / LOCK).unlink()  # while it is held: a process that locks a removed file tries again
    except Timeout:
        raise FkdError(f"another run is training into {folder}: wait for its end, or choose another folder") from None
    except OSError as error:
        reason, then = error.strerror or one_line(error), f"continue with --resume if {STATE} is there"
        raise OSError(f"{folder} cannot be written ({reason}): fix this, then {then}, or start again") from None


def save_state(path: Path, run: Run, history: History, model: KeypointModel, optimizer: Optimizer) -> None:
    """Writes model, optimizer and history; the file appears whole or not at all. Raises OSError."""
    record = json.dumps({"settings": run.settings(), "history": history})
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in state.items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(tensors | {"record": torch.tensor(list(record.encode()), dtype=torch.uint8)})
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)  # safetensors' own writer hides the error number of a full disk


def load_state(path: Path, run: Run, model: KeypointModel, optimizer: Optimizer) -> History:
    """Puts a saved state into model and optimizer, and returns the history; FkdError if it is not this run's."""
    if not path.is_file():
        raise FkdError(f"{path.parent} has no run to resume ({STATE} is missing): start without --resume")
    try:
        tensors = load_file(path)
    except SafetensorError:
        raise FkdError(f"{path} is damaged: choose another folder and start again") from None
    record = json.loads(bytes(tensors.pop("record").tolist()))
    history: History = record["history"]
    before, now = record["settings"], run.settings()
    before["data.name"] = now["data.name"]  # the same folder may have moved
    if len(history) <= now["train.epochs"] != before["train.epochs"]:
        before |= {name: now[name] for name in ("train.epochs", "train.warmup_epochs")}
    for name in before | now:
        if before.get(name) != now.get(name):
            raise FkdError(
                f"{path.parent} was started with {name} = {one_line(before.get(name))}, not {one_line(now.get(name))}: "
                "resume with the same, or choose another folder"
            )
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    weights = {name.removeprefix("model."): tensors[name] for name in tensors if name.startswith("model.")}
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name in [name for name in tensors if name.startswith("optimizer.")]:
        _, number, key = name.split(".")
        # In the memory format of the parameter, or the fused step would round differently.
        like = parameters[int(number)] if tensors[name].ndim else tensors[name]
        moments.setdefault(int(number), {})[key] = torch.empty_like(like, device="cpu").copy_(tensors[name])
    model.load_state_dict(weights)
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    if best_of(history, run.train) is not history[-1] and not (path.parent / WEIGHTS).exists():
        raise FkdError(f"the best weights so far are missing in {path.parent}: choose another folder and start again")
    return history


def best_of(history: History, config: TrainConfig) -> dict[str, Any]:
    """The row of the epoch to keep: the best by validation RMSE, or the last one if those faces were trained on."""
    return history[-1] if config.validation_too else min(history, key=lambda row: row["validation_rmse"])


def save_outcome(out: Path, run: Run, history: History, model: KeypointModel) -> None:
    """Writes the checkpoint, if the last epoch is the best, and the history: all of it follows from the state."""
    best = best_of(history, run.train)
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
