"""fkd app, push, pull, export and deploy."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from fkd.cli.options import CHECKPOINTS, CLONE, LEADERBOARD, Overwrite, Private, Repo, Root, check_free, local, to_write
from fkd.errors import FkdError, require

SHOWN = "Show this checkpoint folder, hf:user/repo or onnx:FILE; repeatable."
PHOTO = "A photo of a face for the card; becomes public."
IN_SITE = "A name in ./checkpoints, a checkpoint folder or hf:user/repo, at most 25 MB; repeatable."
EXAMPLE = CLONE and CLONE / "examples" / "eileen_collins.png"


def app_command(
    checkpoint: Annotated[list[str] | None, typer.Option(help=SHOWN, show_default="those in ./checkpoints")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    root: Root = LEADERBOARD,
) -> None:
    """Serve the page: detectors side by side on your own photos, and the leaderboard."""
    for library in ("gradio", "plotly"):
        require(library, "app")
    from fkd.page import site

    site.launch(site.build_app(checkpoint or site.references_in(CHECKPOINTS), root, CLONE), root, open_browser)


def push_command(
    checkpoint: Annotated[Path, typer.Argument(callback=local, help="A checkpoint folder.")],
    repo: Repo,
    private: Private = False,
    pr: Annotated[bool, typer.Option("--pr", help="Open a pull request instead of committing.")] = False,
    photo: Annotated[Path | None, typer.Option(callback=local, help=PHOTO)] = EXAMPLE,
) -> None:
    """Publish a checkpoint with its evaluation and card: one commit, or none if nothing has changed."""
    from fkd.board.record import read_evaluation
    from fkd.hub.card import card_files, remote_card
    from fkd.hub.repository import EVALUATION, push
    from fkd.photo.detectors.checkpoint import CheckpointDetector

    detector = CheckpointDetector.read(checkpoint)
    path = checkpoint / EVALUATION
    if not path.is_file():
        raise FkdError(f"{checkpoint} has no {EVALUATION}: run `fkd evaluate {checkpoint} --data DIR` first")
    if not photo:
        typer.echo("the card shows no photo of a face; add one with --photo FILE", err=True)
    typer.echo(f"publishing {checkpoint} as {repo}", err=True)
    files = card_files(detector, read_evaluation(path), repo, photo, remote_card(repo))
    pushed = push(checkpoint, repo, files, private, pr)
    typer.echo(f"{pushed.url}: {f'commit {pushed.commit}' if pushed.changed else 'nothing has changed'}")


def pull_command(
    repo: Repo,
    revision: Annotated[str, typer.Option(help="A branch, tag or commit; the newest, if not given.")] = "",
) -> None:
    """Download a checkpoint, refuse what is not safe to load, and print its folder."""
    from fkd.hub.reference import HubModel
    from fkd.hub.repository import pull

    model = HubModel.parse(repo)
    if revision and model.revision:
        raise FkdError(f"{repo} names a revision, and so does --revision: expected one of them")
    typer.echo(pull(model.repo_id, revision or model.revision))


def export_command(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint folder or hf:user/repo.")],
    out: Annotated[Path, typer.Option(callback=to_write, help="The ONNX file to write.")],
    owner: Annotated[str, typer.Option(help="Its owner, shown with its answers; for a Hub model its user.")] = "",
    overwrite: Overwrite = False,
) -> None:
    """Write a checkpoint as an ONNX file, once its answers have been compared with torch's."""
    from fkd.hub.reference import SCHEME, HubModel, checkpoint_folder
    from fkd.photo.detectors.onnx_export import export_onnx

    check_free(out, overwrite)
    model = HubModel.parse(checkpoint) if checkpoint.startswith(SCHEME) else HubModel("")
    folder = checkpoint_folder(checkpoint)
    export_onnx(folder, out, model.repo_id, owner or model.owner)
    beside = out.resolve().parent == folder.resolve()
    use = "it reads the weights beside it" if beside else f"use onnx:{out} wherever a command takes a checkpoint"
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.2f} MB; {use}")


def site_command(
    out: Annotated[Path, typer.Argument(callback=local, help="The folder to write.")],
    model: Annotated[list[str] | None, typer.Option(help=IN_SITE, show_default="the small ones")] = None,
    photo: Annotated[Path | None, typer.Option(callback=local, help="A photo of a face, as an example.")] = EXAMPLE,
    address: Annotated[str, typer.Option(help="Where the site will be, such as https://user.github.io/faces/.")] = "",
    root: Root = LEADERBOARD,
) -> None:
    """Write the page as files for any static host; visitors' browsers answer, and no photo leaves them."""
    typer.echo(f"{out}: {_write_site(out, model or [], photo, root, address) / 1e6:.1f} MB; serve it by any web server")


def _write_site(out: Path, models: list[str], photo: Path | None, root: Path, address: str) -> int:
    for library in ("gradio", "plotly", "markdown_it"):
        require(library, "app")
    from fkd.page.static import small_models, write_site

    if photo is None:
        raise FkdError("a clone of fkd has an example photo, this installation has none: name one with --photo")
    own = [str(CHECKPOINTS / name) if (CHECKPOINTS / name).is_dir() else name for name in models]
    return write_site(out, own or small_models(CHECKPOINTS), root, CHECKPOINTS, photo, address)


def deploy_command(
    space: Repo,
    model: Annotated[list[str] | None, typer.Option(help="Show this Hub model, user/name; repeatable.")] = None,
    private: Private = False,
    static: Annotated[bool, typer.Option("--static", help="The page of `fkd site`, which needs no server.")] = False,
    hardware: Annotated[str | None, typer.Option(help="Of a new Space, such as zero-a10g or cpu-basic.")] = None,
) -> None:
    """Make or update a Space that is the page: in visitors' browsers, or with a server."""
    from fkd.hub.space import deploy, deploy_site, site_address

    if not CLONE:
        raise FkdError("the page is deployed from a clone of fkd: run this in one")
    if not static:
        typer.echo(deploy(CLONE, space, private, model or [], hardware))
        return
    if hardware:
        raise FkdError("--static needs no hardware: leave out --hardware")
    with tempfile.TemporaryDirectory() as folder:
        models = [f"hf:{name}" for name in model or []]
        _write_site(Path(folder) / "site", models, EXAMPLE, LEADERBOARD, site_address(space))
        typer.echo(deploy_site(CLONE, Path(folder) / "site", space, private))
