"""Arguments and options that several commands have."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from fkd.errors import FkdError
from fkd.files import check_writable

HOME = Path(__file__).parents[2]
CLONE = HOME if (HOME / "app.py").is_file() else None  # None where fkd is installed from a package
LEADERBOARD, CHECKPOINTS = Path("leaderboard"), Path("checkpoints")
DATA = "Folder with training.zip, test.zip, IdLookupTable.csv, or the competition's one big zip."
DETECTORS = "A checkpoint folder, hf:user/repo, onnx:FILE or dlib:FILE; several make an ensemble."
MIRROR = "Average predictions over the image and its horizontal flip (flip averaging)."


def local(path: Path | None) -> Path | None:
    """Return the path. Raises FkdError for an address of the web, which fkd does not download."""
    if path and re.match(r"[a-z]{2,}:/", path.as_posix(), re.I):  # Path makes one slash of two
        raise FkdError(f"{path.as_posix().replace(':/', '://')} is an address: download it first, and give the file")
    return path


def to_write(path: Path | None) -> Path | None:
    """Return a path to write. Raises FkdError or OSError, before any work, if it cannot be written."""
    if local(path) and path:
        check_writable(path / "any" if path.is_dir() else path)
    return path


def folder_to_write(path: Path | None) -> Path | None:
    """Return the path, as `to_write`, of a folder."""
    if path and path.exists() and not path.is_dir():
        raise FkdError(f"{path} is a file, expected a folder to write")
    return to_write(path)


@contextmanager
def resumable(state: Path) -> Iterator[None]:
    """On Ctrl-C, say how to continue, by --resume if the file of the run's state is there, and end with status 130."""
    try:
        yield
    except KeyboardInterrupt:
        then = f"with --resume continues ({state})" if state.exists() else "starts again"
        typer.echo(f"stopped; the same command {then}", err=True)
        raise typer.Exit(130) from None


def check_free(path: Path, overwrite: bool) -> None:
    """Raise FkdError if a file or folder to write already exists and is not to be replaced."""
    if path.is_dir():
        raise FkdError(f"{path} is a folder, expected a file to write")
    if path.exists() and not overwrite:
        raise FkdError(f"{path} already exists: choose another name, or add --overwrite")


Root = Annotated[Path, typer.Option("--leaderboard", callback=local, help="The folder of entries.")]
Entries = Annotated[Path, typer.Option("--leaderboard", callback=folder_to_write, help="The folder of entries.")]
Checkpoints = Annotated[Path, typer.Option(callback=local, help="The folder of checkpoints that entries are of.")]
Data = Annotated[Path, typer.Option("--data", callback=local, help=DATA)]
Detectors = Annotated[list[str], typer.Argument(help=DETECTORS)]
Mirror = Annotated[bool, typer.Option("--mirror", help=MIRROR)]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:N, mps (Apple), or auto: cuda where there is one.")]
Private = Annotated[bool, typer.Option("--private", help="If the repository is created: only for you.")]
Repo = Annotated[str, typer.Argument(help="user/name on the Hub.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what already exists under that name.")]
