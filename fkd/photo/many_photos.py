"""Many photos -> the faces in each and every detector's answers for them, or the problem with it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from fkd.errors import FkdError
from fkd.photo.comparison import Comparison, compare_answers
from fkd.photo.detector import Detector
from fkd.photo.face import FaceBox
from fkd.photo.finder import find_faces
from fkd.photo.predict import TOGETHER, Finder, predict_together
from fkd.photo.reading import note_of
from fkd.photo.sources import MOST_FACES, Source

FOUND_AHEAD = 4  # photos in memory with their faces, waiting for the detectors
MAX_WAITING = 40_000_000  # pixels of photos that wait in memory until their faces fill a batch


@dataclass(frozen=True)
class Answered:
    """A photo's name, the upright photo, the answers for it and the note on it; or the problem with it."""

    name: str
    photo: Image.Image | None = None
    comparison: Comparison | None = None
    problem: str = ""
    boxes: list[FaceBox] = field(default_factory=list)
    note: str = ""


def find_at_most(photo: Image.Image) -> list[FaceBox]:
    """As `find_faces`, the largest MOST_FACES: so a crowd photo cannot block the server for hours."""
    return find_faces(photo)[:MOST_FACES]


def answer_photos(
    detectors: Sequence[Detector],
    sources: Iterable[Source],
    precise: bool = False,
    find: Finder = find_faces,
    truth: Mapping[str, Sequence[np.ndarray]] | None = None,
) -> Iterator[Answered]:
    """Find the faces of each photo and their keypoints, in order; faces of several photos are answered together.

    A thread reads photos and finds their faces meanwhile. precise, find: as in `predict`. truth: true points, as in
    `compare`, by the photo's name.
    """
    waiting: list[Answered] = []
    pixels = 0
    for answered in _find_ahead(sources, find):
        waiting.append(answered)
        pixels += answered.photo.width * answered.photo.height if answered.photo else 0
        if sum(len(each.boxes) for each in waiting) >= TOGETHER or pixels >= MAX_WAITING:
            yield from _answer(detectors, waiting, precise, truth or {})
            waiting, pixels = [], 0
    yield from _answer(detectors, waiting, precise, truth or {})


def _find_ahead(sources: Iterable[Source], find: Finder) -> Iterator[Answered]:
    ahead: deque[Future[Answered]] = deque()
    reader = ThreadPoolExecutor(1)
    try:
        for source in sources:
            ahead.append(reader.submit(_find, source, find))
            if len(ahead) > FOUND_AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        ahead.clear()  # a photo that is being read may wait for the room of these
        reader.shutdown(cancel_futures=True)


def _find(source: Source, find: Finder) -> Answered:
    try:
        photo = source.read()
        return Answered(source.name, photo, boxes=find(photo), note=note_of(photo))
    except FkdError as error:
        return Answered(source.name, problem=str(error))


def _answer(
    detectors: Sequence[Detector], waiting: list[Answered], precise: bool, truth: Mapping[str, Sequence[np.ndarray]]
) -> Iterator[Answered]:
    try:
        found = [(each.photo, each.boxes) for each in waiting if each.photo]
        together = iter(predict_together(detectors, found, precise))
    except FkdError as error:
        if len(waiting) == 1:
            yield replace(waiting[0], photo=None, problem=str(error))
        else:
            for each in waiting:  # the others still have answers
                yield from _answer(detectors, [each], precise, truth)
        return
    for each in waiting:
        if each.photo:
            compared = compare_answers(detectors, each.photo, *next(together), truth.get(each.name, ()))
            each = replace(each, comparison=compared, boxes=compared.boxes)
        yield each
