"""The commands that talk to the Hugging Face Hub; `fkd.__main__` takes them in."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fkd import hub
from fkd.checkpoint import load_checkpoint
from fkd.evaluate import from_json

app = typer.Typer()
EXAMPLE = Path(__file__).parent.parent / "examples" / "eileen_collins.png"
Repo = Annotated[str, typer.Argument(help="user/name on the Hub.")]


@app.command("push")
def push_command(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder.")],
    repo: Repo,
    private: Annotated[bool, typer.Option("--private", help="If the repository is made: only for you.")] = False,
    pr: Annotated[bool, typer.Option("--pr", help="As a pull request, to somebody's repository.")] = False,
    photo: Annotated[Path, typer.Option(help="A face for the card's picture; it becomes public.")] = EXAMPLE,
) -> None:
    """Publish a checkpoint with its evaluation and card: one commit, or none if nothing has changed."""
    # Training and evaluation run on machines without a face detector, so it is imported only here.
    from fkd.publication import publication  # noqa: PLC0415

    loaded = load_checkpoint(checkpoint)
    path = checkpoint / hub.EVALUATION
    if not path.is_file():
        raise ValueError(f"{checkpoint} has no {hub.EVALUATION}: run `fkd evaluate {checkpoint} --data DIR` first")
    evaluation = from_json(json.loads(path.read_text()))
    files = publication(loaded, evaluation, repo, photo, hub.remote_card(repo))
    pushed = hub.push(checkpoint, repo, files, private, pr)
    typer.echo(f"{pushed.url}: {f'commit {pushed.commit}' if pushed.changed else 'nothing has changed'}")


@app.command("pull")
def pull_command(
    repo: Repo,
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit; the newest, if not given.")] = None,
) -> None:
    """Download a checkpoint, refuse what is not safe to load, and print its folder."""
    typer.echo(hub.pull(repo.removeprefix(hub.SCHEME), revision))
