"""fkd push."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from fkd.board.record import read_evaluation
from fkd.cli.options import CLONE, Private, Repo
from fkd.errors import FkdError
from fkd.hub.publication import publication
from fkd.hub.repository import EVALUATION, ONNX, push, remote_card
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.onnx_export import export_onnx

app = typer.Typer()
EXAMPLE = CLONE and CLONE / "examples" / "eileen_collins.png"


@app.command("push")
def push_command(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder.")],
    repo: Repo,
    private: Private = False,
    pr: Annotated[bool, typer.Option("--pr", help="As a pull request, to somebody's repository.")] = False,
    photo: Annotated[
        Path | None, typer.Option(help="A photo with a face, for the card's picture; it becomes public.")
    ] = EXAMPLE,
    onnx: Annotated[bool, typer.Option("--onnx", help="With the checkpoint as an ONNX file beside it.")] = False,
) -> None:
    """Publish a checkpoint with its evaluation and card: one commit, or none if nothing has changed."""
    detector = CheckpointDetector.read(checkpoint)
    path = checkpoint / EVALUATION
    if not path.is_file():
        raise FkdError(f"{checkpoint} has no {EVALUATION}: run `fkd evaluate {checkpoint} --data DIR` first")
    evaluation = read_evaluation(path)
    if not photo:
        typer.echo("the card shows no photo of a face; add one with --photo FILE", err=True)
    files = publication(detector, evaluation, repo, photo, remote_card(repo))
    if onnx:
        with tempfile.TemporaryDirectory() as folder:
            export_onnx(checkpoint, Path(folder) / ONNX, owner=repo.partition("/")[0])
            files[ONNX] = (Path(folder) / ONNX).read_bytes()
    pushed = push(checkpoint, repo, files, private, pr)
    typer.echo(f"{pushed.url}: {f'commit {pushed.commit}' if pushed.changed else 'nothing has changed'}")
    if pushed.outdated:
        typer.echo(f"{ONNX} was of the weights before and is removed; push again with --onnx to renew it", err=True)
