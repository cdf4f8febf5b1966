"""The page: detectors side by side on your own photo, and the leaderboard."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.errors import FkdError, require
from fkd.hub.claims import sync
from fkd.hub.reference import read_pinned
from fkd.learn.record import CONFIG
from fkd.page.api import api
from fkd.page.batch import batch_tab
from fkd.page.browser import remember
from fkd.page.clip import clip_tab
from fkd.page.compare import CompareTab
from fkd.page.detectors import read_detectors
from fkd.page.guard import MAX_FILE_BYTES, MAX_SESSIONS, MAX_WAITING, app_options, bound_fields, handler
from fkd.page.leaderboard import LeaderboardTab
from fkd.page.live import live_tab
from fkd.page.model import model_tab
from fkd.page.ranking import tested
from fkd.page.uploads import photo_folder
from fkd.photo.detector import Detector
from fkd.photo.kinds import ENDINGS, files_in
from fkd.photo.runtime import one_thread_per_answer
from fkd.version import __version__

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # of malloc.h
HERE = Path(__file__).parent
SCRIPTS = [HERE / f"{name}.js" for name in ("photos", "page", "ranking")]
STYLE = HERE / "page.css"
TITLE = """# Which detector finds your face better?
Your photo is never logged or passed on, and is deleted from the server within the hour."""
TABS = ("compare", "leaderboard", "live", "clip", "batch", "model")
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
    button_primary_background_fill_hover="*primary_800",  # the theme's own is too light for white text
    button_primary_background_fill_hover_dark="*primary_800",
)

bound_fields()


def launch_options() -> dict[str, Any]:
    """Return the arguments of `gr.Blocks.launch` with which the page is always served."""
    return {
        "theme": THEME,
        "css_paths": [STYLE],
        "head": "".join(f"<script>{script.read_text('utf-8')}</script>" for script in SCRIPTS),
        "ssr_mode": False,
        "footer_links": [],
        "mcp_server": False,  # even where GRADIO_MCP_SERVER is set: it would fetch URLs for strangers
        "run_history": False,
        "max_file_size": MAX_FILE_BYTES,
        "state_session_capacity": MAX_SESSIONS,
        "enable_monitoring": False,
        "app_kwargs": app_options(),
    }


def references_in(checkpoints: Path) -> list[str]:
    """Return references to the folders, files and pinned Hub models in a folder of checkpoints.

    Raises FkdError for a pinned.json that is not a list of Hub models.
    """
    own = [str(path.parent) for path in sorted(checkpoints.glob(f"*/{CONFIG}"))]
    files = [f"{ENDINGS[path.suffix]}:{path}" for path in files_in(checkpoints)]
    return [*own, *files, *map(str, read_pinned(checkpoints))]


def build_app(references: Sequence[str | Detector], leaderboard: Path, clone: Path | None = None) -> gr.Blocks:
    """Build the page, unlaunched.

    references: detectors, or references for `fkd.hub.reference.load`. leaderboard: folder of the entries. clone: a
    clone of fkd, for its example photos. Raises FkdError if there is no reference, one cannot be read, or two have one
    name.
    """
    if not references:
        raise FkdError(
            "there is no checkpoint to show: name folders or hf:user/repo, or train one with "
            "`fkd train --data DIR --out checkpoints/mine`"
        )
    photo_folder()  # before whatever notes or makes temporary files
    detectors = read_detectors(references)
    examples = [path for stem in EXAMPLES for path in (clone / "examples").glob(f"{stem}.*")] if clone else []
    page: gr.Blocks = gr.Blocks(title="fkd: facial keypoint detectors", analytics_enabled=False)
    with page:
        gr.Markdown(TITLE, elem_id="title")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Compare", id="compare") as compare:
                CompareTab(detectors, examples, page, tabs, tested(leaderboard, detectors))
            with gr.Tab("Leaderboard", id="leaderboard") as board:
                LeaderboardTab(leaderboard, detectors, page, board)
            with gr.Tab("Live", id="live") as live:
                live_tab(detectors, live, tabs)
            with gr.Tab("Clip", id="clip") as clip:
                clip_tab(detectors)
            with gr.Tab("Batch", id="batch") as batch:
                batch_tab(detectors)
            with gr.Tab("Model", id="model") as about:
                model_tab(detectors, page, about)
        for tab, name in ((compare, "compare"), (live, "live"), (clip, "clip"), (batch, "batch")):
            tab.select(None, js=remember(name, selected=True))
        gr.Markdown(_footer(), elem_id="footer")
        opening = page.load(_open_tab, None, tabs, queue=False, api_visibility="private")
        opening.then(None, js="() => window.fkd.opened()")
        api(detectors)
    page.queue(max_size=MAX_WAITING, api_open=False)
    return page


def _footer() -> str:
    """Say where code, documentation and the API are, as Markdown; a Space has them in its repository."""
    space = os.environ.get("SPACE_ID")
    files = f"https://huggingface.co/spaces/{space}/blob/main/" if space else ""
    named = {"Documentation": "README.md", "API": "docs/api.md", "citation": "CITATION.cff"}
    links = [f"[{name}]({files}{path})" if files else f"{name}: {path}" for name, path in named.items()]
    return f"fkd {__version__}, MIT licence. {'; '.join(links)}; [the API's endpoints](gradio_api/info)."


@handler
def _open_tab(request: gr.Request) -> Any:
    """Select the tab that the URL names, ?tab=NAME."""
    tab = request.query_params.get("tab")
    return gr.Tabs(selected=tab) if tab in TABS else gr.skip()


def keep_synced(root: Path) -> None:
    """Read the Hub's models now and every hour, until the process ends."""
    while True:
        try:
            sync(root)
        except (FkdError, OSError) as error:  # the page keeps the earlier models
            print(f"fkd: {error}", file=sys.stderr)
        time.sleep(3600)


def launch(app: gr.Blocks, leaderboard: Path, open_browser: bool = False) -> None:
    """Serve the page until the process is stopped; the leaderboard's folder, if it exists, is kept in sync."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, lambda *_: sys.exit())  # so that the run's folder is removed
    if leaderboard.is_dir():
        threading.Thread(target=keep_synced, args=[leaderboard], daemon=True).start()
    if os.environ.get("SPACES_ZERO_GPU"):  # ZeroGPU runs no Space without a function for its GPU, which none here needs
        require("spaces", "app").GPU(lambda: None)
    one_thread_per_answer()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, 2)  # glibc keeps freed memory per thread, and would grow with concurrent users
        libc.mallopt(M_MMAP_THRESHOLD, 4_000_000)  # and would keep the memory of large pictures
        libc.malloc_trim(0)
    _, url, _ = app.launch(inbrowser=open_browser, quiet=True, prevent_thread_lock=True, **launch_options())
    port = os.environ.get("GRADIO_SERVER_PORT", "7860")
    taken = "" if f":{port}/" in url else f"port {port} is taken, so "
    private = "; photos stay on this machine" if "127.0.0.1" in url else ""
    print(f"fkd: {taken}the page is at {url}{private}; Ctrl-C stops it", flush=True)
    app.block_thread()
