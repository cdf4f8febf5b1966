"""The Compare tab's answers: from what a visitor gave to what the tab shows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from pandas.io.formats.style import Styler
from PIL import Image

from fkd.page.viewer import MOST_MODELS, view
from fkd.photo.comparison import Comparison, compare, points_table
from fkd.photo.detector import Detector
from fkd.photo.face import FaceBox
from fkd.photo.point_files import read_points
from fkd.photo.reading import read_photo

MOST_FACES = 100  # of one photo: found and drawn by hand
FAR = 1e6  # px: no corner of a box lies further away
BEGIN = "Choose a photo to begin."
NO_FACE = (
    "**No face was found in this photo.** Draw a box around one, try a photo where the face is larger or looks more "
    "towards the camera, or tick *the whole photo is one face* under *More options* if it is cropped tightly already."
)
GONE = "The photo is no longer here: photos are deleted within the hour. Choose it again."


@dataclass(frozen=True)
class Answered:
    """What a session keeps: where the uploaded photo lies, and the answers on it; never the picture itself."""

    path: str
    comparison: Comparison


@dataclass(frozen=True)
class View:
    """What the tab shows. status: Markdown. picture: the viewer's value. face: the number of the chosen one, from 0."""

    status: str
    picture: dict[str, Any] | None = None
    answered: Answered | None = None
    face: int = 0

    def outputs(self) -> list[Any]:
        """For (status, results, viewer, answered, choice of face, table of points, crops)."""
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


def answer_photo(
    detectors: Mapping[str, Detector], path: str | None, names: list[str], whole: bool, truth: str | None
) -> View:
    """Of a photo that was uploaded to `path`. whole: it is one face. truth: a file of true points."""
    if path is None:
        return View(BEGIN)
    return _answer(detectors, path, names, truth, whole=whole)


def answer_box(
    detectors: Mapping[str, Detector],
    corners: object,
    face: object,
    answered: Answered | None,
    names: list[str],
    truth: str | None,
) -> View:
    """After a box was drawn (face None) or a face's box corrected; corners and face are as a browser sent them."""
    if answered is None:
        return View(BEGIN)
    boxes = list(answered.comparison.boxes)
    if not isinstance(corners, list) or len(corners) != 4 or not all(_is_a_place(value) for value in corners):
        return View("**That is not a box in the photo: draw it again.**")
    x0, y0, x1, y1 = map(float, corners)
    box = FaceBox((x0, y0, x1, y1), 1.0)
    if isinstance(face, int) and 0 <= face < len(boxes):
        boxes[face] = box
    elif len(boxes) < MOST_FACES:
        face = len(boxes)
        boxes.append(box)
    else:
        return View(f"**{MOST_FACES} faces are the most that one photo may have here.**")
    return _answer(detectors, answered.path, names, truth, boxes, face)


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


def picture_of(comparison: Comparison, face: int, photo: Image.Image | None = None) -> dict[str, Any]:
    """The viewer's value; without the photo, the one that it shows stays."""
    models = [
        {
            "name": name,
            "colour": comparison.colours[name],
            "faces": [{"box": face.box, "points": face.points, "spread": face.spread} for face in faces],
        }
        for name, faces in comparison.answers.items()
    ]
    return view(photo, models, comparison.truth, face, (comparison.width, comparison.height))


def _is_a_place(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) < FAR


def _answer(
    detectors: Mapping[str, Detector],
    path: str,
    names: list[str],
    truth: str | None,
    boxes: list[FaceBox] | None = None,
    face: int = 0,
    whole: bool = False,
) -> View:
    """What the tab shows of detectors' answers on a photo. boxes: None to find them. whole: it is one face."""
    if not names:
        return View("Choose a model.")
    if gone := [name for name in names if name not in detectors]:
        return View(f"**{gone[0]} was added long ago and has made room for other models: add it again.**")
    if not Path(path).exists():
        return View(f"**{GONE}**")
    try:
        photo = read_photo(path)
        true_points = read_points(truth) if truth else []
    except ValueError as error:
        return View(f"**{error}**")
    if whole:
        boxes = [FaceBox((-0.5, -0.5, photo.width - 0.5, photo.height - 0.5), 0.0)]
    try:
        comparison = compare([detectors[name] for name in names[:MOST_MODELS]], photo, boxes, true_points)
    except ValueError as error:  # a box without a size
        return View(f"**{error}**")
    return View(_status(comparison), picture_of(comparison, face, photo), Answered(path, comparison), face)


def _status(comparison: Comparison) -> str:
    stages = ", ".join(f"{stage} {spent:.0f} ms" for stage, spent in comparison.milliseconds.items())
    if not comparison.boxes:
        return f"{NO_FACE} ({stages})"
    count = "1 face" if len(comparison.boxes) == 1 else f"{len(comparison.boxes)} faces"
    matched = sum(truth is not None for truth in comparison.truth)
    return f"**{count}**: {stages}." + (f" True points lie on {matched} of them." if matched else "")
