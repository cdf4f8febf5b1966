"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

HOME = Path(__file__).parents[2]
CLONE = HOME if (HOME / "app.py").is_file() else None  # None where fkd is installed from a package
LEADERBOARD, CHECKPOINTS = Path("leaderboard"), Path("checkpoints")
DATA = "Folder with training.zip, test.zip, IdLookupTable.csv, or the competition's one big zip."
MIRROR = "Average predictions over the image and its horizontal flip (flip averaging)."

Data = Annotated[Path, typer.Option("--data", help=DATA)]
DataFolder = Annotated[Path, typer.Argument(help=DATA)]
Detectors = Annotated[
    list[str],
    typer.Argument(
        help="A checkpoint folder, hf:user/repo, or kind:FILE (dlib, mediapipe, onnx); several are averaged."
    ),
]
Benchmark = Annotated[
    str, typer.Option(help="The ranking: the data folder's name, if not given; \"kaggle\" for the competition's.")
]
Mirror = Annotated[bool, typer.Option("--mirror", help=MIRROR)]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:N, mps (Apple), or auto: cuda where there is one.")]
Root = Annotated[Path, typer.Option("--leaderboard", help="The folder of entries.")]
Checkpoints = Annotated[Path, typer.Option("--checkpoints", help="The folder of checkpoints that entries are of.")]
Private = Annotated[bool, typer.Option("--private", help="If it is created: only for you.")]
Repo = Annotated[str, typer.Argument(help="user/name on the Hub.")]
