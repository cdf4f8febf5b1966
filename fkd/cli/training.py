"""fkd train."""

import os
from pathlib import Path
from typing import Annotated

import torch.distributed as dist
import typer

from fkd.board.measuring import data_name
from fkd.cli.device import chosen_device
from fkd.cli.options import Data, Device
from fkd.data.split import split_data
from fkd.learn.config import HEAD_ABOUT, AugmentConfig, ModelConfig, TrainConfig
from fkd.learn.run_state import STATE
from fkd.learn.train import train

app = typer.Typer()
DEFAULTS = TrainConfig()


@app.command("train")
def train_command(
    data: Data,
    out: Annotated[Path, typer.Option(help="The checkpoint folder to write.")],
    model: Annotated[
        str, typer.Option(help='"fcnn", or a residual network of timm, as resnet18 or resnet50.')
    ] = "resnet18",
    conventions: Annotated[
        int | None,
        typer.Option(help="2: learn both label conventions side by side; 1: mix them (default for fcnn, the paper's)."),
    ] = None,
    head: Annotated[str, typer.Option(help=f"{' or '.join(HEAD_ABOUT)}; fcnn can only regress.")] = "",
    stem_stride: Annotated[int, typer.Option(help="4, or 2: twice the resolution at four times the cost.")] = 4,
    epochs: int = DEFAULTS.epochs,
    batch_size: int = DEFAULTS.batch_size,
    optimizer: Annotated[str, typer.Option(help="adamw or adam.")] = DEFAULTS.optimizer,
    lr: float = DEFAULTS.lr,
    weight_decay: float = DEFAULTS.weight_decay,
    warmup_epochs: Annotated[
        int | None, typer.Option(help="3 if not given, or as many as leave one epoch after them.")
    ] = None,
    labels: Annotated[str, typer.Option(help="all (masked loss), or complete rows only.")] = DEFAULTS.labels,
    augment: Annotated[
        float,
        typer.Option(
            help="Strength of the augmentation; what moves points narrows to a quarter of it in the last epoch. "
            "0 is off, mirroring too."
        ),
    ] = 1.0,
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = DEFAULTS.precision,
    half: Annotated[bool, typer.Option("--half", help="Save the weights in float16.")] = False,
    seed: int = DEFAULTS.seed,
    terms: Annotated[str, typer.Option(help="Terms of the training data, for the model card.")] = "",
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")] = False,
) -> None:
    """Train a model; keeps the best epoch by validation RMSE on a leak-free split."""
    model_config = ModelConfig(model, conventions, head, stem_stride)
    config = TrainConfig(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        weight_decay=weight_decay,
        warmup_epochs=warmup_epochs,
        labels=labels,
        augment=AugmentConfig().scaled(augment) if augment else None,
        precision=precision,
        half=half,
        seed=seed,
    )
    device = chosen_device(device)
    if "RANK" in os.environ:  # torchrun starts every process with one
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
        device = f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device
    faces, split = split_data(data)
    first = not dist.is_initialized() or dist.get_rank() == 0
    if first:
        typer.echo(
            f"{len(faces):,} faces: {len(split.train):,} to train, {len(split.validation):,} to validate, "
            f"{len(split.test):,} held out (10% each; look-alikes stay together)"
        )
    try:
        done = train(model_config, config, faces, split, out, data_name(data), terms, device, resume)
    except KeyboardInterrupt:
        then = "with --resume continues after the last whole epoch" if (out / STATE).exists() else "starts anew"
        typer.echo(f"stopped; the same command {then} ({out})", err=True)
        raise typer.Exit(130) from None
    if dist.is_initialized():
        dist.destroy_process_group()
    if first:
        typer.echo(f"best epoch {done.best_epoch}: validation RMSE {done.validation_rmse:.3f} px; saved in {out}")
