"""Training: one visible loop over a set of faces that lies on the device as a whole."""

import dataclasses
import math
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3
from tqdm import tqdm

from fkd import __version__
from fkd.data.faces import Faces
from fkd.data.split import Split, fingerprint
from fkd.files import replacing
from fkd.learn.augment import AugmentConfig, augment
from fkd.learn.checkpoint import CONFIG, Checkpoint, save_checkpoint
from fkd.learn.heatmap import heatmap_loss
from fkd.learn.inference import bf16_is_quick, predict_points
from fkd.learn.loss import masked_loss
from fkd.learn.models import FCNN, ModelConfig, build_model, targets
from fkd.learn.run_state import HISTORY, STATE, alone, check_best, finished, load_state, save_state, writing
from fkd.metrics import accuracy


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    labels: "all" rows with the masked loss (ML-ResNet), or "complete" rows only. precision: "bf16",
    "fp32", or "auto": bf16 for residual networks where the hardware computes in it.
    warmup_epochs: 3 if not given, or as many as leave one epoch after them.
    ema: decay of the moving average of the weights, which is what is validated and saved.
    half: save the weights in float16.
    """

    epochs: int = 100
    batch_size: int = 32
    optimizer: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int | None = None
    ema: float = 0.998
    labels: str = "all"
    augment: AugmentConfig | None = field(default_factory=AugmentConfig)
    precision: str = "auto"
    half: bool = False
    seed: int = 0

    def __post_init__(self):
        for name, choices in (
            ("optimizer", ("adam", "adamw")),
            ("labels", ("all", "complete")),
            ("precision", ("auto", "bf16", "fp32")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(choices)}")
        for name in ("epochs", "batch_size", "lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, expected more than 0")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}, expected 0 or more")
        if not -(2**31) <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}, expected {-(2**31)} to {2**31 - 1}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema is {self.ema}, expected 0 (off) or more, below 1")
        if self.warmup_epochs is None:
            object.__setattr__(self, "warmup_epochs", min(3, self.epochs - 1))
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs}, expected 0 to {self.epochs - 1}")


@dataclass(frozen=True)
class Trained:
    """The outcome: the best epoch (from 1) and its validation RMSE in px, and the history, one row per epoch."""

    best_epoch: int
    validation_rmse: float
    history: list[dict]


def train(
    model_config: ModelConfig,
    config: TrainConfig,
    faces: Faces,
    split: Split,
    out: Path | str,
    data_name: str,
    terms: str = "",
    device: str = "cpu",
    resume: bool = False,
    start: Checkpoint | None = None,
) -> Trained:
    """Trains a model and keeps the best epoch by validation RMSE in the checkpoint folder `out`.

    Writes after every epoch the state that `resume` continues from (removed at the end), then config.json,
    model.safetensors and history.csv. Killed at whatever moment, a run either resumes and ends with the weights of an
    unbroken one, or has left nothing and can be started anew; to resume one that has ended changes nothing.
    terms: of the training data, for the record. start: a checkpoint whose weights to begin with, in place of random
    ones.
    Where torch.distributed is initialised, each process takes its part of every batch, and the gradients are those of
    the whole batch; batch norm's statistics are shared on CUDA only. The first process writes.
    Raises ValueError if `out` holds another run and resume is off, or another process trains into it, or resume finds
    nothing that fits, or start is another kind of model; OSError, with what to do, if `out` cannot be written.
    """
    if start and start.model.config != model_config:
        raise ValueError(f"{start.name} is {start.model.config}, so it cannot start {model_config}: ask for the same")
    out = Path(out)
    train_rows = split.train
    if config.labels == "complete":
        train_rows = train_rows[np.isfinite(faces.points[train_rows]).all((1, 2))]
    training, validation = faces[train_rows], faces[split.validation]
    for part, name in ((training, "train"), (validation, "validate")):
        if not np.isfinite(part.points).any():
            raise ValueError(f"there is no labelled face to {name} on: {len(faces)} rows are too few to split")
    record = {
        "name": data_name,
        "terms": terms,
        "faces": {part: len(getattr(split, part)) for part in ("train", "validation", "test")},
        "fingerprints": {part: fingerprint(faces[getattr(split, part)]) for part in ("train", "validation", "test")},
    }
    run = {
        "model": dataclasses.asdict(model_config),
        "train": dataclasses.asdict(config) | {"start": start.sha256 if start else ""},
        "data": record,
    }

    rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    if config.batch_size % processes:
        raise ValueError(f"batches of {config.batch_size} do not part evenly among {processes} processes")
    with alone(out) if rank == 0 else nullcontext():
        history = finished(out, run) if resume else None
        if history is None:
            # The moments of dead units fade into denormals, which made epochs 3x slower.
            torch.set_flush_denormal(True)
            try:
                history = _epochs(model_config, config, training, validation, run, out, device, resume, start)
            finally:
                torch.set_flush_denormal(False)
    best = _best(history)
    return Trained(best["epoch"], best["validation_rmse"], history)


def _epochs(
    model_config: ModelConfig,
    config: TrainConfig,
    training: Faces,
    validation: Faces,
    run: dict,
    out: Path,
    device: str,
    resume: bool,
    start: Checkpoint | None,
) -> list[dict]:
    """The epochs of a run, from its first or from where it stopped; returns the history, one row per epoch."""
    rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    torch.manual_seed(config.seed)
    dev = torch.device(device)
    model = build_model(model_config)
    if start:
        model.load_state_dict(start.model.state_dict())
    if processes > 1 and dev.type == "cuda":
        model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model = model.to(dev)
    bf16 = _use_bf16(config, model_config, dev)
    average = ModelEmaV3(model, decay=config.ema, use_warmup=True)
    optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer](
        _parameter_groups(model, config.weight_decay), lr=config.lr
    )
    steps = max(1, len(training) // config.batch_size)
    schedule = CosineLRScheduler(
        optimizer,
        t_initial=config.epochs * steps,
        warmup_t=config.warmup_epochs * steps,
        warmup_lr_init=config.lr / 100,
        lr_min=config.lr / 100,
        t_in_epochs=False,
    )
    history: list[dict] = []
    if resume:
        history = load_state(out / STATE, run, model, average, optimizer)
        if rank == 0:  # what the state was written before
            if _best(history)["epoch"] < len(history):
                check_best(out, _best(history)["epoch"])
            _save_outcome(out, run, history, average, config.half)
    elif (out / STATE).exists():
        raise ValueError(f"{out} already holds a run: continue it with --resume, or choose another folder")
    elif (out / CONFIG).exists():
        raise ValueError(f"{out} already holds a run, or a checkpoint, that is complete: choose another folder")

    images = torch.from_numpy(training.images).to(dev)[:, None]  # uint8 [N, 1, 96, 96]
    kind = torch.from_numpy(training.four_point)
    labels = targets(torch.from_numpy(training.points), kind, model_config).to(dev)  # [N, 15 or 17, 2] px
    kind = kind.long().to(dev)  # [N]
    update = len(history) * steps
    progress = tqdm(total=config.epochs * steps, initial=update, unit="step", desc=model_config.name, disable=rank > 0)
    for epoch in range(len(history) + 1, config.epochs + 1):
        # A generator of its own for every epoch, so that a resumed run draws what an unbroken one draws.
        generator = torch.Generator(dev).manual_seed(config.seed * 100_003 + epoch)
        torch.manual_seed(config.seed * 100_003 + epoch)
        model.train()
        points = labels.clone()  # where the points themselves lie, as far as is known by now
        points[..., 0] -= model.label_offset[kind][:, None]
        squares, count = torch.zeros((), device=dev, dtype=torch.float64), 0
        for rows in torch.randperm(len(images), generator=generator, device=dev)[: steps * config.batch_size].split(
            config.batch_size
        ):
            batch, target = images[rows].float() / 255, points[rows]
            if config.augment:
                batch, target = augment(batch, target, config.augment, generator)
            batch, target = batch[rank::processes], target[rank::processes]
            schedule.step_update(update)
            with torch.autocast(dev.type, torch.bfloat16, enabled=bf16):
                predicted, heatmaps = model.answer(batch)
            loss = _loss(predicted, heatmaps, target)
            if loss is not None:
                optimizer.zero_grad()
                loss.backward()
                if processes > 1:
                    _add_gradients(model)
                optimizer.step()
                average.update(model, update)
                error = (predicted.detach() - target)[torch.isfinite(target)]
                squares, count = squares + error.double().square().sum(), count + len(error)
            update += 1
            progress.update()
        squares, count = _over_all(torch.stack([squares, torch.tensor(count, device=dev).double()]))
        if not torch.isfinite(squares) or not count:
            raise ValueError(f"epoch {epoch}: the loss is not finite; try a lower --lr (now {config.lr:g})")

        four_point = validation.four_point
        predicted = predict_points([average.module], validation.images, four_point)
        moved = _mean_aside(predicted, validation.points, four_point)
        predicted[..., 0] += moved[four_point.astype(int), None]
        for one in (model, average.module):
            one.label_offset += torch.from_numpy(moved).to(one.label_offset)
        history.append(
            {
                "epoch": epoch,
                "train_rmse": round(float((squares / count).sqrt()), 4),
                "validation_rmse": round(accuracy(predicted, validation.points, resamples=1).rmse, 4),
                "lr": optimizer.param_groups[0]["lr"],
            }
        )
        train_rmse, rmse = history[-1]["train_rmse"], history[-1]["validation_rmse"]
        progress.set_postfix(train=train_rmse, val=rmse, best=_best(history)["epoch"])
        if rank == 0:
            with writing(out):
                save_state(out / STATE, run, history, model, average, optimizer)
            _save_outcome(out, run, history, average, config.half)
    progress.close()
    if processes > 1:
        dist.barrier()  # no process may still have to read the state
    if rank == 0:
        with writing(out):
            (out / STATE).unlink()
    return history


def _best(history: list[dict]) -> dict:
    return min(history, key=lambda row: row["validation_rmse"])


def _save_outcome(out: Path, run: dict, history: list[dict], average: ModelEmaV3, half: bool) -> None:
    """Writes the checkpoint, if the last epoch is the best, and the history: all of it follows from the state."""
    best = _best(history)
    with writing(out):
        if best is history[-1]:
            done = {
                "best_epoch": best["epoch"],
                "validation_rmse": best["validation_rmse"],
                "fkd_version": __version__,
            }
            save_checkpoint(out, average.module, run["train"] | done, run["data"], half)
        with replacing(out / HISTORY) as aside:
            pd.DataFrame(history).to_csv(aside, index=False)


def _loss(predicted: torch.Tensor, heatmaps: torch.Tensor | None, target: torch.Tensor) -> torch.Tensor | None:
    """This process's part of the batch's loss: the parts of all add up to it. None if the batch has no label at all.

    Heatmaps are taught as such (`heatmap_loss`), points without them by `masked_loss`.
    predicted, target: [B, K, 2] px, heatmaps: logits [B, K, S, S].
    """
    labelled = torch.isfinite(target)
    count = (labelled if heatmaps is None else labelled.all(-1)).sum().double()
    everywhere = _over_all(count)
    if not everywhere:
        return None
    loss = masked_loss(predicted, target) if heatmaps is None else heatmap_loss(heatmaps, target)
    return 0 * predicted.sum() if loss is None else loss * (count / everywhere).float()


def _mean_aside(predicted: np.ndarray, points: np.ndarray, four_point: np.ndarray) -> np.ndarray:
    """How far right of the answers the labels lie, mean px [2]: of the 15-point rows, and of the four-point rows.

    predicted, points: [N, 15, 2] px, labels NaN where missing. four_point: bool [N]. 0 for a kind that has no row here.
    """
    aside = np.zeros(2)
    for kind in (0, 1):
        error = (points - predicted)[four_point == kind, :, 0]
        error = error[np.isfinite(error)]
        aside[kind] = error.mean() if len(error) else 0
    return aside


def _over_all(values: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all processes."""
    values = values.clone()
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def _add_gradients(model: torch.nn.Module) -> None:
    """Gives every process the sum of all processes' gradients, by one exchange."""
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    total = _over_all(torch.cat([parameter.grad.flatten() for parameter in parameters]))
    for parameter, part in zip(parameters, total.split([p.numel() for p in parameters]), strict=True):
        parameter.grad.copy_(part.view_as(parameter))


def _use_bf16(config: TrainConfig, model_config: ModelConfig, device: torch.device) -> bool:
    if config.precision != "auto":
        return config.precision == "bf16"
    if model_config.name == FCNN:  # it is bound by reading its weights: bf16 saves a fifth of a step, not half
        return False
    return bf16_is_quick(device)


def _parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Weights decay; norms and biases do not."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
