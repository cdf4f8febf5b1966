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
    models: Sequence[str] = (),
) -> gr.Blocks:
    """Build the page for a folder of checkpoints and one of entries, unlaunched.

    Args:
        checkpoints: Folder of checkpoints and model files.
        leaderboard: Folder of entries.
        models: More references, such as hf:user/repo or onnx:FILE.

    Raises:
        FkdError: As `site.build_app`.
    """
    return site.build_app([*site.references_in(checkpoints), *models], leaderboard, HOME)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve the page of this clone.")
    parser.add_argument("models", nargs="*", help="hf:user/repo, onnx:FILE, ..., in addition to the checkpoints here")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    args = parser.parse_args()
    try:
        page = build_app(models=args.models)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        site.launch(page, LEADERBOARD, args.open)
    except (FkdError, OSError) as error:
        if not is_for_user(error):
            raise
        sys.exit(f"fkd: {error}")
