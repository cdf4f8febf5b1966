"""The Compare tab's answers: from what a visitor gave to what the tab shows."""

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from pandas.io.formats.style import Styler
from PIL import Image

from fkd.page.viewer import MOST_MODELS, view
from fkd.photo.comparison import Comparison, compare, points_table, verdict
from fkd.photo.detector import Detector
from fkd.photo.face import FaceBox
from fkd.photo.many_photos import MOST_FACES, find_at_most
from fkd.photo.point_files import read_points
from fkd.photo.reading import read_photo

FAR = 1e6  # px: no corner of a box lies further away
BEGIN, CHOOSE = "Choose a photo to begin.", "Choose a model."
NO_BOX = "**That is not a box in the photo: draw it again.**"
NO_FACE = (
    "**No face was found in this photo.** Draw a box around one, try a photo where the face is larger or looks more "
    "towards the camera, or tick *The whole photo is one face* under *Models and options* if it is cropped tightly."
)
GONE = "The photo is no longer here: photos are deleted within the hour. Choose it again."


@dataclass(frozen=True)
class Answered:
    """What a session keeps: where the photo lies, and the answers on it; never the picture itself."""

    path: str
    comparison: Comparison


@dataclass(frozen=True)
class View:
    """What the tab shows. status: Markdown. picture: the viewer's value. face: the number of the chosen one, from 0.

    stays: all but the status stays as it is, since what was asked for cannot be.
    """

    status: str
    picture: dict[str, Any] | None = None
    answered: Answered | None = None
    face: int = 0
    stays: bool = False

    def outputs(self) -> list[Any]:
        """For (status, details, viewer, answered, choice of face, table of points, crops)."""
        if self.stays:
            return [self.status, *[gr.skip()] * 6]
        comparison = self.answered.comparison if self.answered else None
        choices = face_choices(comparison) if comparison else []
        return [
            self.status,
            gr.Column(visible=bool(choices)),
            gr.HTML(self.picture, visible=self.picture is not None),
            self.answered,
            gr.Dropdown(choices=choices, value=choices[self.face] if choices else None, visible=len(choices) > 1),
            face_table(comparison, self.face) if comparison and choices else None,
            face_crops(comparison, self.face) if comparison and choices else None,
        ]


@dataclass(frozen=True)
class Wishes:
    """What a visitor chose beside the photo. names: of detectors. whole: the photo is one face. truth: a file of true
    points, or None. precise: as in `predict`.
    """

    names: list[str]
    whole: bool = False
    truth: str | None = None
    precise: bool = False


def answer_photo(detectors: Mapping[str, Detector], path: str | None, wishes: Wishes, zoomed: bool = False) -> View:
    """Of the photo at `path`. zoomed: the picture opens on its largest face."""
    return _answer(detectors, path, wishes, zoomed=zoomed) if path else View(BEGIN)


def answer_again(detectors: Mapping[str, Detector], answered: Answered | None, wishes: Wishes) -> View:
    """Of the same faces of the same photo, after other detectors or true points were chosen."""
    if answered is None:
        return View(BEGIN)
    boxes = answered.comparison.boxes if answered.comparison.answers else None
    return _answer(detectors, answered.path, wishes, boxes, before=answered)


def answer_box(
    detectors: Mapping[str, Detector], corners: object, face: object, answered: Answered | None, wishes: Wishes
) -> View:
    """After a box was drawn (face None), corrected, or deleted (corners None); both are as a browser sent them."""
    if answered is None:
        return View(BEGIN)
    boxes = list(answered.comparison.boxes)
    number = face if type(face) is int and 0 <= face < len(boxes) else None
    if corners is None and number is not None:
        del boxes[number]
        return _answer(detectors, answered.path, wishes, boxes, before=answered)
    if not isinstance(corners, list) or len(corners) != 4 or not all(_is_a_place(value) for value in corners):
        return View(NO_BOX, answered=answered, stays=True)
    x0, y0, x1, y1 = map(float, corners)
    if min(abs(x1 - x0), abs(y1 - y0)) < 1:
        return View(NO_BOX, answered=answered, stays=True)
    box = FaceBox((x0, y0, x1, y1), math.nan)
    if number is not None:
        boxes[number] = box
    elif len(boxes) < MOST_FACES:
        number = len(boxes)
        boxes.append(box)
    else:
        said = f"**{MOST_FACES} faces are the most that one photo may have here.**"
        return View(said, answered=answered, stays=True)
    return _answer(detectors, answered.path, wishes, boxes, number, before=answered)


def face_choices(comparison: Comparison) -> list[str]:
    """What the choice of a face offers."""
    return [f"{number} of {len(comparison.boxes)}" for number in range(1, len(comparison.boxes) + 1)]


def face_table(comparison: Comparison, face: int) -> Styler:
    """One face's points as the tab shows them."""
    return points_table(comparison, face).style.format(precision=1, na_rep="")


def face_crops(comparison: Comparison, face: int) -> Image.Image:
    """The crops of a face that the detectors answered for, next to each other."""
    crops = [Image.fromarray(faces[face].frame).resize((192, 192)) for faces in comparison.answers.values()]
    row = Image.new("L", (200 * len(crops) - 8, 192), 255)
    for number, crop in enumerate(crops):
        row.paste(crop, (200 * number, 0))
    return row


def picture_of(comparison: Comparison, face: int, photo: Image.Image | None = None, zoomed: bool = False) -> Any:
    """The viewer's value; without the photo, the one that it shows stays."""
    models = [
        {"name": name, "colour": comparison.colours[name], "whose": comparison.whose[name], "faces": faces}
        for name, faces in comparison.answers.items()
    ]
    return view(photo, models, comparison.boxes, comparison.truth, face, (comparison.width, comparison.height), zoomed)


def status_of(comparison: Comparison, face: int) -> str:
    """What came out, in words; the milliseconds of each stage are its tooltip."""
    stages = ", ".join(f"{stage} {spent:.0f} ms" for stage, spent in comparison.milliseconds.items())
    count = len(comparison.boxes)
    if not count:
        return NO_FACE
    faces = "" if count == 1 else f"{count} faces, this is number {face + 1}. "
    text = faces + verdict(comparison, face)
    return f'<span title="{html.escape(stages)}">{html.escape(text or "1 face.")}</span>'


def _is_a_place(value: object) -> bool:
    return isinstance(value, int | float) and -FAR < value < FAR


def _answer(
    detectors: Mapping[str, Detector],
    path: str,
    wishes: Wishes,
    boxes: list[FaceBox] | None = None,
    face: int = 0,
    zoomed: bool = False,
    before: Answered | None = None,
) -> View:
    """What the tab shows of detectors' answers on a photo. boxes: None to find them. before: the answers on it that are
    shown; they stay if there are no others.
    """
    if not Path(path).exists():
        return View(f"**{GONE}**")
    try:
        photo = read_photo(path)
    except ValueError as error:
        return View(f"**{error}**")

    def problem(text: str) -> View:
        return View(text, answered=before or Answered(path, compare([], photo, [])), stays=before is not None)

    if not wishes.names:
        return problem(CHOOSE)
    if gone := [name for name in wishes.names if name not in detectors]:
        return problem(f"**{gone[0]} was added long ago and has made room for other models: add it again.**")
    try:
        true_points = read_points(wishes.truth) if wishes.truth else []
    except ValueError as error:
        return problem(f"**{error}**")
    if wishes.whole and boxes is None:
        boxes = [FaceBox((-0.5, -0.5, photo.width - 0.5, photo.height - 0.5), math.nan)]
    try:
        chosen = [detectors[name] for name in wishes.names[:MOST_MODELS]]
        comparison = compare(chosen, photo, boxes, true_points, find_at_most, wishes.precise)
    except ValueError as error:  # a box without a size, or a model without precise answers
        return problem(f"**{error}**")
    picture = picture_of(comparison, face, photo, zoomed)
    return View(status_of(comparison, face), picture, Answered(path, comparison), face)
