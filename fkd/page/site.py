"""The page: two detectors side by side on your own photo, and the leaderboard."""

import ctypes
import functools
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.board.entries import read_benchmarks
from fkd.hub.available import read_pinned
from fkd.hub.claims import sync
from fkd.learn.record import CONFIG
from fkd.page.address import remember
from fkd.page.api import api
from fkd.page.batch import batch_tab
from fkd.page.compare import compare_tab
from fkd.page.guard import LIMITS, MOST_WAITING, Page, bound_fields
from fkd.page.leaderboard import leaderboard_tab
from fkd.page.live import live_tab
from fkd.page.model import model_tab
from fkd.page.own import Own
from fkd.page.standings import ranked
from fkd.page.uploads import photo_folder
from fkd.page.visitors import Detectors
from fkd.photo.detector import Detector
from fkd.photo.detectors.compiled import one_thread_per_answer
from fkd.photo.kinds import ENDINGS, files_in

M_ARENA_MAX = -8  # of malloc.h
HERE = Path(__file__).parent
SCRIPT, STYLE = HERE / "page.js", HERE / "page.css"
TITLE = """# Which detector finds your face better?
Your photo is never logged or passed on, and is deleted from the server within the hour."""
TABS = ("compare", "leaderboard", "live", "batch", "model")
EXAMPLES = ("grace_hopper", "eileen_collins", "barack_obama_speaking", "barack_obama_backlit")
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

bound_fields()

# How the page is served, wherever that is.
LAUNCH: dict[str, Any] = {
    "theme": THEME,
    "css_paths": [STYLE],
    "head": f"<script>{SCRIPT.read_text('utf-8')}</script>",
    "ssr_mode": False,
    "footer_links": [],
    "mcp_server": False,  # even where GRADIO_MCP_SERVER is set: it would fetch URLs for strangers
    "run_history": False,
    "enable_monitoring": False,
    **LIMITS,
}


def references_in(checkpoints: Path) -> list[str]:
    """Returns references to what lies in a folder of checkpoints: folders, files, and the Hub models pinned there.

    Raises ValueError for a pinned.json that is not a list of Hub models.
    """
    own = [str(path.parent) for path in sorted(checkpoints.glob(f"*/{CONFIG}"))]
    files = [f"{ENDINGS[path.suffix]}:{path}" for path in files_in(checkpoints)]
    return [*own, *files, *map(str, read_pinned(checkpoints))]


def build_app(references: Sequence[str | Detector], leaderboard: Path, clone: Path | None = None) -> Page:
    """Builds the page for these detectors and the leaderboard in a folder, unlaunched.

    references: detectors, or what `fkd.hub.reference.load` takes. clone: a clone of fkd, whose example photos and table
    of the paper are then shown.
    A checkpoint folder is read when the page first needs it, or is `launch`ed.
    Raises ValueError if there is no checkpoint, another reference cannot be read, or two have one name.
    """
    if not references:
        raise ValueError(
            "there is no checkpoint to show: name folders or hf:user/repo, or train one with "
            "`fkd train --data DIR --out checkpoints/mine`"
        )
    detectors = Own(references)
    examples = [path for stem in EXAMPLES for path in (clone / "examples").glob(f"{stem}.*")] if clone else []
    paper = clone / "benchmarks" / "paper.json" if clone else None
    photo_folder()  # before any part of the page is made: each notes where its files are to lie
    page = Page(title="fkd: facial keypoint detectors", analytics_enabled=False)
    with page:
        gr.Markdown(TITLE, elem_id="title")
        with gr.Tabs() as tabs:
            with gr.Tab("Compare", id="compare") as compare:
                landing = compare_tab(Detectors(detectors), examples, page)
            with gr.Tab("Leaderboard", id="leaderboard") as board:
                leaderboard_tab(leaderboard, detectors.folders, page, board)
            with gr.Tab("Live", id="live") as live:
                live_tab(detectors)
            with gr.Tab("Batch", id="batch") as batch:
                batch_tab(detectors)
            with gr.Tab("Model", id="model") as about:
                model_tab(detectors, paper, page, about)
        for tab, name in ((compare, "compare"), (live, "live"), (batch, "batch")):
            tab.select(None, js=remember(name, selected=True))
        page.load(_open_tab, None, tabs, api_visibility="private")
        api(detectors, leaderboard)
    page.queue(max_size=MOST_WAITING, api_open=False)
    page.once_open = [detectors.read, landing, functools.partial(_rank, leaderboard, detectors)]
    return page


def _rank(root: Path, detectors: Own) -> None:
    """Reads and ranks all entries, which takes long where there are thousands."""
    for benchmark in read_benchmarks(root):
        ranked(root, benchmark, detectors.folders.values(), averaged=False)


def _open_tab(request: gr.Request) -> Any:
    """Handler: the tab that the address asks for, ?tab=NAME."""
    asked = request.query_params.get("tab")
    return gr.Tabs(selected=asked) if asked in TABS else gr.skip()


def keep_synced(root: Path) -> None:
    """Reads the Hub's models now and every hour, beside whatever visitors do; runs until the process ends."""
    while True:
        try:
            sync(root)
        except (ValueError, OSError) as error:  # the page says so too, and what was read before stays
            print(f"fkd: {error}", file=sys.stderr)
        time.sleep(3600)


def launch(app: Page, leaderboard: Path, open_browser: bool = False) -> None:
    """Serves the page until the process is stopped, and keeps the leaderboard's folder, if there is one, synced.

    Raises ValueError or OSError if one of the page's checkpoints cannot be read, soon after the page has opened.
    """
    if leaderboard.is_dir():
        threading.Thread(target=keep_synced, args=[leaderboard], daemon=True).start()
    one_thread_per_answer()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # else glibc keeps apart what each thread has freed, and memory grows with the crowd
        libc.mallopt(M_ARENA_MAX, 2)
    app.launch(inbrowser=open_browser, prevent_thread_lock=True, **LAUNCH)
    for work in app.once_open:
        work()
    if hasattr(libc, "malloc_trim"):  # reading networks takes more than having them
        libc.malloc_trim(0)
    app.block_thread()
