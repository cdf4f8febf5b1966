"""Where a page stores files: one folder per run, removed when it ends or by the next; photos in it are swept by age."""

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
from typing import Any

import gradio as gr
from filelock import FileLock, Timeout
from gradio.data_classes import ImageData
from pydantic import model_validator

from fkd.errors import FkdError

MAX_AGE, SWEEP_INTERVAL = 50 * 60, 60  # s; together less than an hour
MAX_AHEAD = 8 * 60  # s, of a file's date: it is later only if the clock was set back, and is then old
LOCK = "lock"  # in a run's folder
_log = logging.getLogger(__name__)


class Upload(ImageData):
    """The path of an uploaded file; the rest, such as the content itself, would stay in the session."""

    @model_validator(mode="before")
    @classmethod
    def keep_path(cls, value: Any) -> dict[str, Any]:
        """Return the path alone, or nothing."""
        return {"path": value.get("path")} if isinstance(value, dict) else {}


@functools.cache
def run_folder() -> Path:
    """Make the folder for all files that this process stores, temporary ones too, and remove those of dead processes.

    Raises FkdError if somebody else owns the user's folder.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0  # Windows has a temporary folder per user
    parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).resolve() / f"fkd-{user}"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if parent.is_symlink() or parent.lstat().st_uid != user:
        raise FkdError(f"{parent} belongs to somebody else: set GRADIO_TEMP_DIR to a folder of your own")
    parent.chmod(0o700)
    with FileLock(parent / LOCK):
        for left in parent.glob("run-*"):
            with contextlib.suppress(Timeout), FileLock(left / LOCK, timeout=0):  # which a live process holds
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
        lock = FileLock(folder / LOCK)
        lock.acquire()

    def end() -> None:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    tempfile.tempdir = str(folder)
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "photos")
    return folder


def photo_folder() -> Path:
    """Return the folder for uploads, answers and downloads, which Gradio uses from the first call on.

    It is made again, for this user only, if a cleaner of temporary files has removed it.
    """
    folder = run_folder() / "photos"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def new_folder() -> Path:
    """Make a folder for files that a handler returns; Gradio serves them, and the sweep deletes them."""
    return Path(tempfile.mkdtemp(prefix="answer-", dir=photo_folder()))


def page_folder() -> Path:
    """Make a folder for the page's own files, which Gradio serves for as long as the process runs."""
    folder = Path(tempfile.mkdtemp(prefix="page-", dir=run_folder()))
    gr.set_static_paths([folder])
    return folder


def address(path: Path) -> str:
    """Return the URL of a file in either folder, relative to the page."""
    return f"gradio_api/file={path.as_posix()}"


def sweep(folder: Path, now: float | None = None) -> None:
    """Delete everything in a folder that has not changed for MAX_AGE. now: seconds since 1970; the present if None."""
    now = time.time() if now is None else now
    for place, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = Path(place, name)
            with contextlib.suppress(OSError):  # not empty, or in use: the next sweep tries again
                if not -MAX_AHEAD <= now - path.lstat().st_ctime <= MAX_AGE:
                    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


async def keep_swept(folder: Path) -> None:
    """Sweep a folder until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_INTERVAL)
        try:
            await asyncio.to_thread(sweep, folder)
        except Exception:  # photos must be deleted whatever happens
            _log.exception("the sweep of %s failed; the next is in %d s", folder, SWEEP_INTERVAL)
