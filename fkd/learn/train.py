"""Training: one visible loop over a set of faces kept on the device as a whole."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from timm.optim import param_groups_weight_decay  # type: ignore[attr-defined]
from timm.scheduler.cosine_lr import CosineLRScheduler
from torch.optim import Optimizer
from tqdm import tqdm

from fkd.data.conventions import ambiguous, channels, find_conventions, label_points, mix, nearest, present
from fkd.data.faces import Faces
from fkd.data.record import DataRecord
from fkd.data.split import Split, record_of
from fkd.errors import FkdError
from fkd.keypoints import NAMES, unmirror
from fkd.learn.augment import augment
from fkd.learn.checkpoint import Checkpoint
from fkd.learn.config import FCNN, ModelConfig, TrainConfig
from fkd.learn.models import KeypointModel, bf16_is_quick, build_model, outputs
from fkd.learn.record import CONFIG, WEIGHTS
from fkd.learn.run_state import HISTORY, STATE, History, Run, best_of, load_state, locked, save_outcome, save_state
from fkd.metrics import accuracy

IGNORED = -100  # the convention of a face that has only one
CHOICE_WEIGHT = 0.1  # of the loss of the conventions' logits: it learns in a few epochs, and must not rule the rest


@dataclass(frozen=True)
class LabelledFaces:
    """Faces and the number of each one's label convention, int64 [N]."""

    faces: Faces
    convention: np.ndarray


@dataclass(frozen=True)
class Trained:
    """The outcome: the best epoch, from 1, its validation RMSE in px, and the history, one row per epoch."""

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
    source: Checkpoint | None = None,
    teachers: Sequence[Checkpoint] = (),
    overwrite: bool = False,
) -> Trained:
    """Trains a model and keeps the best epoch by validation RMSE in the checkpoint folder `out`.

    After every epoch, writes the state that `resume` continues from, then config.json, model.safetensors and
    history.csv: a run that is killed at any moment can be resumed or started again, and ends with the same weights. A
    run that has ended can be resumed with more epochs.

    Args:
        model_config: the network; its conventions are replaced by those of the faces, in the file's order.
        terms: of the training data, for the record.
        build: makes the model of a config, for custom heads and experiments.
        source: a checkpoint to start from, instead of random weights.
        teachers: checkpoints to learn from in addition to the labels, for every point of every face (knowledge
            distillation, Hinton et al. 2015).
        overwrite: first remove another run or checkpoint from `out`.

    Raises:
        FkdError: if `out` is in use or holds another run, or there is nothing to resume, or `source` or a teacher may
            have seen the held-out faces.
        OSError: with what to do, if `out` cannot be written.
    """
    out = Path(out)
    rows = np.sort(np.concatenate([split.train, split.validation])) if config.validation_too else split.train
    if config.labels == "complete":
        rows = rows[np.isfinite(faces.points[rows]).all((1, 2))]
    for part, name in ((rows, "train"), (split.validation, "validate")):
        if not np.isfinite(faces.points[part]).any():
            raise FkdError(f"no face to {name} on has a label: {len(faces)} rows are too few to split")
    data = record_of(data_name, faces, split, terms)
    for each in [*([source] if source else []), *teachers]:
        _check_source(each.data, data)
    config = dataclasses.replace(
        config,
        source=f"{source.name} {source.sha256}" if source else None,
        teachers=tuple(f"{each.name} {each.sha256}" for each in teachers),
        conventions=config.conventions or ("one" if model_config.name == FCNN else "found"),
    )
    conventions = find_conventions(faces.points)
    conventions = present(conventions if config.conventions == "found" else mix(conventions), rows)
    run = Run(data, dataclasses.replace(model_config, conventions=conventions.values), config)
    training, validation = (LabelledFaces(faces[part], conventions.rows[part]) for part in (rows, split.validation))
    with locked(out, resume or overwrite):
        if overwrite and not resume:
            for file in (STATE, CONFIG, WEIGHTS, HISTORY, "evaluation.json", "README.md", "model.onnx"):
                (out / file).unlink(missing_ok=True)
        # The moments of dead units fade into denormals, which made epochs 3x slower.
        torch.set_flush_denormal(True)
        try:
            history = _epochs(run, training, validation, out, torch.device(device), resume, build, source, teachers)
        finally:
            torch.set_flush_denormal(False)
    best = best_of(history, config)
    return Trained(best["epoch"], best["validation_rmse"], history)


def _check_source(source: DataRecord, data: DataRecord) -> None:
    """Raises FkdError if a checkpoint trained on `source` may have seen the held-out faces of `data`."""
    # Fingerprints do not show which faces two splits share, so the names decide.
    same_split = source.fingerprints.test == data.fingerprints.test
    if not same_split and (source.name == data.name or not source.fingerprints.train):
        raise FkdError(
            f"the weights to start or learn from were trained on {source.name or 'unknown data'} with another split, "
            f"so they may have seen the held-out faces of {data.name}: name a checkpoint trained on this split or on "
            "another data set"
        )


def _epochs(
    run: Run,
    training: LabelledFaces,
    validation: LabelledFaces,
    out: Path,
    dev: torch.device,
    resume: bool,
    build: Callable[[ModelConfig], KeypointModel],
    source: Checkpoint | None,
    teachers: Sequence[Checkpoint],
) -> History:
    """Trains from the first epoch or from where the run stopped; returns the history."""
    config = run.train
    torch.manual_seed(config.seed)
    model = build(run.model)
    if source:
        model.start_from(source.model)
    model = model.to(dev)
    steps = max(1, len(training.faces) // config.batch_size)
    optimizer, schedule = _optimizer(model, config, steps)
    history: History = []
    if resume:
        history = load_state(out / STATE, run, model, optimizer)
        save_outcome(out, run, history, model)  # which may have been interrupted
        if len(history) == config.epochs:  # the teachers need not answer again
            return history
    quick = run.model.name != FCNN and bf16_is_quick(dev)  # FCNN is bound by reading its weights
    bf16 = config.precision == "bf16" or (config.precision == "auto" and quick)

    images = torch.from_numpy(training.faces.images).to(dev)[:, None]  # uint8 [N, 1, 96, 96]
    labels = torch.from_numpy(training.faces.points).to(dev)  # [N, 15, 2] px
    convention = torch.from_numpy(training.convention).to(dev)  # [N]
    # The number of each face's convention among those that only the picture tells apart, [N].
    number = dict.fromkeys(range(len(run.model.conventions)), IGNORED)
    number |= {convention: index for index, convention in enumerate(ambiguous(run.model.conventions))}
    choice = torch.tensor([number[each] for each in training.convention.tolist()], device=dev)
    with torch.autocast(dev.type, torch.bfloat16, enabled=bf16):
        answers = torch.from_numpy(_teachers_answers(run, training, dev, teachers)).to(dev)  # [N, C, 15, 2] px
    update = len(history) * steps
    progress = tqdm(total=config.epochs * steps, initial=update, unit="step", desc=run.model.name)
    for epoch in range(len(history) + 1, config.epochs + 1):
        # One generator per epoch, so that a resumed run repeats the draws of an uninterrupted one.
        generator = torch.Generator(dev).manual_seed(config.seed * 100_003 + epoch)
        torch.manual_seed(config.seed * 100_003 + epoch)
        model.train()
        points = labels.clone()  # the current estimate of the true points
        points[..., 0] -= model.label_offset[convention][:, None]
        points = torch.cat([points[:, None], answers], 1).flatten(1, 2)  # [N, (1 + C) * 15, 2]
        ranges = config.augment and config.augment.at(epoch, config.epochs)
        squares, count = torch.zeros((), device=dev, dtype=torch.float64), 0
        order = torch.randperm(len(images), generator=generator, device=dev)
        for rows in order[: steps * config.batch_size].split(config.batch_size):
            batch, target = images[rows].float() / 255, points[rows]
            if ranges:
                batch, target = augment(batch, target, ranges, generator)
            target, *answer = target.unflatten(1, (-1, len(NAMES))).unbind(1)
            target = model.targets(target, convention[rows])  # [B, K, 2] px
            schedule.step_update(update)
            with torch.autocast(dev.type, torch.bfloat16, enabled=bf16):
                output, logits = model(batch)
            loss = model.head.loss(output, target)
            if answer and (lesson := model.head.loss(output, model.all_targets(answer))) is not None:
                loss = lesson if loss is None else loss + lesson
            if loss is not None and logits is not None and (choice[rows] != IGNORED).any():
                loss = loss + CHOICE_WEIGHT * F.cross_entropy(logits, choice[rows], ignore_index=IGNORED)
            if loss is not None:
                model.zero_grad()
                loss.backward()
                optimizer.step()
                with torch.no_grad():
                    error = (model.head.points(output) - target)[torch.isfinite(target)]
                squares, count = squares + error.double().square().sum(), count + len(error)
            update += 1
            progress.update()
        if not count:
            raise FkdError(f"epoch {epoch}: augmentation moved every label out of the frame")
        if not squares < count * 1e12:  # px²; NaN is not less either
            raise FkdError(f"epoch {epoch}: the training diverged; try a lower --lr (now {config.lr:g})")
        history.append(
            {
                "epoch": epoch,
                "train_rmse": round(float((squares / count).sqrt()), 4),
                "validation_rmse": round(_validate(model, validation), 4),
                "lr": optimizer.param_groups[0]["lr"],
            }
        )
        best = best_of(history, config)["epoch"]
        progress.set_postfix(train=history[-1]["train_rmse"], val=history[-1]["validation_rmse"], best=best)
        save_state(out / STATE, run, history, model, optimizer)
        save_outcome(out, run, history, model)
    progress.close()
    return history


def _optimizer(model: KeypointModel, config: TrainConfig, steps: int) -> tuple[Optimizer, CosineLRScheduler]:
    """The optimizer and its learning rate: a warm-up, then a cosine. steps: in an epoch."""
    groups = param_groups_weight_decay(model, config.weight_decay)  # weights decay; norms and biases do not
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer]
    optimizer = kind(groups, lr=config.lr, fused=model.label_offset.device.type in ("cpu", "cuda"))
    return optimizer, CosineLRScheduler(
        optimizer,
        t_initial=config.epochs * steps,
        warmup_t=(config.warmup_epochs or 0) * steps,
        warmup_lr_init=config.lr / 100,
        lr_min=config.lr / 100,
        t_in_epochs=False,
    )


def _teachers_answers(
    run: Run,
    training: LabelledFaces,
    dev: torch.device,
    teachers: Sequence[Checkpoint],
) -> np.ndarray:
    """The teachers' mean points of each face in each convention, float32 [N, C, 15, 2] px; C is 0 without a teacher.

    Flip averaged, and without the label offsets.
    """
    values, images = run.model.conventions, training.faces.images
    if not teachers:
        return np.empty((len(images), 0, len(NAMES), 2), np.float32)
    total = np.zeros((len(images), len(values), len(NAMES), 2), np.float32)
    for model in [teacher.model for teacher in teachers]:
        theirs = model.config.conventions
        points = channels(theirs)[[theirs.index(nearest(convention, theirs)) for convention in values]]  # [C, 15]
        model.to(dev)
        for rows in tqdm(np.array_split(np.arange(len(images)), len(images) // 256 + 1), desc="teacher", leave=False):
            direct, mirrored = (outputs(model, images[rows][..., ::side].copy())[0][:, points] for side in (1, -1))
            total[rows] += (direct + unmirror(mirrored.swapaxes(1, 2)).swapaxes(1, 2)) / 2
    return total / len(teachers)


def _validate(model: KeypointModel, validation: LabelledFaces) -> float:
    """Measures the label offset of each convention, and returns the RMSE in px of answers with it."""
    faces, values = validation.faces, model.config.conventions
    found = outputs(model, faces.images)
    offset = np.zeros(len(values))  # 0 where this set has no labels, whatever the source had
    for number, points in enumerate(channels(values)):
        rows = validation.convention == number
        error = faces.points[rows, :, 0] - found[0][rows][:, points, 0]
        if np.isfinite(error).any():
            offset[number] = error[np.isfinite(error)].mean()
    model.label_offset.copy_(torch.from_numpy(offset))
    answers = label_points(lambda images: found, values, offset, faces.images, faces.four_point)
    return accuracy(answers, faces.points, resamples=1).rmse
