"""Decode strangers' photos in child processes, within limits of time and memory."""

import faulthandler
import importlib
import io
import json
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from fkd.errors import FkdError
from fkd.files import one_line, open_regular
from fkd.photo.reading import MOST_FILE_BYTES, TOO_MUCH, full_size, note_of, read_photo

MAX_CHILDREN = 2
MAX_SECONDS = 20  # of one photo's decoding
MAX_MEMORY = 2_000_000_000  # bytes, address space of a child
MAX_MEGAPIXELS = 128  # of all decoded photos together that this process holds
MAX_WAIT = 30  # s, for a child, or until other photos are dropped
STRIP = 64  # rows of pixels that are sent at a time
BUSY = f"has waited {MAX_WAIT} seconds for other photos: try again in a minute"

_lock = threading.Lock()
_held: weakref.WeakValueDictionary[int, Image.Image] = weakref.WeakValueDictionary()
_idle: queue.LifoQueue[subprocess.Popen[bytes] | None] = queue.LifoQueue()  # children, None before the start
for _ in range(MAX_CHILDREN):
    _idle.put(None)


def read_apart(file: Path | str | BinaryIO, name: str = "") -> Image.Image:
    """As `read_photo`, in a child process, once there is room for the photo; the result has no metadata.

    Raises FkdError as `read_photo`, and if decoding exceeds MAX_SECONDS or MAX_MEMORY, or the photo waits for MAX_WAIT.
    """
    if isinstance(file, (str, Path)):
        with open_regular(file, MOST_FILE_BYTES) as opened:
            return read_apart(opened, name or Path(file).name)
    name = one_line(name or "the photo")
    try:
        child = _idle.get(timeout=MAX_WAIT)
    except queue.Empty:
        raise FkdError(f"{name} {BUSY}") from None
    is_ready = False
    try:
        if child and child.poll() is not None:  # it was killed
            child.communicate()
            child = None
        child = child or _start()
        answer = _ask(child, file, name)
        is_ready = True
    except TimeoutError:
        raise FkdError(f"{name} {BUSY}") from None
    except (EOFError, BrokenPipeError):
        raise FkdError(f"{name} {TOO_MUCH}") from None
    finally:
        _idle.put(child if is_ready else None)
        if child and not is_ready:
            child.kill()
            child.communicate()
    if isinstance(answer, str):
        raise FkdError(answer)
    return answer


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "fkd.photo.decoder"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    # In a new session, so that Ctrl-C does not interrupt it.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    )


def _ask(child: subprocess.Popen[bytes], file: BinaryIO, name: str) -> Image.Image | str:
    """The photo, or what is wrong with it. Raises EOFError or BrokenPipeError if the child dies."""
    assert child.stdin and child.stdout
    file.seek(0)
    content = file.read()
    child.stdin.write(json.dumps([len(content), name, MAX_SECONDS]).encode() + b"\n")
    child.stdin.write(content)
    child.stdin.flush()
    if not (line := child.stdout.readline()):
        raise EOFError
    if isinstance(answer := json.loads(line), str):
        return answer
    (width, height), full, note = answer
    photo = _make_room(width, height)
    for top in range(0, height, STRIP):
        rows = min(STRIP, height - top)
        pixels = child.stdout.read(3 * width * rows)
        if len(pixels) < 3 * width * rows:
            raise EOFError
        photo.paste(Image.frombytes("RGB", (width, rows), pixels), (0, top))
    photo.info["fkd"] = (photo.size, tuple(full), note)
    return photo


def _make_room(width: int, height: int) -> Image.Image:
    """A black picture, as soon as all those in use leave room for it. Raises TimeoutError after MAX_WAIT."""
    end = time.monotonic() + MAX_WAIT
    while time.monotonic() < end:
        with _lock:
            if sum(photo.width * photo.height for photo in _held.values()) + width * height <= MAX_MEGAPIXELS * 1e6:
                photo = Image.new("RGB", (width, height))
                _held[id(photo)] = photo
                return photo
        time.sleep(0.02)
    raise TimeoutError


def _serve(source: BinaryIO, target: BinaryIO) -> None:
    """Decode photos in the child, until the parent ends."""
    with suppress(ImportError, OSError, ValueError):  # Windows and macOS have no such limit
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    while True:
        photo = None
        target.flush()
        if not (line := source.readline()):
            return
        length, name, seconds = json.loads(line)
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)  # ends the process from a thread in C
        try:
            photo = read_photo(io.BytesIO(source.read(length)), name)
            answer: object = [photo.size, full_size(photo), note_of(photo)]
        except FkdError as error:
            answer = str(error)
        faulthandler.cancel_dump_traceback_later()
        target.write(json.dumps(answer).encode() + b"\n")
        if photo:
            for top in range(0, photo.height, STRIP):
                target.write(photo.crop((0, top, photo.width, min(top + STRIP, photo.height))).tobytes())


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
