"""Follow the faces of a clip: where they are, by a glance every few frames, and their keypoints in every frame."""

import base64
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from fkd.clip.smoothing import smooth
from fkd.clip.tracks import Clip, Track, TrackedClip
from fkd.clip.video import Frame, read_clip
from fkd.keypoints import FRAME_SIZE, MEAN_FACE, NAMES
from fkd.photo.colours import distinct
from fkd.photo.crop import align_matrix
from fkd.photo.detector import Detector
from fkd.photo.detectors.network import NetworkDetector
from fkd.photo.face import Face, FaceBox
from fkd.photo.point_files import Journal
from fkd.photo.predict import find_confirmed_faces

LOOK = 800  # px: frames twice as large or more are looked at smaller, which is quick, and faces of a 20th are seen
GLANCE = 6  # frames from one look of the finder to the next
DOUBT_EVERY = 2 * GLANCE  # frames from one mirror image, by which doubt is measured, to the next
# Of its side, how far a face may move from one look to the next: to be the same one, for its boxes to be interpolated,
# and for the finder's new box to be ignored.
NEAR, STEADY, BIAS = 1.0, 0.4, 0.08
# The columns of an answer, float32: exact for frames, models and faces by number.
FRAME, MODEL, FACE, BOX, DOUBT, POINTS, SPREAD, SHARP = 0, 1, 2, slice(3, 7), 7, slice(8, 38), slice(38, 53), 53
WIDTH = 54
AHEAD = 4  # frames that are decoded before they are needed
MAX_PIXELS = 40_000_000  # of the frames that wait for the detector
Boxes = dict[int, FaceBox]  # by the face's number
Item = TypeVar("Item")


@dataclass
class _Faces:
    """The faces of a clip so far: their numbers, from 1, and where each was seen last."""

    seen: Boxes = field(default_factory=dict)
    now: set[int] = field(default_factory=set)

    def boxes(self) -> Boxes:
        """Where the faces of the last look are."""
        return {number: self.seen[number] for number in self.now}

    def link(self, found: Iterable[FaceBox]) -> Boxes:
        """Number the faces of the next look: the nearest of the last one, else one that left, else a new one."""
        left, numbered = list(found), Boxes()
        for present, most in ((True, NEAR), (False, math.inf)):
            numbers = [number for number in self.seen if (number in self.now) == present]
            pairs = [
                (_distance(box, self.seen[number]), number, at) for at, box in enumerate(left) for number in numbers
            ]
            for distance, number, at in sorted(pairs):
                if distance <= most and number not in numbered and left[at] not in numbered.values():
                    numbered[number] = left[at]
            left = [box for box in left if box not in numbered.values()]
        numbered |= dict(enumerate(left, len(self.seen) + 1))
        self.seen |= numbered
        self.now = set(numbered)
        return numbered


@dataclass
class _Stretch:
    """The frames after a glance, up to and with the next one."""

    frames: list[Frame]
    start: Boxes  # at the glance before
    faces: _Faces  # at its end
    looks: list[Boxes] | None  # of each frame, where faces came, left or moved fast


def track(
    path: Path | str,
    detectors: Sequence[Detector],
    progress: Callable[[int, int], object] = lambda done, stated: None,
    journal: Journal | None = None,
) -> TrackedClip:
    """Follow the faces of a clip by each detector, with little memory however long it is.

    The finder looks every few frames; in between, a face's box is interpolated from the first detector's points there.
    progress: called with the number of frames done and the number that the clip states, 0 if it does not; what it
    raises ends the work. journal: answers are added to it, and those of an earlier run taken from it.
    Raises FkdError as `read_clip`.
    """
    reader = read_clip(path)
    before, faces, answers, done = _earlier(journal, Path(path))
    # Frames that wait for the detector, no more than a large clip may hold in memory.
    most = max(1, min(2 * GLANCE, MAX_PIXELS // math.prod(reader.size)))
    waiting: list[tuple[Frame, Boxes]] = []
    frames = (replace(frame, source=None) for frame in reader)  # which takes as much memory again
    stretches = _stretches(detectors[0], _chunks(read_ahead(frames, AHEAD), done), faces)
    for stretch, after in itertools.pairwise(itertools.chain(stretches, [None])):
        assert stretch
        waiting += zip(stretch.frames, _boxes(before, stretch, after.faces.boxes() if after else {}), strict=True)
        before = stretch.start
        if len(waiting) >= most or after is None:
            answers.append(_answer(detectors, waiting))
            if journal:
                boxes = {"before": before, "seen": stretch.faces.seen}
                state = {name: {number: astuple(box) for number, box in each.items()} for name, each in boxes.items()}
                text, end = base64.b64encode(answers[-1].tobytes()).decode(), stretch.frames[-1].number + 1
                journal.write({"clip": str(path), "done": end, "now": [*stretch.faces.now], "answers": text} | state)
            waiting = []
        progress(stretch.frames[-1].number + 1, reader.stated)
    return TrackedClip(reader.clip, _tracks(reader.clip, detectors, answers))


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


def _stretches(detector: Detector, chunks: Iterable[list[Frame]], faces: _Faces) -> Iterator[_Stretch]:
    """Where the faces are, by a look at the last frame; at each of them, if faces move fast, come or leave."""
    for chunk in chunks:
        start = faces.boxes()
        found = _look(detector, chunk[-1])
        ahead = _Faces(dict(faces.seen), set(faces.now))
        end, looks = ahead.link(found), None
        if start.keys() == end.keys() and all(_distance(start[number], end[number]) <= STEADY for number in end):
            faces = ahead
        else:
            faces = _Faces(dict(faces.seen), set(faces.now))
            looks = [faces.link(_look(detector, frame)) for frame in chunk[:-1]]
            looks.append(end := faces.link(found))
        # The finder's boxes are noisy: a face that hardly moved is cropped as before.
        last = [start.get(number, box) for number, box in end.items()]
        boxes = [old if _distance(old, box) <= BIAS else box for old, box in zip(last, end.values(), strict=True)]
        answered = _faces_in(detector, [chunk[-1].grey] * len(boxes), boxes, np.zeros(len(boxes), bool))
        faces.seen |= {number: _aligned(face, box) for (number, box), face in zip(end.items(), answered, strict=True)}
        yield _Stretch(chunk, start, faces, looks)


def _look(detector: Detector, frame: Frame) -> list[FaceBox]:
    """The faces of a frame, looked for in a smaller copy."""
    small = frame.grey.reduce(max(1, max(frame.grey.size) // LOOK))
    small.info["fkd"] = (small.size, frame.grey.size, "")  # for boxes in px of the frame
    return find_confirmed_faces([detector], small)


def _distance(box: FaceBox, other: FaceBox) -> float:
    """How far two boxes are apart, or differ in size, in sides of the larger one."""
    larger = max(box.side, other.side)
    return float(max(np.hypot(*(box.centre - other.centre)), abs(box.side - other.side)) / larger)


def _aligned(face: Face, box: FaceBox) -> FaceBox:
    """The box whose crop puts a face's points on the mean face."""
    if not np.isfinite(face.points).all():
        return box
    linear, shift = np.split(align_matrix(face.points, MEAN_FACE), [2], axis=1)
    half = FRAME_SIZE / 2 / np.sqrt(np.linalg.det(linear))
    x, y = np.linalg.solve(linear, (FRAME_SIZE - 1) / 2 - shift)[:, 0].tolist()
    turn = float(np.rad2deg(np.arctan2(linear[0, 1], linear[0, 0])))
    return FaceBox((x - half, y - half, x + half, y + half), box.score, turn)


def _boxes(before: Boxes, stretch: _Stretch, after: Boxes) -> list[Boxes]:
    """A stretch's boxes, frame by frame, on a curve through those at glances (Catmull and Rom 1974).

    before: at the glance before its start. after: at the one after its end.
    """
    if stretch.looks is not None:
        return stretch.looks
    boxes: list[Boxes] = [{} for _ in stretch.frames]
    times = np.arange(1, len(boxes) + 1)[:, None] / len(boxes)
    weights = times ** np.arange(4) @ [[0, 1, 0, 0], [-0.5, 0, 0.5, 0], [1, -2.5, 2, -0.5], [-0.5, 1.5, -1.5, 0.5]]
    for number, end in stretch.faces.boxes().items():
        start = stretch.start[number]
        knots = [before.get(number, start), start, end, after.get(number, end)]
        numbers = np.array([[*box.centre, box.side, box.turn + box.lean] for box in knots])
        numbers[:, 3] = np.unwrap(numbers[:, 3], period=360)
        if number not in before:  # before the first glance it moved as after it
            numbers[0] = 2 * numbers[1] - numbers[2]
        if number not in after:
            numbers[3] = 2 * numbers[2] - numbers[1]
        for frame, (x, y, side, turn) in zip(boxes, (weights @ numbers).tolist(), strict=True):
            frame[number] = FaceBox((x - side / 2, y - side / 2, x + side / 2, y + side / 2), end.score, turn)
    return boxes


def _faces_in(
    detector: Detector, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], mirrored: np.ndarray
) -> list[Face]:
    """A detector's answers, by fewer crops than for photos where that is possible."""
    if not boxes:
        return []
    if isinstance(detector, NetworkDetector):
        return detector.on_clip(photos, boxes, mirrored)
    return detector.on_photos(photos, boxes)


def _answer(detectors: Sequence[Detector], frames: Sequence[tuple[Frame, Boxes]]) -> np.ndarray:
    """Return the answers [N, WIDTH] for all faces of frames; doubt is measured for some frames only."""
    flat = [(frame, number, box) for frame, boxes in frames for number, box in boxes.items()]
    photos, boxes = [frame.grey for frame, *_ in flat], [box for *_, box in flat]
    rows = np.full((len(detectors), len(flat), WIDTH), np.nan, np.float32)
    mirrored = np.array([frame.number % DOUBT_EVERY == 0 for frame, *_ in flat])
    for model, detector in enumerate(detectors):
        answered = _faces_in(detector, photos, boxes, mirrored)
        for row, (frame, number, box), face in zip(rows[model], flat, answered, strict=True):
            row[FRAME], row[MODEL], row[FACE], row[BOX] = frame.number, model, number, box.box
            if face.doubt < math.inf or math.isnan(face.doubt):  # it sees a face
                row[POINTS], row[DOUBT], row[SHARP] = face.points.ravel(), face.doubt, sharpness(face.frame)
                row[SPREAD] = np.nan if face.spread is None else face.spread
    return rows.reshape(-1, WIDTH)


def sharpness(frame: np.ndarray) -> float:
    """Return how sharp a crop, uint8 [96, 96], is: the variance of its Laplacian divided by its variance."""
    grey = frame.astype(np.float32)
    across, down = grey[1:-1, :-2] + grey[1:-1, 2:], grey[:-2, 1:-1] + grey[2:, 1:-1]
    return float((across + down - 4 * grey[1:-1, 1:-1]).var() / max(grey.var(), 1.0))


def _tracks(clip: Clip, detectors: Sequence[Detector], answers: Sequence[np.ndarray]) -> list[Track]:
    """The answers, [N, WIDTH] each, as tracks over all frames."""
    colours, tracks = distinct([detector.colour for detector in detectors]), []
    for face in sorted({int(number) for each in answers for number in each[:, FACE]}):
        for model, detector in enumerate(detectors):
            rows = np.full((len(clip.times), WIDTH), np.nan, np.float32)
            for each in answers:
                own = each[(each[:, MODEL] == model) & (each[:, FACE] == face)]
                rows[own[:, FRAME].astype(int)] = own
            points, spread = rows[:, POINTS].reshape(-1, len(NAMES), 2), rows[:, SPREAD]
            spreads = spread if np.isfinite(spread).any() else None
            seen, doubted = np.isfinite(points).all((1, 2)), np.isfinite(rows[:, DOUBT])
            doubt = np.full(len(rows), np.nan, np.float32)
            if doubted.any():
                doubt[seen] = np.interp(np.flatnonzero(seen), np.flatnonzero(doubted), rows[doubted, DOUBT])
            smoothed = smooth(points, clip.times, spreads)
            args = (rows[:, BOX], points, smoothed, doubt, spreads, rows[:, SHARP])
            tracks.append(Track(detector.name, colours[model], face, *args))
    return tracks


def _earlier(journal: Journal | None, path: Path) -> tuple[Boxes, _Faces, list[np.ndarray], int]:
    """Return an earlier run: boxes before the last glance, the faces, the answers, the number of frames done."""
    before, faces, answers, done = Boxes(), _Faces(), [], 0
    for row in journal.rows() if journal else ():
        if row["clip"] == str(path):
            before, seen = (
                {int(number): FaceBox(tuple(box), *more) for number, (box, *more) in row[name].items()}
                for name in ("before", "seen")
            )
            faces, done = _Faces(seen, set(row["now"])), row["done"]
            answers.append(np.frombuffer(base64.b64decode(row["answers"]), np.float32).reshape(-1, WIDTH))
    return before, faces, answers, done
