"""fkd push."""

from pathlib import Path
from typing import Annotated

import typer

from fkd.board.entries import read_benchmarks
from fkd.board.record import read_evaluation
from fkd.cli.options import CLONE, LEADERBOARD, Private, Repo, Root
from fkd.hub.publication import publication
from fkd.hub.repository import EVALUATION, push, remote_card
from fkd.photo.detectors.checkpoint import CheckpointDetector

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
    root: Root = LEADERBOARD,
) -> None:
    """Publish a checkpoint with its evaluation and card: one commit, or none if nothing has changed."""
    detector = CheckpointDetector.read(checkpoint)
    path = checkpoint / EVALUATION
    if not path.is_file():
        raise ValueError(f"{checkpoint} has no {EVALUATION}: run `fkd evaluate {checkpoint} --data DIR` first")
    evaluation = read_evaluation(path)
    if not photo:
        typer.echo("the card shows no photo of a face; add one with --photo FILE", err=True)
    datasets = {benchmark.name: benchmark.dataset for benchmark in read_benchmarks(root)}
    dataset = datasets.get(evaluation.benchmark, "")
    files = publication(detector, evaluation, repo, photo, remote_card(repo), dataset)
    pushed = push(checkpoint, repo, files, private, pr)
    typer.echo(f"{pushed.url}: {f'commit {pushed.commit}' if pushed.changed else 'nothing has changed'}")
