"""Track a stranger's clip in a child process, within limits of length, time and memory, and write all files of it."""

import importlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fkd.clip.exports import WRITERS, write_export
from fkd.clip.profile import picture_name
from fkd.clip.proxy import proxy_size, write_proxy
from fkd.clip.review import answer, review
from fkd.clip.track_files import write_tracks
from fkd.clip.tracking import track
from fkd.clip.tracks import TrackedClip
from fkd.clip.video import read_clip
from fkd.errors import FkdError
from fkd.files import one_line
from fkd.keypoints import NAMES
from fkd.photo.detector import Detector
from fkd.photo.kinds import read_detector

MAX_SECONDS, MAX_FRAMES = 60, 3600  # of a clip
MAX_FACES = 4  # in the player: those that are seen in the most frames
MAX_WORK, MAX_MEMORY = 300, 8_000_000_000  # s, and bytes of address space, for one clip


def track_apart(path: Path, detectors: Sequence[Detector], out: Path) -> Iterator[dict[str, Any]]:
    """Track a clip with detectors that have a folder or file, and write all files into `out`.

    Yields {"text", "number", "count"} every few frames, and at the end the player's value without its folder.
    Raises FkdError if the clip cannot be read, has no face or exceeds a limit.
    """
    references = json.dumps({detector.name: str(detector.folder) for detector in detectors})
    command = [sys.executable, "-P", "-m", "fkd.clip.apart", str(path), references, str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    # In a new session, so that Ctrl-C does not interrupt it.
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)
    timer = threading.Timer(MAX_WORK, child.kill)
    timer.start()
    try:
        for line in child.stdout or ():
            value = json.loads(line)
            if isinstance(value, str):
                raise FkdError(value)
            yield value
        if child.wait() < 0:
            name = one_line(path.name)
            raise FkdError(f"{name} takes more time or memory than there is here: try a shorter or smaller clip")
        if child.returncode:
            raise RuntimeError("the process that tracks a clip failed")  # its traceback is in the log
    finally:
        timer.cancel()
        child.kill()
        child.communicate()


def _write(path: Path, references: dict[str, str], out: Path) -> dict[str, Any]:
    """Write all files, and return the player's value."""
    name = one_line(path.name)
    too_long = FkdError(f"{name} is too long: expected at most {MAX_SECONDS} seconds and {MAX_FRAMES:,} frames")
    frames = read_clip(path)
    if frames.stated > min(MAX_FRAMES, (MAX_SECONDS + 1) * frames.rate):
        raise too_long
    for number, time in write_proxy(frames, out / "proxy.mp4"):
        if number >= MAX_FRAMES or time > MAX_SECONDS + 1:
            raise too_long
        _progress("Reading the clip", number, frames.stated)
    detectors = [read_detector(Path(folder)) for folder in references.values()]
    for detector, model in zip(detectors, references, strict=True):
        detector.name = model
    tracked = track(path, detectors, partial(_progress, "Tracking"))
    clip, tracks = tracked.clip, {(track.model, track.face): track for track in tracked.tracks}
    seen = {face: sum(np.isfinite(tracks[model, face].points).sum() for model in references) for _, face in tracks}
    if not seen:
        raise FkdError(f"{name}: no face was found")
    faces = sorted(seen, key=seen.__getitem__, reverse=True)[:MAX_FACES]
    shown = [[[tracks[model, face].smooth, tracks[model, face].points] for face in faces] for model in references]
    np.array(shown, "<f4").tofile(out / "points.f32")
    stem = picture_name(path, 0).removesuffix(".0000.jpg")
    tables = [f"{stem}.csv", f"{stem}.json"]
    files = [*tables, *(f"{stem}{ending}" for ending in WRITERS)]
    downloads = TrackedClip(replace(clip, path=Path(path.name)), tracked.tracks)  # without the server's folder
    with zipfile.ZipFile(out / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            write_tracks(out / file, [downloads]) if file in tables else write_export(out / file, downloads)
            archive.write(out / file, file)
    rows, bad = review(tracked)
    said = answer(*(tracks[model, faces[0]] for model in references))
    return {
        "name": stem, "width": clip.width, "height": clip.height, "proxy": proxy_size(clip.width, clip.height),
        "times": clip.times.round(6).tolist(), "names": NAMES, "faces": len(faces),
        "models": [{"name": model, "colour": tracks[model, faces[0]].colour} for model in references],
        "rows": rows, "bad": bad, "answer": said, "files": [f"{stem}.zip", *files],
    }  # fmt: skip


def _progress(what: str, number: int, stated: int) -> None:
    of = f" of {stated:,}" if stated else ""
    print(json.dumps({"text": f"{what}: {number:,}{of} frames", "number": number, "count": stated}), flush=True)


if __name__ == "__main__":
    with suppress(ImportError, OSError, ValueError):  # Windows and macOS have no such limit
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    try:
        print(json.dumps(_write(Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3]))))
    except FkdError as error:
        print(json.dumps(str(error)))
    except MemoryError:
        os.abort()
