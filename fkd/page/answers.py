"""Answers of the Compare tab: detectors on a photo, and how the tab shows them."""

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fkd.errors import FkdError
from fkd.files import markdown
from fkd.keypoints import NAMES
from fkd.page.guard import pick
from fkd.page.uploads import address, new_folder
from fkd.page.viewer import MAX_MODELS, Scores, view
from fkd.photo.comparison import Comparison, compare, match_truth, mean_error
from fkd.photo.decoder import read_apart
from fkd.photo.detector import Detector
from fkd.photo.face import FaceBox
from fkd.photo.finder import whole_photo
from fkd.photo.many_photos import find_at_most
from fkd.photo.point_files import read_points
from fkd.photo.reading import note_of
from fkd.photo.sources import MOST_FACES

MAX_PX = 1e6  # the largest coordinate of a box
MAX_SIDE = 1600  # px, longer side of the picture that the browser shows
BEGIN, CHOOSE = "Choose a photo to begin.", "Choose a model."
NO_BOX = "That is not a box in the photo: draw it again."
NO_FACE = (
    "**No face was found in this photo.** Draw a box around one, try a photo where the face is larger or looks more "
    "towards the camera, or tick *The whole photo is one face* under *Models and options* if it is cropped tightly. "
    "Faces narrower than a thirtieth of a large photo are often missed."
)
NO_POINTS = "These are not 15 points in the photo: place them again."
NO_MATCH = "The true points are on no face that was found here. "
GONE = "The photo has been deleted: photos are deleted within the hour. Choose it again."


@dataclass(frozen=True)
class Answered:
    """The answers on a photo, as a session stores them.

    picture: the URL of the copy that the browser shows. placed: points that the visitor placed on faces, [15, 2] px.
    """

    path: str
    comparison: Comparison
    picture: str
    placed: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class View:
    """The state of the tab: its status line as Markdown, the answers if any, and the selected face, from 0."""

    status: str
    answered: Answered | None = None
    face: int = 0
    zoomed: bool = False

    def picture(self, tested: Scores) -> dict[str, Any] | None:
        """Return the viewer's value; None without an answer."""
        if self.answered is None or not self.answered.comparison.answers:
            return None
        comparison = self.answered.comparison
        placed = match_truth(comparison.boxes, self.answered.placed)
        return view(self.answered.picture, comparison, self.face, self.zoomed, tested, placed)


@dataclass(frozen=True)
class Options:
    """The visitor's settings, in the order of the inputs."""

    names: list[str]  # of the detectors
    whole: bool = False  # treat the whole photo as one face
    truth: str | None = None  # a file of true points


def answer_photo(
    detectors: Mapping[str, Detector],
    path: str | None,
    options: Options,
    zoomed: bool = False,
    folder: Path | None = None,
) -> View:
    """Answer a new photo; a mistake of the visitor becomes the status line.

    zoomed: open the picture on its largest face. folder: where the copy for the browser is written.
    """
    if path is None:
        return View(BEGIN)
    empty = None
    try:
        photo = _read(path)
        empty = Answered(path, compare([], photo, []), _copy(photo, folder or new_folder()))
        return _answer(detectors, photo, empty, options, zoomed=zoomed)
    except FkdError as error:
        return View(f"**{markdown(error)}**", empty)


def answer_again(detectors: Mapping[str, Detector], answered: Answered | None, options: Options) -> View:
    """Answer the same faces of the same photo with other settings. Raises FkdError for a mistake of the visitor."""
    if answered is None:
        return View(BEGIN)
    boxes = answered.comparison.boxes if answered.comparison.answers else None
    return _answer(detectors, _read(answered.path), answered, options, boxes)


def answer_box(
    detectors: Mapping[str, Detector], corners: object, face: object, answered: Answered | None, options: Options
) -> View:
    """Answer after a box was drawn, corrected or deleted.

    corners: [x0, y0, x1, y1] px as the browser sent them; None deletes the box. face: the number of the box as the
    browser sent it; None draws a new one. Raises FkdError for a mistake of the visitor.
    """
    if answered is None:
        return View(BEGIN)
    boxes = list(answered.comparison.boxes)
    number = face if type(face) is int and 0 <= face < len(boxes) else len(boxes)
    if number == MOST_FACES:
        raise FkdError(f"A photo can have at most {MOST_FACES} faces.")
    is_deleted = corners is None and number < len(boxes)
    boxes[number : number + 1] = [] if is_deleted else [_box(corners)]
    return _answer(detectors, _read(answered.path), answered, options, boxes, 0 if is_deleted else number)


def answer_points(points: object, face: object, answered: Answered | None) -> View:
    """Take points that the visitor placed on a face as its true ones.

    points: [x, y] px or None for each of the 15, as the browser sent them. Raises FkdError for a mistake of the
    visitor.
    """
    if answered is None:
        return View(BEGIN)
    comparison = answered.comparison
    if type(face) is not int or not 0 <= face < len(comparison.boxes):
        raise FkdError(NO_POINTS)
    placed = _points(points)
    (before,) = match_truth([comparison.boxes[face]], answered.placed)
    others = [each for each in answered.placed if each is not before]
    truth = [*comparison.truth[:face], placed, *comparison.truth[face + 1 :]]
    comparison = dataclasses.replace(comparison, truth=truth)
    status = status_of(comparison)
    if before is not None and (error := mean_error(placed, before)) == error:
        status += f" Your two tries differ by {error:.1f}% of the eye distance: no detector can be judged more finely."
    return View(status, dataclasses.replace(answered, comparison=comparison, placed=(*others, placed)), face)


def status_of(comparison: Comparison) -> str:
    """Say how many faces there are, unless there is one."""
    count = len(comparison.boxes)
    return "" if count == 1 else f"{count} faces." if count else NO_FACE


def _box(corners: object) -> FaceBox:
    """Check the corners of a box that a browser sent."""
    if isinstance(corners, list) and [type(value) in (int, float) for value in corners] == [True] * 4:
        x0, y0, x1, y1 = map(float, corners)
        if max(map(abs, corners)) < MAX_PX and min(abs(x1 - x0), abs(y1 - y0)) >= 1:
            return FaceBox((x0, y0, x1, y1), math.nan)
    raise FkdError(NO_BOX)


def _points(points: object) -> np.ndarray:
    """Check points that a browser sent: [15, 2] px, NaN where one was not placed."""
    if isinstance(points, list) and len(points) == len(NAMES):
        with contextlib.suppress(TypeError, ValueError):  # of other shapes and types
            placed = np.array([[np.nan, np.nan] if point is None else point for point in points], np.float32)
            known = placed[np.isfinite(placed).all(-1)]
            if placed.shape == (len(NAMES), 2) and len(known) and np.abs(known).max() < MAX_PX:
                return placed
    raise FkdError(NO_POINTS)


def _read(path: str) -> Image.Image:
    if not Path(path).exists():
        raise FkdError(GONE)
    return read_apart(path)


def _copy(photo: Image.Image, folder: Path) -> str:
    """Write the copy that the browser shows, and return its URL."""
    scale = min(1, MAX_SIDE / max(photo.size))
    small = photo.resize([max(1, round(scale * side)) for side in photo.size], reducing_gap=2.0)
    small.save(folder / "photo.jpg", quality=88)
    return address(folder / "photo.jpg")


def _answer(
    detectors: Mapping[str, Detector],
    photo: Image.Image,
    before: Answered,
    options: Options,
    boxes: list[FaceBox] | None = None,
    face: int = 0,
    zoomed: bool = False,
) -> View:
    """Answer a photo; faces are searched for if `boxes` is None."""
    if not options.names:
        raise FkdError(CHOOSE)
    true_points = read_points(options.truth) if options.truth else []
    if options.whole and boxes is None:
        boxes = whole_photo(photo)
    chosen = [pick(detectors, name) for name in options.names[:MAX_MODELS]]
    comparison = compare(chosen, photo, boxes, true_points, find_at_most)
    note = note_of(photo) and f"{markdown(note_of(photo))}. "
    if true_points and comparison.boxes and all(points is None for points in comparison.truth):
        note += NO_MATCH
    by_hand = match_truth(comparison.boxes, before.placed)
    truth = [theirs if own is None else own for own, theirs in zip(by_hand, comparison.truth, strict=True)]
    comparison = dataclasses.replace(comparison, truth=truth)
    answered = dataclasses.replace(before, comparison=comparison)
    return View(note + status_of(comparison), answered, face, zoomed)
