"""Photos in files and folders -> a row per photo.

A thread reads photos and finds their faces while OpenVINO answers for others, which keeps two cores busy. On machines
of many cores, several processes share a folder; only paths and rows pass between them.
"""

import contextlib
import functools
import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from fkd.errors import FkdError
from fkd.files import replacing
from fkd.photo.answer_files import Row
from fkd.photo.detector import Detector
from fkd.photo.draw import draw_points
from fkd.photo.face import FaceBox
from fkd.photo.finder import find_faces
from fkd.photo.predict import TOGETHER, predict_together
from fkd.photo.reading import read_photo
from fkd.photo.runtime import one_thread_per_answer

Load = Callable[..., Detector]  # of a reference, and the `device` that answers
CHUNK = 16  # photos that a process takes at a time
AHEAD = 3  # chunks per process that are in progress, or finished early
FOUND_AHEAD = 4  # photos in memory with their faces, waiting for the detector
MOST_WAITING = 40_000_000  # pixels of photos that wait in memory until their faces fill a batch


@dataclass
class Found:
    """A photo and the faces in it, which wait for the detector; or why it could not be read."""

    name: str
    photo: Image.Image | None = None
    boxes: list[FaceBox] = field(default_factory=list)
    error: str = ""


def answer_photos(
    detector: Detector,
    photos: Iterable[tuple[str, Path | BinaryIO]],
    draw: Path | None = None,
    precise: bool = False,
) -> Iterator[Row]:
    """One row per photo, in order, given its name and its file; faces of many photos go through the detector together.

    A photo that cannot be read is a row with its "error". draw: a folder for the photos with the points drawn on them.
    precise: as in `predict`.
    """
    waiting: list[Found] = []
    for found in _find_ahead(photos):
        waiting.append(found)
        pixels = sum(found.photo.width * found.photo.height for found in waiting if found.photo)
        if sum(len(found.boxes) for found in waiting) >= TOGETHER or pixels >= MOST_WAITING:
            yield from _rows(detector, waiting, draw, precise)
            waiting = []
    yield from _rows(detector, waiting, draw, precise)


def _find_ahead(photos: Iterable[tuple[str, Path | BinaryIO]]) -> Iterator[Found]:
    """Read photos and find their faces in a thread, FOUND_AHEAD of them while the detector answers for others."""
    ahead: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(1) as reader:
        for name, file in photos:
            ahead.append(reader.submit(_find, name, file))
            if len(ahead) > FOUND_AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _find(name: str, file: Path | BinaryIO) -> Found:
    try:
        photo = read_photo(file, Path(name).name)
        return Found(name, photo, find_faces(photo))
    except FkdError as error:
        return Found(name, error=str(error))


def _rows(detector: Detector, waiting: list[Found], draw: Path | None, precise: bool) -> Iterator[Row]:
    pairs = [(found.photo, found.boxes) for found in waiting if found.photo]
    try:
        together = predict_together(detector, [photo for photo, _ in pairs], [boxes for _, boxes in pairs], precise)
        answers = iter(together)
    except FkdError as error:  # of one photo: the others have answers
        if len(waiting) > 1:
            for found in waiting:
                yield from _rows(detector, [found], draw, precise)
        else:
            yield {"photo": waiting[0].name, "faces": [], "error": str(error)}
        return
    for found in waiting:
        if not found.photo:
            yield {"photo": found.name, "faces": [], "error": found.error}
            continue
        faces = next(answers)
        if draw:
            with replacing(draw / f"{Path(found.name).stem}.png") as unfinished:
                draw_points(found.photo, [face.points for face in faces], detector.colour).save(unfinished)
        yield {"photo": found.name, "faces": [face.to_json() for face in faces]}


@contextlib.contextmanager
def start_workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes for `answer_folder`; pending work is cancelled on early exit."""
    # Copies of a process that has imported everything share that memory. Windows has none of these.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["fkd.photo.pipeline", "fkd.photo.detectors.checkpoint", "fkd.hub.reference"])
    pool = ProcessPoolExecutor(count, context)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def answer_folder(
    pool: ProcessPoolExecutor,
    workers: int,
    load: Load,
    reference: str,
    photos: Iterable[Path],
    draw: Path | None = None,
    precise: bool = False,
) -> Iterator[Row]:
    """The rows of `answer_photos`, in the order of the photos, by `workers` processes; paths are taken as needed.

    load: a function that modules can import, which makes the detector of a reference, once in each worker. Raises
    FkdError if a worker is killed.
    """
    paths = map(str, photos)
    chunks = iter(lambda: list(itertools.islice(paths, CHUNK)), [])
    ahead: deque[Future[list[Row]]] = deque()
    try:
        for chunk in chunks:
            ahead.append(pool.submit(_answer_chunk, load, reference, chunk, draw, precise))
            if len(ahead) >= AHEAD * workers:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    except BrokenProcessPool:
        raise FkdError(
            "a worker was killed, most likely for lack of memory: --resume goes on from here, --workers with a lower "
            "number takes less memory"
        ) from None


def _answer_chunk(load: Load, reference: str, paths: list[str], draw: Path | None, precise: bool) -> list[Row]:
    return list(answer_photos(own_detector(load, reference), ((path, Path(path)) for path in paths), draw, precise))


@functools.cache
def own_detector(load: Load, reference: str) -> Detector:
    """The detector of a worker, loaded once.

    From then on the worker takes one core, and ends if its parent does.
    """
    one_thread_per_answer()  # there are as many workers as cores
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    return load(reference)


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
