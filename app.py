"""The page of this clone: its checkpoints, its leaderboard, its example photos. A Space runs this file."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from fkd.cli.commands import main
from fkd.page import site

HOME = Path(__file__).parent
CHECKPOINTS, LEADERBOARD = HOME / "checkpoints", HOME / "leaderboard"


def build_app(
    checkpoints: Path = CHECKPOINTS,
    leaderboard: Path = LEADERBOARD,
    references: Sequence[str] = (),
) -> gr.Blocks:
    """Build the page for a folder of checkpoints and one of entries, unlaunched.

    Args:
        checkpoints: Folder of checkpoints and model files.
        leaderboard: Folder of entries.
        references: Shown instead of the folder's, such as hf:user/repo or onnx:FILE.

    Raises:
        FkdError: As `site.build_app`.
    """
    return site.build_app(references or site.references_in(checkpoints), leaderboard, HOME)


if __name__ == "__main__":
    if not any(argument.startswith("--checkpoint") for argument in sys.argv):
        os.chdir(HOME)  # show its checkpoints, whatever folder this is started from
    sys.argv[1:1] = ["app", "--leaderboard", str(LEADERBOARD)]
    main()
