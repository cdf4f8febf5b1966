"""Where visitors' photos lie and when they go: a folder of this process's own, swept by age alone."""

import atexit
import functools
import logging
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from filelock import FileLock, Timeout

KEPT, EVERY = 50 * 60, 60  # s: how long a file is kept, and how often old ones are removed: all within the hour
RUN = "fkd-photos-"
_stay: set[Path] = set()
_log = logging.getLogger(__name__)


@functools.cache
def photo_folder() -> Path:
    """This process's folder for uploads, answers and downloads, made at the first call.

    It is the folder that Gradio takes as its own from then on, and goes with the process. What killed processes left
    behind is removed.
    """
    parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).resolve()
    parent.mkdir(parents=True, exist_ok=True)
    remove_dead(parent)
    folder = parent / f"{RUN}{secrets.token_hex(8)}"
    lock = FileLock(f"{folder}.lock")  # the system lets go of it however the process ends
    lock.acquire(timeout=0)
    folder.mkdir(mode=0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)

    @atexit.register
    def leave_nothing() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)

    return folder


def remove_dead(parent: Path) -> None:
    """Removes the folders under `parent` whose processes have ended without removing them."""
    for file in parent.glob(f"{RUN}*.lock"):
        lock = FileLock(file)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):  # it lives, or is another user's
            continue
        shutil.rmtree(file.with_suffix(""), ignore_errors=True)
        lock.release()
        file.unlink(missing_ok=True)


def new_folder() -> Path:
    """A folder for files that a handler returns; Gradio serves them from there, and they go with the others."""
    return Path(tempfile.mkdtemp(prefix="answer-", dir=photo_folder()))


def stays(path: Path) -> None:
    """Keeps a file of the page itself, which is made after it has opened, from the sweeps."""
    _stay.add(path)


def sweep(folder: Path, kept: Collection[Path] = (), now: float | None = None) -> int:
    """Removes what has not been changed for KEPT seconds under `folder`, whoever made it; returns how many files.

    kept: files that stay. now: s since 1970; the present if None. A file that cannot be removed is left for the next
    sweep, and an empty folder goes when it is as old.
    """
    limit = (time.time() if now is None else now) - KEPT
    gone = 0
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(place, name)
            try:
                if path not in kept and path.lstat().st_ctime < limit:
                    path.unlink()
                    gone += 1
            except OSError:
                continue
        try:
            if Path(place) != folder and Path(place).lstat().st_ctime < limit:
                Path(place).rmdir()
        except OSError:  # it is not empty, or just used
            continue
    return gone


def keep_swept(folder: Path, ended: threading.Event, also: Callable[[], object] = lambda: None) -> threading.Thread:
    """Starts a thread that sweeps until `ended` is set. What is there now, such as the examples, stays.

    also: called after each sweep.
    """
    kept = {path for path in folder.rglob("*") if path.is_file()}

    def run() -> None:
        while not ended.wait(EVERY):
            try:
                sweep(folder, kept | _stay)
                also()
            except Exception:  # whatever it was: photos must not stay because of it
                _log.exception("the sweep of %s failed; the next is in %d s", folder, EVERY)

    thread = threading.Thread(target=run, name="sweep of photos", daemon=True)
    thread.start()
    return thread
