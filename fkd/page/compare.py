"""The tab where two to four models answer on one photo."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.page.answers import (
    BEGIN,
    CHOOSE,
    Answered,
    View,
    Wishes,
    answer_again,
    answer_box,
    answer_photo,
    face_choices,
    face_crops,
    face_table,
    picture_of,
    status_of,
)
from fkd.page.downloads import download_row
from fkd.page.guard import NOT_FITTING, as_path, told
from fkd.page.uploads import new_folder, stays
from fkd.page.viewer import MOST_MODELS, view, viewer
from fkd.page.visitors import Detectors
from fkd.photo.reading import PHOTOS, read_photo

FINDING = "Finding the keypoints ..."
THUMBNAIL = 120  # px of an example's button
ADDED = "Any model that `fkd push` published. Its files are checked before they are read; none can run code."
TRUE_POINTS = "True points: a .pts of 15 or 68 points, a .csv or a .json as this page and `fkd predict` write them."
CROPS = (
    "What each model sees of the face: a small grey picture, cut out so that eyes and mouth lie where it expects them."
)
# An answer on a phone may lie below what is seen: it is brought there.
TO_THE_ANSWER = "() => window.fkd.toAnswer()"
KEEP_PHOTO = "photo => { window.fkd.keepPhoto(photo); }"
# What a reload finds: the photo of this browser session, if the server still has it.
KEPT_PHOTO = "async (...given) => [await window.fkd.keptPhoto(), ...given.slice(1)]"


def compare_tab(detectors: Detectors, examples: Sequence[Path], page: gr.Blocks) -> Callable[[], None]:
    """Builds the tab, inside `page`. examples: photos to try.

    Returns what answers on the first example: who opens the page later finds the answer in it. Who was faster sees the
    photo, and the answer as soon as it is there.
    """
    names = list(detectors.own)
    first = [name for name in names if name == "fcnn"]
    chosen = [*first, *(name for name in detectors.own.by_error() if name not in first)][:2]
    begin = _unanswered(examples[0], {name: detectors.own.colours[name] for name in chosen}) if examples else None

    @functools.cache
    def landing() -> View:
        return answer_photo(detectors, str(examples[0]), Wishes(chosen), zoomed=True)

    with gr.Row(elem_id="strip"):
        photo = gr.UploadButton(
            "Your photo", file_types=list(PHOTOS), variant="primary", size="sm", min_width=100, scale=0, elem_id="photo"
        )
        open_camera = gr.Button("Camera", size="sm", min_width=80, scale=0, elem_id="open-camera")
        tried = gr.Dataset(
            label="Or try", components=["image"], samples=[[_thumbnail(path)] for path in examples],
            type="index", elem_id="examples", visible=bool(examples), layout="gallery",
        )  # fmt: skip
    with gr.Column(visible=False) as studio:
        camera = gr.Image(
            label="Camera", sources=["webcam"], type="filepath", height=300, elem_id="camera-photo",
            webcam_options=gr.WebcamOptions(mirror=False),
        )  # fmt: skip
    as_path(camera)
    camera_shown = gr.State(False)
    status = gr.Markdown(FINDING if begin else BEGIN, elem_id="status")
    answered = gr.State(None, time_to_live=3600)
    shown = viewer(value=begin, visible=begin is not None)
    with gr.Accordion("Models and options", open=False, elem_id="more"):
        with gr.Row():
            asked = gr.Dropdown(
                names, value=chosen, multiselect=True, max_choices=MOST_MODELS, label=f"Models, up to {MOST_MODELS}",
                elem_id="models", min_width=280,
            )  # fmt: skip
            wanted = gr.Textbox(
                label="Add a Hub model", placeholder="user/repo", max_lines=1, submit_btn="Add", min_width=280,
                html_attributes=gr.InputHTMLAttributes(autocapitalize="off", autocorrect="off", spellcheck=False),
                elem_id="wanted",
            )  # fmt: skip
        added = gr.Markdown(ADDED, elem_id="added", elem_classes="caption")
        own = gr.State([], time_to_live=3600)  # what this visitor added: nobody chooses names for others
        with gr.Row():
            truth = gr.File(
                label="True points, if known", file_types=[".pts", ".csv", ".json"], height=170, elem_id="truth",
                min_width=280,
            )  # fmt: skip
            with gr.Column(min_width=280):
                whole = gr.Checkbox(False, label="The whole photo is one face (a crop)", elem_id="whole")
                precise = gr.Checkbox(False, label="Precise: several crops of each face, slower", elem_id="precise")
                gr.Markdown(TRUE_POINTS, elem_classes="caption")
    with gr.Column(visible=begin is not None) as details:  # where it will be, so that nothing jumps
        face = gr.Dropdown([], label="Face", visible=False, type="index", elem_id="face")
        with gr.Accordion("Points and files", open=False, elem_id="details"):
            points = gr.Dataframe(
                label="Points (apart and errors in % of the eye distance; the rest in pixels of the photo)",
                interactive=False, max_height=640, pinned_columns=1, elem_id="points",
            )  # fmt: skip
            download_row(answered, face)
            gr.Markdown(CROPS, elem_classes="caption")
            crops = gr.Image(show_label=False, interactive=False, height=180, elem_id="seen", buttons=[])
    outputs = [status, details, shown, answered, face, points, crops]

    # Functions of their own: Gradio gives an event or a request only to those that ask for it, not to a partial.
    def answer(path: str | None, *given: Any) -> list[Any]:
        return answer_photo(detectors, path, Wishes(*given)).outputs()

    def try_example(number: object, *given: Any) -> list[Any]:
        if type(number) is not int or not 0 <= number < len(examples):  # Gradio passes on what a browser sent
            raise gr.Error(NOT_FITTING, print_exception=False)
        return answer_photo(detectors, str(examples[number]), Wishes(*given), zoomed=True).outputs()

    def answer_same(answered: Answered | None, *given: Any) -> list[Any]:
        return answer_again(detectors, answered, Wishes(*given)).outputs()

    def change_models(answered: Answered | None, said: str, names: list[str], *given: Any) -> list[Any]:
        # The page itself changes them too, as it opens with an answer of theirs.
        if answered and list(answered.comparison.answers) == names and said != CHOOSE:
            return [gr.skip()] * len(outputs)
        return answer_same(answered, names, *given)

    def find_again(answered: Answered | None, *given: Any) -> list[Any]:
        return answer_photo(detectors, answered.path if answered else None, Wishes(*given)).outputs()

    def draw(event: gr.EventData, answered: Answered | None, *given: Any) -> list[Any]:
        return answer_box(detectors, told(event, "box"), told(event, "face"), answered, Wishes(*given)).outputs()

    def open_view(photo: str | None, said: str, request: gr.Request) -> list[Any]:
        """The view that the address asks for, ?example=NAME&models=A,B, or the photo of this browser session."""
        listed = dict.fromkeys(str(request.query_params.get("models", "")).split(","))
        wishes = Wishes([name for name in listed if name in names][:MOST_MODELS] or chosen)
        example = next((path for path in examples if path.stem == request.query_params.get("example")), None)
        if photo or example or wishes.names != chosen:
            path = photo or str(example or (examples[0] if examples else ""))
            return [wishes.names, *answer_photo(detectors, path, wishes, zoomed=not photo).outputs()]
        return [gr.skip(), *(landing().outputs() if said == FINDING else [gr.skip()] * len(outputs))]

    def add(wanted: str, chosen: list[str], own: list[str]) -> tuple[str, Any, list[str]]:
        return _add(detectors, wanted, chosen, own)

    wishes = [asked, whole, truth, precise]  # in the order of `Wishes`
    private: dict[str, Any] = {"api_visibility": "private"}
    photo.upload(None, photo, js=KEEP_PHOTO)
    last: dict[str, Any] = private | {"trigger_mode": "always_last"}  # else Gradio drops what comes meanwhile
    photo.upload(answer, [photo, *wishes], outputs, **last).then(None, js=TO_THE_ANSWER)
    camera.change(None, camera, js="photo => { if (photo) window.fkd.keepPhoto(photo); }")
    camera.change(answer, [camera, *wishes], outputs, **last).then(None, js=TO_THE_ANSWER)
    stems = json.dumps([path.stem for path in examples])
    tried.click(None, tried, js=f"number => {{ window.fkd.keepPhoto(null, {stems}[number]); }}")
    tried.click(try_example, [tried, *wishes], outputs, **last).then(None, js=TO_THE_ANSWER)
    # `input` misses a model that is taken away by the keyboard.
    asked.change(change_models, [answered, status, *wishes], outputs, **last)
    for event, handler in ((truth.change, answer_same), (precise.input, answer_same), (whole.input, find_again)):
        event(handler, [answered, *wishes], outputs, **last)
    usual = json.dumps(",".join(chosen))
    named = f"names.join(',') === {usual} ? null : names.join(',')"
    asked.change(None, asked, js=f"names => {{ window.fkd.remember({{models: {named}}}, true); }}")
    open_camera.click(_toggle_camera, camera_shown, [studio, camera_shown, open_camera], **private)
    # One after the other: each box drawn is on top of those before.
    shown.input(draw, [answered, *wishes], outputs, trigger_mode="multiple", **private)
    shown.select(_click, answered, [status, face, points, crops], **last)
    face.input(_choose, [answered, face], [status, shown, points, crops], **last)
    wanted.submit(add, [wanted, asked, own], [added, asked, own], concurrency_limit=1, **private)
    page.load(open_view, [photo, status], [asked, *outputs], js=KEPT_PHOTO, **private)

    def answer_first() -> None:
        if not examples:
            return
        # A component made of the same value has it as a browser is sent it.
        for part, new in zip(outputs, landing().outputs(), strict=True):
            made = new if isinstance(new, gr.blocks.Block) else type(part)(new)
            for name in ("value", "visible", "choices"):
                if hasattr(made, name):
                    setattr(part, name, getattr(made, name))
            if isinstance(part, gr.Image) and isinstance(part.value, dict):
                stays(Path(part.value["path"]))  # as long as the page is served
        page.config = page.get_config_file()

    return answer_first


def _unanswered(path: Path, colours: Mapping[str, str]) -> dict[str, Any]:
    """The viewer's value of a photo that no detector has answered on yet. colours: of the detectors, by name."""
    photo = read_photo(path)
    models = [{"name": name, "colour": colour, "faces": []} for name, colour in colours.items()]
    return view(photo, models, [], [], 0, photo.size)


def _thumbnail(path: Path) -> str:
    """A small copy of an example, for its button."""
    photo = read_photo(path)
    photo.thumbnail((THUMBNAIL, THUMBNAIL))
    small = new_folder() / f"{path.stem}.jpg"
    photo.save(small, quality=85)
    return str(small)


def _toggle_camera(shown: bool) -> tuple[Any, bool, Any]:
    """Handler: (the camera's column, whether it is shown, its button)."""
    return gr.Column(visible=not shown), not shown, gr.Button("Camera" if shown else "Close the camera")


def _add(detectors: Detectors, wanted: str, chosen: list[str], own: list[str]) -> tuple[str, Any, list[str]]:
    """Handler: (what was said, choice of models, this visitor's models) after a Hub model was asked for."""
    try:
        name = detectors.add(wanted or "")
    except ValueError as error:
        return f"**{error}**", gr.skip(), own
    own = [*(name for name in own if name in detectors), name]
    chosen = [other for other in chosen if other != name][: MOST_MODELS - 1]
    choices = list(dict.fromkeys([*detectors.own, *own]))
    return f"{name} is loaded.", gr.Dropdown(choices=choices, value=[*chosen, name]), own


def _click(event: gr.EventData, answered: Answered | None) -> tuple[Any, Any, Any, Any]:
    """Handler: (status, choice of face, table, crops) after a click on a face in the viewer, which shows it already."""
    number = told(event, "face")
    if answered is None or type(number) is not int or not 0 <= number < len(answered.comparison.boxes):
        return gr.skip(), gr.skip(), gr.skip(), gr.skip()
    comparison = answered.comparison
    face = gr.Dropdown(value=face_choices(comparison)[number])
    return status_of(comparison, number), face, face_table(comparison, number), face_crops(comparison, number)


def _choose(answered: Answered | None, face: int | None) -> tuple[Any, Any, Any, Any]:
    """Handler: (status, viewer, table, crops) of another face."""
    if answered is None or face is None:
        return BEGIN, None, None, None
    comparison = answered.comparison
    picture, table, crops = picture_of(comparison, face), face_table(comparison, face), face_crops(comparison, face)
    return status_of(comparison, face), picture, table, crops
