"""The page: two detectors side by side on your own photo, and the leaderboard."""

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

import fkd.page
from fkd.hub.available import read_pinned
from fkd.hub.claims import sync
from fkd.hub.reference import SCHEME, load
from fkd.page.address import FORGET
from fkd.page.api import api
from fkd.page.batch import batch_tab
from fkd.page.compare import compare_tab
from fkd.page.guard import LIMITS, MOST_WAITING, Page
from fkd.page.leaderboard import leaderboard_tab
from fkd.page.live import live_tab
from fkd.page.model import model_tab
from fkd.page.uploads import photo_folder
from fkd.page.visitors import Detectors
from fkd.photo.detector import Detector, folders

HOME = Path(__file__).parent
PAGE = Path(fkd.page.__file__).parent
SCRIPT, STYLE = PAGE / "page.js", PAGE / "page.css"
TITLE = """# fkd: judge facial keypoint detectors on your own face
Upload a photo: up to four models mark 15 keypoints on every face. Photos are never logged or passed on, and are
deleted from the server within the hour."""
THEME = gr.themes.Default(
    primary_hue="emerald",
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
).set(
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
)

# How the page is served, wherever that is.
LAUNCH = {"theme": THEME, "css_paths": [STYLE], "ssr_mode": False, "footer_links": [], **LIMITS}


def build_app(
    checkpoints: Path = HOME / "checkpoints", leaderboard: Path = HOME / "leaderboard", models: Sequence[str] = ()
) -> gr.Blocks:
    """Builds the page for the checkpoint folders and the leaderboard under the given folders, unlaunched.

    models: of the Hub, each hf:user/repo or hf:user/repo@revision, beside those that `fkd deploy` pinned.
    Raises ValueError if there is no checkpoint, or one cannot be read.
    """
    own = [path.parent for path in sorted(checkpoints.glob("*/config.json"))]
    references = [*own, *map(str, read_pinned(checkpoints)), *models]
    if not references:
        raise ValueError(f"{checkpoints} holds no checkpoint: train one with `python -m fkd train`")
    detectors: dict[str, Detector] = {detector.name: detector for detector in map(load, references)}
    photo_folder()  # before any part of the page is made: each notes where its files are to lie
    with Page(title="fkd: facial keypoint detectors", analytics_enabled=False) as page:
        gr.Markdown(TITLE)
        with gr.Tabs() as tabs:
            with gr.Tab("Compare", id="compare") as compare:
                compare_tab(Detectors(detectors), HOME / "examples")
            with gr.Tab("Leaderboard", id="leaderboard") as board:
                paper = HOME / "benchmarks" / "paper.json"
                leaderboard_tab(leaderboard, folders(detectors.values()), paper, page, tabs, board)
            with gr.Tab("Live", id="live"):
                live_tab(detectors)
            with gr.Tab("Batch", id="batch"):
                batch_tab(detectors)
            with gr.Tab("Model", id="model") as about:
                model_tab(detectors, page, about)
        compare.select(None, js=FORGET)
        page.load(None, js=SCRIPT.read_text("utf-8"))
        api(detectors, leaderboard)
    return page.queue(max_size=MOST_WAITING, api_open=False)


def keep_synced(root: Path) -> None:
    """Reads the Hub's models now and every hour, beside whatever visitors do; runs until the process ends."""
    while True:
        try:
            sync(root)
        except (ValueError, OSError) as error:  # the page says so too, and what was read before stays
            print(f"fkd: {error}", file=sys.stderr)
        time.sleep(3600)


if __name__ == "__main__":
    try:
        app = build_app(models=[argument for argument in sys.argv[1:] if argument.startswith(SCHEME)])
    except (ValueError, OSError) as error:
        sys.exit(f"fkd: {error}")
    threading.Thread(target=keep_synced, args=[HOME / "leaderboard"], daemon=True).start()
    app.launch(inbrowser="--open" in sys.argv, **LAUNCH)
