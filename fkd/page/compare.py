"""The tab where two to four models answer on one photo."""

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from pandas.io.formats.style import Styler
from PIL import Image

from fkd.learn.checkpoint import Checkpoint
from fkd.page.guard import as_path, told
from fkd.page.uploads import new_folder
from fkd.page.viewer import COLOURS, view, viewer
from fkd.page.visitors import Models
from fkd.photo.comparison import Comparison, compare, points_table
from fkd.photo.draw import draw_points
from fkd.photo.finder import FaceBox
from fkd.photo.point_files import read_points, to_pts, to_table
from fkd.photo.reading import read_photo

MOST = len(COLOURS)
MOST_FACES = 100  # of one photo: found and drawn by hand
LEAST_PX, MOST_PX = 800, 1600  # of the longer side of what is drawn on for a download
BEGIN = "Choose a photo to begin."
ADDED = "Any model that `fkd push` published. Its files are checked before they are read; none can run code."
TO_THE_ANSWER = """photo => {
    if (photo && window.innerWidth < 700) document.querySelector('#status').scrollIntoView({behavior: 'smooth'});
}"""
NO_FACE = (
    "**No face was found in this photo.** Draw a box around one, try a photo where the face is larger or looks more "
    "towards the camera, or tick *the whole photo is one face* under *More options* if it is cropped tightly already."
)
GONE = "**The photo is no longer here: photos are deleted within the hour. Choose it again.**"
FAR = 1e6  # px: no corner of a box lies further away


@dataclass(frozen=True)
class Asked:
    """What a session keeps: where the uploaded photo lies, and the answers on it; never the picture itself."""

    path: str
    found: Comparison


def compare_tab(models: Models, examples: Path) -> None:
    """Builds the tab. examples: a folder of photos to try."""
    names = list(models.own)
    by_error = sorted(names, key=lambda name: models[name].training["validation_rmse"])
    first = [name for name in names if name == "fcnn"]
    chosen = [*first, *(name for name in by_error if name not in first)][:2]
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            photo = gr.Image(
                label="Your photo",
                sources=["upload", "webcam", "clipboard"],
                webcam_options=gr.WebcamOptions(mirror=False),
                type="filepath",
                height=300,
                elem_id="photo",
            )
            as_path(photo)
            gr.Examples([[str(path)] for path in sorted(examples.glob("*.*g"))], [photo], label="No photo at hand?")
        with gr.Column(scale=2, min_width=280):
            asked = gr.Dropdown(
                names, value=chosen, multiselect=True, max_choices=MOST, label=f"Models, up to {MOST}", elem_id="models"
            )
            with gr.Accordion("More options", open=False, elem_id="more"):
                whole = gr.Checkbox(False, label="The whole photo is one face (skip finding faces)", elem_id="whole")
                truth = gr.File(
                    label="True points, if known: .pts (15 or 68), .csv or .json", file_types=[".pts", ".csv", ".json"],
                    height=90, elem_id="truth",
                )  # fmt: skip
                wanted = gr.Textbox(
                    label="Add a model of the Hub", placeholder="user/repo", max_lines=1, submit_btn="Add",
                    html_attributes=gr.InputHTMLAttributes(autocapitalize="off", autocorrect="off", spellcheck=False),
                    elem_id="wanted",
                )  # fmt: skip
                added = gr.Markdown(ADDED, elem_id="added", elem_classes="caption")
                own = gr.State([], time_to_live=3600)  # what this visitor added: nobody chooses names for others
    status = gr.Markdown(BEGIN, elem_id="status")
    answers = gr.State(None, time_to_live=3600)
    shown = viewer(visible=False)
    with gr.Column(visible=False) as results:
        face = gr.Dropdown(label="Face", visible=False, type="index", elem_id="face")
        points = gr.Dataframe(
            label="Points, in pixels of the photo (uncertainty: of the heatmap; %: of the eyes' distance)",
            interactive=False,
            max_height=640,
            pinned_columns=1,
            elem_id="points",
        )
        with gr.Row():
            saves = [
                gr.DownloadButton(label, size="sm", min_width=110, elem_id=f"save-{kind}")
                for label, kind in (("Picture", "png"), ("JSON", "json"), ("CSV", "csv"), (".pts", "pts"))
            ]
        gr.Markdown("What each model saw: 96 x 96 grey, cropped by its own first answer", elem_classes="caption")
        seen = gr.Image(show_label=False, interactive=False, height=180, elem_id="seen", buttons=[])

    outputs = [status, results, shown, answers, face, points, seen]
    run = functools.partial(_run, models)
    again = functools.partial(_again, models)
    inputs = [photo, asked, whole, truth]

    def save_after(event) -> None:
        event.then(_files, [answers, face], saves, api_visibility="private")

    for event in (photo.change, asked.change, whole.change, truth.change):
        answered = event(run, inputs, outputs, trigger_mode="always_last", api_visibility="private")
        save_after(answered)
    photo.change(None, photo, js=TO_THE_ANSWER)

    wanted.submit(
        functools.partial(_add, models), [wanted, asked, own], [added, asked, own], concurrency_limit=1,
        api_visibility="private",
    )  # fmt: skip

    def drawn(event: gr.EventData, known: Asked | None, names: list[str], truth: str | None):
        return again(told(event, "box"), told(event, "face"), known, names, truth)

    def clicked(event: gr.EventData, known: Asked | None):
        number = told(event, "face")
        if known is None or not isinstance(number, int) or not 0 <= number < len(known.found.boxes):
            return gr.skip(), gr.skip(), gr.skip()
        found = known.found
        return gr.Dropdown(value=_choices(found)[number]), _table(found, number), _seen(found, number)

    save_after(shown.input(drawn, [answers, asked, truth], outputs, api_visibility="private"))
    save_after(shown.select(clicked, answers, [face, points, seen], api_visibility="private"))
    save_after(face.input(_choose, [answers, face], [shown, points, seen], api_visibility="private"))


def _add(models: Models, wanted: str, chosen: list[str], own: list[str]):
    """Handler: (what was said, choice of models, this visitor's models) after a model of the Hub was asked for."""
    try:
        name = models.add(wanted or "")
    except ValueError as error:
        return f"**{error}**", gr.skip(), own
    own = [*(name for name in own if name in models), name]
    chosen = [other for other in chosen if other != name][: MOST - 1]
    choices = list(dict.fromkeys([*models.own, *own]))
    return f"{name} is loaded.", gr.Dropdown(choices=choices, value=[*chosen, name]), own


def _run(models: dict[str, Checkpoint], path: str | None, names: list[str], whole: bool, truth: str | None) -> list:
    """Handler: (status, results, viewer, what is kept, face choice, table, crops) of a photo."""
    if path is None:
        return _nothing(BEGIN)
    return _asked(models, path, names, "whole" if whole else None, truth, 0)


def _again(
    models: dict[str, Checkpoint],
    corners: object,
    face: object,
    known: Asked | None,
    names: list[str],
    truth: str | None,
) -> list:
    """Handler: as `_run`, after a box was drawn (face None) or a face's box corrected: what a browser sent."""
    if known is None:
        return _nothing(BEGIN)
    boxes = list(known.found.boxes)
    if not isinstance(corners, list) or len(corners) != 4 or not all(_is_a_place(value) for value in corners):
        return _nothing("**That is not a box in the photo: draw it again.**")
    box = FaceBox(tuple(map(float, corners)), 1.0)
    if isinstance(face, int) and 0 <= face < len(boxes):
        boxes[face] = box
    elif len(boxes) < MOST_FACES:
        face = len(boxes)
        boxes.append(box)
    else:
        return _nothing(f"**{MOST_FACES} faces are the most that one photo may have here.**")
    return _asked(models, known.path, names, boxes, truth, face)


def _is_a_place(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) < FAR


def _asked(
    models: dict[str, Checkpoint],
    path: str,
    names: list[str],
    boxes: list[FaceBox] | str | None,
    truth: str | None,
    face: int,
) -> list:
    """What the tab shows of models' answers on a photo. boxes: None to find them, or "whole"."""
    if not names:
        return _nothing("Choose a model.")
    if gone := [name for name in names if name not in models]:
        return _nothing(f"**{gone[0]} was added long ago and has made room for other models: add it again.**")
    if not Path(path).exists():
        return _nothing(GONE)
    try:
        photo = read_photo(path)
        known = read_points(truth) if truth else []
    except ValueError as error:
        return _nothing(f"**{error}**")
    if boxes == "whole":
        boxes = [FaceBox((-0.5, -0.5, photo.width - 0.5, photo.height - 0.5), 0.0)]
    try:
        found = compare({name: models[name] for name in names[:MOST]}, photo, boxes, known)
    except ValueError as error:  # a box without a size
        return _nothing(f"**{error}**")
    return _shown(Asked(path, found), photo, face)


def _shown(asked: Asked, photo: Image.Image, face: int) -> list:
    found = asked.found
    stages = ", ".join(f"{stage} {spent:.0f} ms" for stage, spent in found.milliseconds.items())
    if not found.boxes:
        empty = _nothing(f"{NO_FACE} ({stages})")
        empty[2], empty[3] = gr.HTML(_view(found, 0, photo), visible=True), asked
        return empty
    count = "1 face" if len(found.boxes) == 1 else f"{len(found.boxes)} faces"
    matched = sum(truth is not None for truth in found.truth)
    said = f"**{count}**: {stages}." + (f" True points lie on {matched} of them." if matched else "")
    return [
        said,
        gr.Column(visible=True),
        gr.HTML(_view(found, face, photo), visible=True),
        asked,
        gr.Dropdown(choices=_choices(found), value=_choices(found)[face], visible=len(found.boxes) > 1),
        _table(found, face),
        _seen(found, face),
    ]


def _nothing(said: str) -> list:
    empty = gr.Dropdown(choices=[], value=None, visible=False)
    return [said, gr.Column(visible=False), gr.HTML(None, visible=False), None, empty, None, None]


def _choose(asked: Asked | None, face: int | None):
    """Handler: (viewer, table, crops) of another face."""
    if asked is None or face is None:
        return None, None, None
    return _view(asked.found, face), _table(asked.found, face), _seen(asked.found, face)


def _choices(found: Comparison) -> list[str]:
    return [f"{number} of {len(found.boxes)}" for number in range(1, len(found.boxes) + 1)]


def _view(found: Comparison, face: int, photo: Image.Image | None = None) -> dict:
    """The viewer's value; without the photo, the one that it shows stays."""
    models = [
        {"name": name, "faces": [{"box": one.box, "points": one.points, "spread": one.spread} for one in faces]}
        for name, faces in found.answers.items()
    ]
    truth = None
    if any(points is not None for points in found.truth):
        truth = [[None] * 15 if points is None else points for points in found.truth]
    return view(photo, models, truth, face, size=(found.width, found.height))


def _table(found: Comparison, face: int) -> Styler:
    return points_table(found, face).style.format(precision=1, na_rep="")


def _seen(found: Comparison, face: int) -> Image.Image:
    """The crops that the models saw, next to each other in the models' order."""
    crops = [Image.fromarray(faces[face].seen).resize((192, 192)) for faces in found.answers.values()]
    row = Image.new("L", (200 * len(crops) - 8, 192), 255)
    for number, crop in enumerate(crops):
        row.paste(crop, (200 * number, 0))
    return row


def _files(asked: Asked | None, face: int | None) -> list:
    """Handler: the files (png, json, csv, pts) of the answers; the .pts is the last model's, of this face."""
    if asked is None or not asked.found.boxes or not Path(asked.path).exists():
        return [None] * 4
    found, folder = asked.found, new_folder()
    _drawn(read_photo(asked.path), found).save(folder / "keypoints.png")
    (folder / "keypoints.json").write_text(json.dumps(found.to_json(), indent=2))
    rows = [
        ("photo", number, name, one.points)
        for name, faces in found.answers.items()
        for number, one in enumerate(faces, 1)
    ]
    to_table(rows).to_csv(folder / "keypoints.csv", index=False)
    last = list(found.answers)[-1]
    pts = folder / f"keypoints-{last.replace('/', '--')}.pts"
    pts.write_text(to_pts(found.answers[last][face or 0].points))
    return [*(str(folder / f"keypoints.{kind}") for kind in ("png", "json", "csv")), str(pts)]


def _drawn(photo: Image.Image, found: Comparison) -> Image.Image:
    """The photo with all answers; made anew from its pixels, so it carries nothing else of the file."""
    longest = max(photo.size)
    scale = min(max(longest, LEAST_PX), MOST_PX) / longest
    drawn = photo.resize([max(1, round(side * scale)) for side in photo.size])
    for colour, faces in zip(COLOURS, found.answers.values(), strict=False):
        drawn = draw_points(drawn, [(one.points + 0.5) * scale - 0.5 for one in faces], colour)
    return drawn
