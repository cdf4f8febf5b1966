"""fkd pull and deploy."""

from typing import Annotated

import typer

from fkd.cli.options import CLONE, HOME, Private, Repo
from fkd.errors import FkdError
from fkd.hub.reference import SCHEME, HubModel
from fkd.hub.repository import pull
from fkd.hub.space import deploy

app = typer.Typer()


@app.command("pull")
def pull_command(
    repo: Repo,
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit; the newest, if not given.")] = None,
) -> None:
    """Download a checkpoint, refuse what is not safe to load, and print its folder."""
    model = HubModel.parse(repo)
    if revision and model.revision:
        raise FkdError(f"{repo} names a revision, and so does --revision: expected one of them")
    typer.echo(pull(model.repo_id, revision or model.revision or None))


@app.command("deploy")
def deploy_command(
    space: Annotated[str, typer.Argument(help="user/name of the Space.")],
    model: Annotated[
        list[str], typer.Option(help="A Hub model, user/name, instead of the checkpoints here; repeatable.")
    ] = [],  # noqa: B006 - typer makes a new list for every call
    private: Private = False,
) -> None:
    """Make or update a Space that is the page; a Hub account is all it needs."""
    if not CLONE:
        raise FkdError(f"{HOME} has no app.py: run this in a clone of fkd")
    typer.echo(deploy(CLONE, space, private, [reference.removeprefix(SCHEME) for reference in model]))
