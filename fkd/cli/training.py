"""fkd data check, models and train."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fkd.cli.options import Data, Device, Overwrite, folder_to_write, resumable

if TYPE_CHECKING:
    from fkd.data.faces import Faces
    from fkd.data.split import Split

MAX_DETAILS = 5  # rows listed for each kind of finding
app = typer.Typer(help="The data: check it.", no_args_is_help=True)
PRECISION = "auto: bf16 where it is quick."


def models_command() -> None:
    """List the networks for `fkd train --model`."""
    from fkd.learn.models import MODELS

    typer.echo("\n".join(MODELS))


def train_command(
    data: Data,
    out: Annotated[Path, typer.Option(callback=folder_to_write, help="The checkpoint folder to write.")],
    model: Annotated[str, typer.Option(help="fcnn, or one of `fkd models`, such as resnet50.")] = "resnet18",
    source: Annotated[str, typer.Option("--from", help="Start from this checkpoint: a folder or hf:user/repo.")] = "",
    teacher: Annotated[
        list[str] | None, typer.Option(help="Also learn the answers of this checkpoint; may be repeated.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="How often the network sees each face.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Faces in a step.")] = 32,
    lr: Annotated[float, typer.Option(help="The highest learning rate; a cosine lowers it.")] = 1e-3,
    augment: Annotated[float, typer.Option(help="Strength of the augmentation; 0 is off, mirroring too.")] = 1.0,
    precision: Annotated[Literal["auto", "bf16", "fp32"], typer.Option(help=PRECISION)] = "auto",
    half: Annotated[bool, typer.Option("--half", help="Save the weights in float16.")] = False,
    seed: Annotated[int, typer.Option(help="Of the random weights, the order of faces and the augmentation.")] = 0,
    terms: Annotated[str, typer.Option(help="Terms of the training data, for the model card.")] = "",
    device: Device = "auto",
    validation_too: Annotated[
        bool, typer.Option("--validation-too", help="Train on the validation faces too, and keep the last epoch.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run, also to more --epochs.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a model; keeps the best epoch by validation RMSE on a leak-free split."""
    from fkd.board.measuring import mean_face
    from fkd.data.competition import submission_problem
    from fkd.data.split import split_data
    from fkd.hub.reference import checkpoint_folder
    from fkd.learn.run import train
    from fkd.learn.run_state import STATE

    def report(device: str, faces: "Faces", split: "Split") -> None:
        typer.echo(
            f"training on {device}\n{len(faces):,} faces: {len(split.train):,} to train, {len(split.validation):,} to "
            f"validate, {len(split.test):,} held out (10% each; look-alikes stay together)"
        )
        if problem := submission_problem(data):
            typer.echo(f"warning: `fkd submit` will fail on this data: {problem}", err=True)

    typer.echo(f"reading {data}")
    with resumable(out / STATE):
        done = train(
            data, out, model, source=source and checkpoint_folder(source),
            teachers=list(map(checkpoint_folder, teacher or [])), augment=augment, terms=terms, device=device,
            resume=resume, overwrite=overwrite, report=report, epochs=epochs, batch_size=batch_size, lr=lr,
            precision=precision, validation_too=validation_too, half=half, seed=seed,
        )  # fmt: skip
    faces, split = split_data(data)
    simplest = mean_face(faces, split, split.validation).rmse
    typer.echo(
        f"best epoch {done.best_epoch}: validation RMSE {done.validation_rmse:.3f} px (the mean face: {simplest:.3f} "
        f"px); saved in {out}\nnext: `fkd evaluate {out} --data {data}` measures it on held-out faces"
    )
    if done.validation_rmse >= simplest:
        typer.echo("warning: it is no better than the mean face: try a lower --lr, or more --epochs", err=True)


@app.command("check")
def check_command(data: Data) -> None:
    """Report on the files: labels, conventions, duplicates, suspicious rows, missing files.

    Rows are numbered from 1. Findings do not change the exit status.
    """
    import numpy as np

    from fkd.data.check import check
    from fkd.data.conventions import SIGNIFICANCE
    from fkd.files import counted

    typer.echo(f"reading {data}")
    report = check(data)
    lines = [
        f"training: {report.rows:,} rows, {report.complete_rows:,} complete "
        f"({report.complete_rows / max(1, report.rows):.0%})",
        *(f"  {name:26} {count:6,} labels" for name, count in report.labels.items()),
        f"label conventions: {len(report.conventions.values)}, that of photos first (changes of the lip gap along the "
        f"file: Pettitt's test, p < {SIGNIFICANCE:g})",
    ]
    for number, convention in enumerate(report.conventions.values):
        rows = np.flatnonzero(report.conventions.rows == number) + 1
        gap = "" if convention.lip_gap is None else f", lips {100 * convention.lip_gap:.0f}% of the eye distance apart"
        lines.append(f"  {convention.name:26} {len(rows):6,} rows, from {rows[0]:,} to {rows[-1]:,}{gap}")
    lines.append(f"{report.exact_duplicates:,} exact duplicates")
    lines.append(f"{report.rows_in_groups:,} rows in {report.look_alike_groups:,} groups of look-alikes")
    if report.test_images is not None:
        lines.append(f"test: {report.test_images:,} images")
    if report.values is not None:
        lines.append(f"lookup table: {report.values:,} values requested")
    lines += [f"problem: {problem}" for problem in report.problems]
    lines.append(counted(len({row for finding in report.findings for row in finding.rows}), "suspicious row"))
    for finding in report.findings:
        lines.append(f"  {finding.kind}: {counted(len(finding.rows), 'row')}")
        details = [f"    row {row}" + (f": {text}" if text else "") for row, text in finding.rows.items()]
        lines += details[:MAX_DETAILS]
        if len(details) > MAX_DETAILS:
            lines.append(f"    and {len(details) - MAX_DETAILS:,} more")
    lines.append(f"next: `fkd train --data {data} --out checkpoints/mine`; nothing has to be cleaned")
    typer.echo("\n".join(lines))
