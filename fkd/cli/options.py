"""Arguments and options that several commands have."""

import re
from pathlib import Path
from typing import Annotated

import typer

from fkd.errors import FkdError

HOME = Path(__file__).parents[2]
CLONE = HOME if (HOME / "app.py").is_file() else None  # None where fkd is installed from a package
LEADERBOARD, CHECKPOINTS = Path("leaderboard"), Path("checkpoints")
DATA = "Folder with training.zip, test.zip, IdLookupTable.csv, or the competition's one big zip."
DETECTORS = "A checkpoint folder, hf:user/repo, or kind:FILE (dlib, mediapipe, onnx); several make an ensemble."
BENCHMARK = "The ranking: the data folder's name, if not given; \"kaggle\" for the competition's."
MIRROR = "Average predictions over the image and its horizontal flip (flip averaging)."


def local(path: Path) -> Path:
    """Return the path. Raises FkdError for an address of the web, which fkd does not download."""
    if re.match(r"[a-z]{2,}:/", path.as_posix(), re.I):  # Path makes one slash of two
        raise FkdError(f"{path.as_posix().replace(':/', '://')} is an address: download it first, and give the file")
    return path


Data = Annotated[Path, typer.Option("--data", callback=local, help=DATA)]
Detectors = Annotated[list[str], typer.Argument(help=DETECTORS)]
Benchmark = Annotated[str, typer.Option(help=BENCHMARK)]
Mirror = Annotated[bool, typer.Option("--mirror", help=MIRROR)]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:N, mps (Apple), or auto: cuda where there is one.")]
Root = Annotated[Path, typer.Option("--leaderboard", help="The folder of entries.")]
Checkpoints = Annotated[Path, typer.Option("--checkpoints", help="The folder of checkpoints that entries are of.")]
Private = Annotated[bool, typer.Option("--private", help="If the repository is created: only for you.")]
Repo = Annotated[str, typer.Argument(help="user/name on the Hub.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what already exists under that name.")]


def check_free(path: Path, overwrite: bool) -> None:
    """Raise FkdError if a file or folder to write already exists and is not to be replaced."""
    if path.is_dir():
        raise FkdError(f"{path} is a folder, expected a file to write")
    if path.exists() and not overwrite:
        raise FkdError(f"{path} already exists: choose another name, or add --overwrite")


def chosen_device(name: str) -> str:
    """Return the torch device for a value of --device. Raises FkdError if torch does not find it here."""
    import torch

    device = name.replace("auto", "cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = device.partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if not (number or "0").isdigit() or int(number or 0) >= counts.get(kind, 0):
        raise FkdError(f"--device {name} is not available here: expected auto, cpu, cuda, cuda:N or mps")
    return device
