"""fkd app."""

from typing import Annotated

import typer

from fkd.cli.options import CHECKPOINTS, CLONE, LEADERBOARD, Root
from fkd.errors import require


def app_command(
    references: Annotated[
        list[str] | None,
        typer.Argument(
            help="Detectors, each a checkpoint folder, hf:user/repo or onnx:FILE; those in ./checkpoints, if none."
        ),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    root: Root = LEADERBOARD,
) -> None:
    """Serve the page: detectors side by side on your own photos, and the leaderboard."""
    for library in ("gradio", "plotly"):
        require(library, "app")
    from fkd.page import site

    site.launch(site.build_app(references or site.references_in(CHECKPOINTS), root, CLONE), root, open_browser)
