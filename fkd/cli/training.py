"""fkd train."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fkd.cli.options import Data, Device, chosen_device


def train_command(
    data: Data,
    out: Annotated[Path, typer.Option(help="The checkpoint folder to write.")],
    model: Annotated[str, typer.Option(help="fcnn, or a residual network of timm, such as resnet50.")] = "resnet18",
    conventions: Annotated[
        str | None, typer.Option(help="found: outputs for each label convention; one: shared.")
    ] = None,
    head: Annotated[str, typer.Option(help="regression or heatmap; fcnn can only regress.")] = "",
    source: Annotated[str, typer.Option("--from", help="Start from this checkpoint: a folder or hf:user/repo.")] = "",
    epochs: int = 100,
    batch_size: int = 32,
    optimizer: Annotated[str, typer.Option(help="adamw or adam.")] = "adamw",
    lr: float = 1e-3,
    weight_decay: float = 0.05,
    warmup_epochs: Annotated[int | None, typer.Option(help="At most 3, if not given.")] = None,
    labels: Annotated[str, typer.Option(help="all (masked loss), or complete rows only.")] = "all",
    augment: Annotated[float, typer.Option(help="Strength of the augmentation; 0 is off, mirroring too.")] = 1.0,
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    half: Annotated[bool, typer.Option("--half", help="Save the weights in float16.")] = False,
    seed: int = 0,
    terms: Annotated[str, typer.Option(help="Terms of the training data, for the model card.")] = "",
    device: Device = "auto",
    validation_too: Annotated[
        bool, typer.Option("--validation-too", help="Train on the validation faces too, and keep the last epoch.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run, also to more --epochs.")] = False,
) -> None:
    """Train a model; keeps the best epoch by validation RMSE on a leak-free split."""
    from fkd.data.competition import submission_problem
    from fkd.data.record import data_name
    from fkd.data.split import split_data
    from fkd.hub.reference import checkpoint_folder
    from fkd.learn.checkpoint import load_checkpoint
    from fkd.learn.config import AugmentConfig, ModelConfig, TrainConfig
    from fkd.learn.models import check_name
    from fkd.learn.run_state import STATE
    from fkd.learn.train import train

    check_name(model)  # before the data is read
    model_config = ModelConfig(model, head=head)
    words: dict[str, Any] = {
        "optimizer": optimizer, "labels": labels, "precision": precision, "conventions": conventions,
    }  # fmt: skip
    config = TrainConfig(
        epochs=epochs, batch_size=batch_size, lr=lr, weight_decay=weight_decay, warmup_epochs=warmup_epochs,
        validation_too=validation_too, augment=AugmentConfig().scaled(augment) if augment else None, half=half,
        seed=seed, **words,
    )  # fmt: skip
    device = chosen_device(device)
    start = load_checkpoint(checkpoint_folder(source)) if source else None
    faces, split = split_data(data)
    typer.echo(
        f"{len(faces):,} faces: {len(split.train):,} to train, {len(split.validation):,} to validate, "
        f"{len(split.test):,} held out (10% each; look-alikes stay together)"
    )
    if problem := submission_problem(data):
        typer.echo(f"warning: `fkd submit` will fail on this data: {problem}", err=True)
    try:
        done = train(model_config, config, faces, split, out, data_name(data), terms, device, resume, source=start)
    except KeyboardInterrupt:
        then = "with --resume continues after the last whole epoch" if (out / STATE).exists() else "starts again"
        typer.echo(f"stopped; the same command {then} ({out})", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"best epoch {done.best_epoch}: validation RMSE {done.validation_rmse:.3f} px; saved in {out}")
