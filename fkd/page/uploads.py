"""Where visitors' photos are stored, and how they are deleted: one folder, swept by age."""

import functools
import logging
import os
import tempfile
import threading
import time
from pathlib import Path

import gradio as gr

from fkd.errors import FkdError

MAX_AGE, SWEEP_INTERVAL = 50 * 60, 60  # s; together less than an hour
_log = logging.getLogger(__name__)


@functools.cache
def photo_folder() -> Path:
    """Return the folder for uploads, answers and downloads, which Gradio uses from the first call on.

    All fkd pages of a user share it, so that photos left by a killed process are deleted by the next one.

    Raises:
        FkdError: Somebody else owns the folder.
    """
    parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).resolve()
    user = os.getuid() if hasattr(os, "getuid") else 0  # Windows has a temporary folder per user
    folder = parent / f"fkd-photos-{user}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.lstat().st_uid != user:
        raise FkdError(f"{folder} belongs to somebody else: set GRADIO_TEMP_DIR to a folder of your own")
    folder.chmod(0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return folder


def new_folder() -> Path:
    """Make a folder for files that a handler returns; Gradio serves them, and the sweep deletes them."""
    return Path(tempfile.mkdtemp(prefix="answer-", dir=photo_folder()))


def page_folder() -> Path:
    """Make a folder for a page's own pictures, which Gradio serves for as long as the process runs."""
    return Path(tempfile.mkdtemp(dir=_static_folder().name))


@functools.cache
def _static_folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="fkd-page-")  # deleted at exit
    gr.set_static_paths([folder.name])
    return folder


def address(path: Path) -> str:
    """Return the URL of a file in either folder, relative to the page."""
    return f"gradio_api/file={path.as_posix()}"


def sweep(folder: Path, now: float | None = None) -> int:
    """Delete everything under `folder` that has not changed for MAX_AGE, and return the number of files deleted.

    Args:
        folder: The folder; it stays itself.
        now: Seconds since 1970; the present if None.
    """
    limit = (time.time() if now is None else now) - MAX_AGE
    count = 0
    for place, _, names in os.walk(folder, topdown=False):
        for path in [Path(place, name) for name in names]:
            try:
                if path.lstat().st_ctime < limit:
                    path.unlink()
                    count += 1
            except OSError:  # the next sweep tries again
                continue
        try:
            if Path(place) != folder and Path(place).lstat().st_ctime < limit:
                Path(place).rmdir()
        except OSError:  # not empty, or just used
            continue
    return count


def start_sweeping(folder: Path, stop: threading.Event) -> threading.Thread:
    """Start a thread that sweeps a folder until `stop` is set."""

    def run() -> None:
        while not stop.wait(SWEEP_INTERVAL):
            try:
                sweep(folder)
            except Exception:  # photos must be deleted whatever happens
                _log.exception("the sweep of %s failed; the next is in %d s", folder, SWEEP_INTERVAL)

    thread = threading.Thread(target=run, name="sweep of photos", daemon=True)
    thread.start()
    return thread
