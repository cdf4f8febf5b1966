"""Follow the faces of a clip: where they are, by a glance every few frames, and their keypoints in every frame."""

import base64
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from fkd.clip.frames import sharpness
from fkd.clip.smoothing import smooth
from fkd.clip.tracks import Clip, Track, TrackedClip
from fkd.clip.video import Frame, read_clip
from fkd.keypoints import NAMES
from fkd.photo.colours import distinct
from fkd.photo.detector import Detector
from fkd.photo.detectors.network import NetworkDetector
from fkd.photo.face import Face, FaceBox
from fkd.photo.many_photos import MAX_WAITING
from fkd.photo.point_files import Journal
from fkd.photo.predict import TOGETHER, find_confirmed_faces

GLANCE = 5  # frames from one look of the finder to the next
STEADY = 0.2  # of its side, how far a face may move from one glance to the next for its boxes to be interpolated
NEAR = 1.0  # of its side, how far a face may move from one look to the next
# The columns of an answer, float32: exact for frames, models and faces by number.
FRAME, MODEL, FACE, BOX, DOUBT, POINTS, SPREAD, SHARP = 0, 1, 2, slice(3, 7), 7, slice(8, 38), slice(38, 53), 53
WIDTH = 54
Boxes = dict[int, FaceBox]  # by the face's number
Item = TypeVar("Item")


@dataclass
class _Faces:
    """The faces of a clip so far: their numbers, from 1, and where each was seen last."""

    seen: Boxes = field(default_factory=dict)
    now: set[int] = field(default_factory=set)

    def link(self, found: Iterable[FaceBox]) -> Boxes:
        """Number the faces of the next look: the nearest of the last one, else one that left, else a new one."""
        left, numbered = list(found), Boxes()
        for present, most in ((True, NEAR), (False, math.inf)):
            pairs = [
                (float(np.hypot(*(box.centre - self.seen[number].centre))) / max(box.side, self.seen[number].side),
                 number, at)
                for at, box in enumerate(left) for number in self.seen if (number in self.now) == present
            ]  # fmt: skip
            for distance, number, at in sorted(pairs):
                if distance <= most and number not in numbered and left[at] not in numbered.values():
                    numbered[number] = left[at]
            left = [box for box in left if box not in numbered.values()]
        for box in left:
            numbered[len(self.seen) + 1] = self.seen[len(self.seen) + 1] = box
        self.seen |= numbered
        self.now = set(numbered)
        return numbered


def track(
    path: Path | str,
    detectors: Sequence[Detector],
    progress: Callable[[int, int], object] = lambda done, stated: None,
    journal: Journal | None = None,
) -> TrackedClip:
    """Follow the faces of a clip by each detector, with little memory however long it is.

    progress: called with the number of frames done and the number that the clip states, 0 if it does not; what it
    raises ends the work. journal: answers are added to it, and those of an earlier run taken from it.
    Raises FkdError as `read_clip`.
    """
    reader = read_clip(path)
    faces, answers, done = _earlier(journal, Path(path))
    # Frames that wait for the detector, no more than a large clip may hold in memory.
    most = max(GLANCE, min(TOGETHER, MAX_WAITING // math.prod(reader.size)))
    waiting: list[tuple[Frame, Boxes]] = []
    for chunk in _chunks(read_ahead(reader, most), done):
        waiting += zip(chunk, _follow(detectors, chunk, faces), strict=True)
        if len(waiting) >= most:
            answers.append(_answer(detectors, waiting))
            _keep(journal, path, waiting[-1][0].number, faces, answers[-1])
            waiting = []
        progress(chunk[-1].number + 1, reader.stated)
    if waiting:
        answers.append(_answer(detectors, waiting))
        _keep(journal, path, waiting[-1][0].number, faces, answers[-1])
    return TrackedClip(reader.clip, _tracks(reader.clip, detectors, np.concatenate([np.empty((0, WIDTH)), *answers])))


def read_ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Yield items that a thread makes meanwhile, up to `count` ahead."""
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1) as reader:
        ahead = deque(reader.submit(next, iterator, end) for _ in range(count))
        while (item := ahead.popleft().result()) is not end:
            yield item  # type: ignore[misc]
            ahead.append(reader.submit(next, iterator, end))


def _chunks(frames: Iterator[Frame], done: int) -> Iterator[list[Frame]]:
    """The frames after the first `done`: the clip's first one alone, then GLANCE at a time."""
    frames = itertools.dropwhile(lambda frame: frame.number < done, frames)
    while chunk := list(itertools.islice(frames, GLANCE if done else 1)):
        done = 1
        yield chunk


def _follow(detectors: Sequence[Detector], chunk: Sequence[Frame], faces: _Faces) -> list[Boxes]:
    """Where the faces are in each frame, by a look at the last one; at each, if faces move fast, come or leave."""
    before = {number: faces.seen[number] for number in faces.now}
    found = find_confirmed_faces(detectors, chunk[-1].grey)
    after = _Faces(dict(faces.seen), set(faces.now)).link(found)
    if before.keys() == after.keys() and all(_is_steady(before[number], after[number]) for number in after):
        faces.link(found)
        times = [(number + 1) / len(chunk) for number in range(len(chunk))]
        return [{number: _between(before[number], after[number], time) for number in after} for time in times]
    looks = [find_confirmed_faces(detectors, frame.grey) for frame in chunk[:-1]]
    return [faces.link(look) for look in [*looks, found]]


def _is_steady(before: FaceBox, after: FaceBox) -> bool:
    moved = max(*np.abs(after.centre - before.centre), abs(after.side - before.side))
    return bool(moved <= STEADY * min(before.side, after.side))


def _between(before: FaceBox, after: FaceBox, time: float) -> FaceBox:
    """A face's box at a time from 0, before, to 1, after."""
    box = (1 - time) * np.array(before.box) + time * np.array(after.box)
    start, end = before.turn + before.lean, after.turn + after.lean
    x0, y0, x1, y1 = box.tolist()
    return FaceBox((x0, y0, x1, y1), after.score, start + time * ((end - start + 180) % 360 - 180))


def _answer(detectors: Sequence[Detector], frames: Sequence[tuple[Frame, Boxes]]) -> np.ndarray:
    """The answers [N, WIDTH] for all faces of frames; some frames are asked for their doubt."""
    flat = [(frame, number, box) for frame, boxes in frames for number, box in boxes.items()]
    photos, boxes = [frame.grey for frame, *_ in flat], [box for *_, box in flat]
    rows = np.full((len(detectors), len(flat), WIDTH), np.nan, np.float32)
    for model, detector in enumerate(detectors if flat else ()):
        if isinstance(detector, NetworkDetector):
            answered = detector.on_clip(photos, boxes, np.array([frame.number % GLANCE == 0 for frame, *_ in flat]))
        else:
            answered = detector.on_photos(photos, boxes)
        for row, (frame, number, box), face in zip(rows[model], flat, answered, strict=True):
            row[FRAME], row[MODEL], row[FACE], row[BOX] = frame.number, model, number, box.box
            if face.doubt < math.inf or math.isnan(face.doubt):  # it sees a face
                _fill(row, face)
    return rows.reshape(-1, WIDTH)


def _fill(row: np.ndarray, face: Face) -> None:
    row[POINTS], row[DOUBT], row[SHARP] = face.points.ravel(), face.doubt, sharpness(face.frame)
    if face.spread is not None:
        row[SPREAD] = face.spread


def _tracks(clip: Clip, detectors: Sequence[Detector], answers: np.ndarray) -> list[Track]:
    """The answers [N, WIDTH] as tracks over all frames."""
    colours, tracks = distinct([detector.colour for detector in detectors]), []
    for face in np.unique(answers[:, FACE]).astype(int):
        for model, detector in enumerate(detectors):
            own = answers[(answers[:, MODEL] == model) & (answers[:, FACE] == face)]
            rows = np.full((len(clip.times), WIDTH), np.nan, np.float32)
            rows[own[:, FRAME].astype(int)] = own
            points, spread = rows[:, POINTS].reshape(-1, len(NAMES), 2), rows[:, SPREAD]
            spreads = spread if np.isfinite(spread).any() else None
            seen, doubted = np.isfinite(points).all((1, 2)), np.isfinite(rows[:, DOUBT])
            doubt = np.full(len(rows), np.nan, np.float32)
            if doubted.any():
                doubt[seen] = np.interp(np.flatnonzero(seen), np.flatnonzero(doubted), rows[doubted, DOUBT])
            smoothed = smooth(points, clip.times, spreads)
            args = (rows[:, BOX], points, smoothed, doubt, spreads, rows[:, SHARP])
            tracks.append(Track(detector.name, colours[model], int(face), *args))
    return tracks


def _keep(journal: Journal | None, path: Path | str, last: int, faces: _Faces, answers: np.ndarray) -> None:
    """Add answers to the journal, and what the rest of the clip depends on."""
    if journal:
        boxes = [[number, *box.box, box.score, box.turn, box.lean] for number, box in faces.seen.items()]
        text = base64.b64encode(answers.tobytes()).decode()
        journal.write(
            {"photo": f"{path} {last}", "clip": str(path), "done": last + 1, "faces": boxes, "now": sorted(faces.now)}
            | {"answers": text}
        )


def _earlier(journal: Journal | None, path: Path) -> tuple[_Faces, list[np.ndarray], int]:
    """The faces, the answers and the number of frames done of an earlier run."""
    faces, answers, done = _Faces(), [], 0
    for row in journal.rows() if journal else ():
        if row["clip"] == str(path):
            boxes = {number: FaceBox((x0, y0, x1, y1), *more) for number, x0, y0, x1, y1, *more in row["faces"]}
            faces, done = _Faces(boxes, set(row["now"])), row["done"]
            answers.append(np.frombuffer(base64.b64decode(row["answers"]), np.float32).reshape(-1, WIDTH))
    return faces, answers, done
