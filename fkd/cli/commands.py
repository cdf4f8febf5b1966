"""The command line. A command imports what it runs in its function: torch alone would delay `fkd --help` by seconds."""

from collections.abc import Callable
from typing import Annotated

import typer

from fkd.cli import clips, evaluation, photos, rankings, sharing, training
from fkd.errors import FkdError, is_for_user
from fkd.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "train": training.train_command,
    "models": training.models_command,
    "evaluate": evaluation.evaluate_command,
    "submit": evaluation.submit_command,
    "predict": photos.predict_command,
    "track": clips.track_command,
    "frames": clips.frames_command,
    "adapt": clips.adapt_command,
    "export": sharing.export_command,
    "app": sharing.app_command,
    "push": sharing.push_command,
    "pull": sharing.pull_command,
    "site": sharing.site_command,
    "deploy": sharing.deploy_command,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(training.app, name="data")
app.add_typer(rankings.app, name="leaderboard")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fkd {__version__}")
        raise typer.Exit


@app.callback()
def commands(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version)] = False,
) -> None:
    """Train, compare and rank facial keypoint detectors."""


def main() -> None:
    """Run a command; a user's mistake ends in one sentence and exit status 1, a bug in a traceback."""
    try:
        app()
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "timm"):
            raise
        typer.echo("fkd: this needs PyTorch and timm: pip install '.[train]' in the clone", err=True)
        raise SystemExit(1) from None
    except (FkdError, OSError) as error:
        if not is_for_user(error):
            raise
        text = str(error)
        if isinstance(error, OSError) and error.filename:  # Python's own text begins with [Errno
            text = f"{error.filename}: {error.strerror}"
        typer.echo(f"fkd: {text}", err=True)
        raise SystemExit(1) from None
