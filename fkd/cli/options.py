"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        help="Folder with training.zip, test.zip, IdLookupTable.csv, or the competition's one big zip.",
    ),
]
Mirror = Annotated[
    bool,
    typer.Option("--mirror", help="Average predictions over the image and its horizontal flip (flip averaging)."),
]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:N, mps (Apple), or auto: cuda where there is one.")]
Root = Annotated[Path, typer.Option("--leaderboard", help="The folder of entries.")]
Checkpoints = Annotated[Path, typer.Option("--checkpoints", help="The folder of checkpoints that entries are of.")]
LEADERBOARD, CHECKPOINTS = Path("leaderboard"), Path("checkpoints")
HOME = Path(__file__).parents[2]
CLONE = HOME if (HOME / "app.py").is_file() else None  # None where fkd is installed from a package
Private = Annotated[bool, typer.Option("--private", help="If it is made: only for you.")]
Repo = Annotated[str, typer.Argument(help="user/name on the Hub.")]
