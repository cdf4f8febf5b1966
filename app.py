"""The page of this clone: its checkpoints, its leaderboard, its example photos. A Space runs this file."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # Ctrl-C during the imports, which take seconds, ends without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import gradio as gr

from fkd.errors import FkdError, is_for_user
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
    parser = argparse.ArgumentParser(description="Serve the page of this clone.")
    shown = "show this folder, hf:user/repo or onnx:FILE instead of those in checkpoints/; repeatable"
    parser.add_argument("--checkpoint", action="append", default=[], help=shown)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    args = parser.parse_args()
    try:
        page = build_app(references=args.checkpoint)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        site.launch(page, LEADERBOARD, args.open)
    except (FkdError, OSError) as error:
        if not is_for_user(error):
            raise
        sys.exit(f"fkd: {error}")
