"""Where visitors' photos are stored, and how they are deleted: one folder, swept by age."""

import asyncio
import atexit
import contextlib
import functools
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

import gradio as gr

from fkd.errors import FkdError

MAX_AGE, SWEEP_INTERVAL = 50 * 60, 60  # s; together less than an hour
_log = logging.getLogger(__name__)


@functools.cache
def photo_folder() -> Path:
    """Return the folder for uploads, answers and downloads, which Gradio uses from the first call on.

    All fkd pages of a user share it, so that photos left by a killed process are deleted by the next one. Raises
    FkdError if somebody else owns it.
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
    """Make a folder for the page's own files, which Gradio serves for as long as the process runs."""
    folder = Path(tempfile.mkdtemp(prefix="fkd-page-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    gr.set_static_paths([folder])
    return folder


def address(path: Path) -> str:
    """Return the URL of a file in either folder, relative to the page."""
    return f"gradio_api/file={path.as_posix()}"


def sweep(folder: Path, now: float | None = None) -> None:
    """Delete everything in a folder that has not changed for MAX_AGE. now: seconds since 1970; the present if None."""
    limit = (time.time() if now is None else now) - MAX_AGE
    for place, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = Path(place, name)
            with contextlib.suppress(OSError):  # not empty, or in use: the next sweep tries again
                if path.lstat().st_ctime < limit:
                    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


async def keep_swept(folder: Path) -> None:
    """Sweep a folder until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_INTERVAL)
        try:
            await asyncio.to_thread(sweep, folder)
        except Exception:  # photos must be deleted whatever happens
            _log.exception("the sweep of %s failed; the next is in %d s", folder, SWEEP_INTERVAL)
