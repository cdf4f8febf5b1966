"""Training: one visible loop over a set of faces kept on the device as a whole."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from timm.scheduler.cosine_lr import CosineLRScheduler
from tqdm import tqdm

from fkd.data.faces import Faces
from fkd.data.split import Split, record_of
from fkd.files import typed
from fkd.learn.augment import augment
from fkd.learn.config import FCNN, ModelConfig, TrainConfig
from fkd.learn.heads import Head
from fkd.learn.inference import bf16_is_quick, predict_points
from fkd.learn.models import KeypointModel, build_model
from fkd.learn.processes import add_gradients, over_all, rank_and_count
from fkd.learn.record import CONFIG
from fkd.learn.run_state import (
    STATE,
    History,
    Run,
    alone,
    best_of,
    check_best,
    finished,
    load_state,
    save_outcome,
    save_state,
    writing,
)
from fkd.metrics import accuracy


@dataclass(frozen=True)
class Trained:
    """The outcome: the best epoch (from 1) and its validation RMSE in px, and the history, one row per epoch."""

    best_epoch: int
    validation_rmse: float
    history: History


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
    build: Callable[[ModelConfig], KeypointModel] = build_model,
) -> Trained:
    """Trains a model and keeps the best epoch by validation RMSE in the checkpoint folder `out`.

    Writes after every epoch the state that `resume` continues from (removed at the end), then config.json,
    model.safetensors and history.csv. Killed at whatever moment, a run either resumes and ends with the weights of an
    unbroken one, or has left nothing and can be started again; to resume one that has ended changes nothing.
    terms: of the training data, for the record. build: makes the model of a config, for a head or measuring of one's
    own.
    Where torch.distributed is initialised, each process takes its part of every batch, and the gradients are those of
    the whole batch; batch norm's statistics are shared on CUDA only. The first process writes.
    Raises ValueError if `out` holds another run and resume is off, or another process trains into it, or resume finds
    nothing that fits; OSError, with what to do, if `out` cannot be written.
    """
    out = Path(out)
    train_rows = split.train
    if config.labels == "complete":
        train_rows = train_rows[np.isfinite(faces.points[train_rows]).all((1, 2))]
    training, validation = faces[train_rows], faces[split.validation]
    for part, name in ((training, "train"), (validation, "validate")):
        if not np.isfinite(part.points).any():
            raise ValueError(f"there is no labelled face to {name} on: {len(faces)} rows are too few to split")
    run = Run(model_config, config, record_of(data_name, faces, split, terms))
    typed(asdict(run), Run, "the run's record")  # what no checkpoint may say is refused before the first epoch

    rank, processes = rank_and_count()
    if config.batch_size % processes:
        raise ValueError(f"batches of {config.batch_size} do not part evenly among {processes} processes")
    with alone(out) if rank == 0 else nullcontext():
        history = finished(out, run) if resume else None
        if history is None:
            # The moments of dead units fade into denormals, which made epochs 3x slower.
            torch.set_flush_denormal(True)
            try:
                history = _epochs(run, training, validation, out, device, resume, build)
            finally:
                torch.set_flush_denormal(False)
    best = best_of(history)
    return Trained(best["epoch"], best["validation_rmse"], history)


def _epochs(
    run: Run,
    training: Faces,
    validation: Faces,
    out: Path,
    device: str,
    resume: bool,
    build: Callable[[ModelConfig], KeypointModel],
) -> History:
    """The epochs of a run, from its first or from where it stopped; returns the history, one row per epoch."""
    config, (rank, processes), dev = run.train, rank_and_count(), torch.device(device)
    torch.manual_seed(config.seed)
    model = build(run.model)
    if processes > 1 and dev.type == "cuda":
        model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model = model.to(dev)
    bf16 = _use_bf16(config, run.model, dev)
    weights = {parameter: torch.nn.Parameter(_as_it_lies(parameter.detach())) for parameter in model.parameters()}
    optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer](
        _parameter_groups(weights.values(), config.weight_decay), lr=config.lr, fused=True
    )
    steps = max(1, len(training) // config.batch_size)
    schedule = CosineLRScheduler(
        optimizer,
        t_initial=config.epochs * steps,
        warmup_t=(config.warmup_epochs or 0) * steps,
        warmup_lr_init=config.lr / 100,
        lr_min=config.lr / 100,
        t_in_epochs=False,
    )
    history: History = []
    if resume:
        history = load_state(out / STATE, run, model, optimizer)
        if rank == 0:  # what the state was written before
            if best_of(history)["epoch"] < len(history):
                check_best(out, best_of(history)["epoch"])
            save_outcome(out, run, history, model)
    elif (out / STATE).exists():
        raise ValueError(f"{out} already holds a run: continue it with --resume, or choose another folder")
    elif (out / CONFIG).exists():
        raise ValueError(f"{out} already holds a run, or a checkpoint, that is complete: choose another folder")

    images = torch.from_numpy(training.images).to(dev)[:, None]  # uint8 [N, 1, 96, 96]
    labels = torch.from_numpy(training.points).to(dev)  # [N, 15, 2] px
    four_point = torch.from_numpy(training.four_point).to(dev)  # [N]
    update = len(history) * steps
    progress = tqdm(total=config.epochs * steps, initial=update, unit="step", desc=run.model.name, disable=rank > 0)
    for epoch in range(len(history) + 1, config.epochs + 1):
        # A generator of its own for every epoch, so that a resumed run draws what an unbroken one draws.
        generator = torch.Generator(dev).manual_seed(config.seed * 100_003 + epoch)
        torch.manual_seed(config.seed * 100_003 + epoch)
        model.train()
        points = model.targets(labels, four_point)  # [N, 15 or 17, 2] px
        ranges = config.augment and config.augment.at(epoch, config.epochs)
        squares, count = torch.zeros((), device=dev, dtype=torch.float64), 0
        for rows in torch.randperm(len(images), generator=generator, device=dev)[: steps * config.batch_size].split(
            config.batch_size
        ):
            batch, target = images[rows].float() / 255, points[rows]
            if ranges:
                batch, target = augment(batch, target, ranges, generator)
            batch, target = batch[rank::processes], target[rank::processes]
            schedule.step_update(update)
            with torch.autocast(dev.type, torch.bfloat16, enabled=bf16):
                output = model(batch)
            loss = _loss(model.head, output, target)
            if loss is not None:
                model.zero_grad()
                loss.backward()
                if processes > 1:
                    add_gradients(model)
                for parameter, weight in weights.items():
                    weight.grad = None if parameter.grad is None else _as_it_lies(parameter.grad)
                optimizer.step()
                with torch.no_grad():
                    error = (model.head.points(output) - target)[torch.isfinite(target)]
                squares, count = squares + error.double().square().sum(), count + len(error)
            update += 1
            progress.update()
        squares, count = over_all(torch.stack([squares, torch.tensor(count, device=dev).double()]))
        if not count:
            raise ValueError(f"epoch {epoch}: none of its faces had a label in the frame, as they were drawn")
        if not torch.isfinite(squares):
            raise ValueError(f"epoch {epoch}: the loss is not finite; try a lower --lr (now {config.lr:g})")

        answers = predict_points(model, validation.images, validation.four_point)
        offset = model.measure_offset(answers, validation.points, validation.four_point)  # [2] px
        answers[..., 0] += offset[validation.four_point.astype(int), None]
        model.label_offset += torch.from_numpy(offset).to(model.label_offset)
        history.append(
            {
                "epoch": epoch,
                "train_rmse": round(float((squares / count).sqrt()), 4),
                "validation_rmse": round(accuracy(answers, validation.points, resamples=1).rmse, 4),
                "lr": optimizer.param_groups[0]["lr"],
            }
        )
        train_rmse, rmse = history[-1]["train_rmse"], history[-1]["validation_rmse"]
        progress.set_postfix(train=train_rmse, val=rmse, best=best_of(history)["epoch"])
        if rank == 0:
            with writing(out):
                save_state(out / STATE, run, history, model, optimizer)
            save_outcome(out, run, history, model)
    progress.close()
    if processes > 1:
        dist.barrier()  # no process may still have to read the state
    if rank == 0:
        with writing(out):
            (out / STATE).unlink()
    return history


def _loss(head: Head, output: Any, target: torch.Tensor) -> torch.Tensor | None:
    """This process's part of the batch's loss: the parts of all add up to it. None if the batch has no label at all.

    output: of the head for this process's faces, target: [B, K, 2] px.
    """
    count = torch.isfinite(target).sum().double()
    everywhere = over_all(count)
    if not everywhere:
        return None
    loss = head.loss(output, target) if count else None
    return 0 * head.points(output).sum() if loss is None else loss * (count / everywhere).float()


def _use_bf16(config: TrainConfig, model_config: ModelConfig, device: torch.device) -> bool:
    if config.precision != "auto":
        return config.precision == "bf16"
    if model_config.name == FCNN:  # it is bound by reading its weights: bf16 saves a fifth of a step, not half
        return False
    return bf16_is_quick(device)


def _as_it_lies(weight: torch.Tensor) -> torch.Tensor:
    """A convolution's weight, [O, I, H, W] in channels_last, in the order of its memory, [O, H, W, I]: one in another
    order is copied by every fused step.
    """
    return weight.permute(0, 2, 3, 1) if weight.ndim == 4 else weight


def _parameter_groups(parameters: Iterable[torch.nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay; norms and biases do not."""
    every = list(parameters)
    weights = [parameter for parameter in every if parameter.ndim >= 2]
    others = [parameter for parameter in every if parameter.ndim < 2]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
