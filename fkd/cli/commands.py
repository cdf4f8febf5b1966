"""The commands, each in a file that is imported only when its command is called.

Many of those files import torch and timm, which takes seconds: too long to wait for a help text.
"""

import importlib
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fkd.errors import FkdError, is_for_user

# Command -> its file in this folder, and the first paragraph of its help.
COMMANDS = {
    "train": ("training", "Train a model; keeps the best epoch by validation RMSE on a leak-free split."),
    "evaluate": (
        "evaluation",
        "Measure a detector on the held-out tenth of the training file, and enter it in the leaderboard.",
    ),
    "score": ("evaluation", "Score a file of predictions, made by any program, and enter it as submitted."),
    "submit": ("evaluation", "Write the competition's submission.csv for the test images."),
    "predict": ("photos", "Find the faces in photos and their keypoints, in pixels of the upright photo."),
    "export": ("exporting", "Write a checkpoint as an ONNX file, once its answers have been compared with torch's."),
    "app": ("page", "Serve the page: detectors side by side on your own photos, and the leaderboard."),
    "data": ("data_files", "The data: check, download, export the test frames."),
    "push": ("push", "Publish a checkpoint with its evaluation and card: one commit, or none if nothing has changed."),
    "pull": ("sharing", "Download a checkpoint, refuse what is not safe to load, and print its folder."),
    "verify": (
        "evaluation",
        "Measure a Hub model and enter it: it is then ranked, as verified, under its weights' hash.",
    ),
    "deploy": ("sharing", "Make or update a Space that is the page; a Hub account is all it needs."),
    "leaderboard": ("rankings", "Print the rankings; check them; sync them with the Hub."),
}


def find_command(name: str) -> Any:
    """Import the file of a command and return the command itself."""
    module = importlib.import_module(f"fkd.cli.{COMMANDS[name][0]}")
    return typer.main.get_group(module.app).commands[name]


class LazyCommand(TyperCommand):
    """A name and a line of help, which becomes the command itself once its arguments are parsed."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself."""
        return find_command(str(self.name)).make_context(info_name, args, parent=parent, **extra)


class Commands(TyperGroup):
    """The commands of COMMANDS."""

    def __init__(self, **given: Any):
        super().__init__(**given)
        self.commands.update({name: LazyCommand(name, help=about) for name, (_, about) in COMMANDS.items()})


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def commands() -> None:
    """Train, compare and rank facial keypoint detectors."""


def main() -> None:
    """Run a command; a user's mistake ends in one sentence and exit status 1, a bug in a traceback."""
    try:
        app()
    except (FkdError, OSError) as error:
        if not is_for_user(error):
            raise
        typer.echo(f"fkd: {error}", err=True)
        raise SystemExit(1) from None
