"""The tab where two to four models answer on one photo."""

from pathlib import Path
from typing import Any

import gradio as gr

from fkd.page.answers import (
    BEGIN,
    Answered,
    answer_box,
    answer_photo,
    face_choices,
    face_crops,
    face_table,
    picture_of,
)
from fkd.page.downloads import download_row
from fkd.page.guard import as_path, told
from fkd.page.viewer import MOST_MODELS, viewer
from fkd.page.visitors import Detectors
from fkd.photo.detector import by_error

ADDED = "Any model that `fkd push` published. Its files are checked before they are read; none can run code."
TO_THE_ANSWER = """photo => {
    if (photo && window.innerWidth < 700) document.querySelector('#status').scrollIntoView({behavior: 'smooth'});
}"""


def compare_tab(detectors: Detectors, examples: list[Path]) -> None:
    """Builds the tab. examples: photos to try."""
    names = list(detectors.own)
    first = [name for name in names if name == "fcnn"]
    chosen = [*first, *(name for name in by_error(detectors.own) if name not in first)][:2]
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
            if examples:
                gr.Examples([[str(path)] for path in examples], [photo], label="No photo at hand?")
        with gr.Column(scale=2, min_width=280):
            asked = gr.Dropdown(
                names, value=chosen, multiselect=True, max_choices=MOST_MODELS, label=f"Models, up to {MOST_MODELS}",
                elem_id="models",
            )  # fmt: skip
            with gr.Accordion("More options", open=False, elem_id="more"):
                whole = gr.Checkbox(False, label="The whole photo is one face (skip finding faces)", elem_id="whole")
                truth = gr.File(
                    label="True points, if known: .pts (15 or 68), .csv or .json", file_types=[".pts", ".csv", ".json"],
                    height=90, elem_id="truth",
                )  # fmt: skip
                wanted = gr.Textbox(
                    label="Add a Hub model", placeholder="user/repo", max_lines=1, submit_btn="Add",
                    html_attributes=gr.InputHTMLAttributes(autocapitalize="off", autocorrect="off", spellcheck=False),
                    elem_id="wanted",
                )  # fmt: skip
                added = gr.Markdown(ADDED, elem_id="added", elem_classes="caption")
                own = gr.State([], time_to_live=3600)  # what this visitor added: nobody chooses names for others
    status = gr.Markdown(BEGIN, elem_id="status")
    answered = gr.State(None, time_to_live=3600)
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
        download_row(answered, face)
        gr.Markdown("What each model saw: 96 x 96 grey, cropped by its own first answer", elem_classes="caption")
        crops = gr.Image(show_label=False, interactive=False, height=180, elem_id="seen", buttons=[])
    outputs = [status, results, shown, answered, face, points, crops]

    # Functions of their own: Gradio names an event's endpoint by its function, and gives an event only to those that
    # ask for it.
    def answer(photo: str | None, names: list[str], whole: bool, truth: str | None) -> list[Any]:
        return answer_photo(detectors, photo, names, whole, truth).outputs()

    def draw(event: gr.EventData, answered: Answered | None, names: list[str], truth: str | None) -> list[Any]:
        return answer_box(detectors, told(event, "box"), told(event, "face"), answered, names, truth).outputs()

    def add(wanted: str, chosen: list[str], own: list[str]) -> tuple[str, Any, list[str]]:
        return _add(detectors, wanted, chosen, own)

    for event in (photo.change, asked.change, whole.change, truth.change):
        event(answer, [photo, asked, whole, truth], outputs, trigger_mode="always_last", api_visibility="private")
    photo.change(None, photo, js=TO_THE_ANSWER)
    shown.input(draw, [answered, asked, truth], outputs, api_visibility="private")
    shown.select(_click, answered, [face, points, crops], api_visibility="private")
    face.input(_choose, [answered, face], [shown, points, crops], api_visibility="private")
    wanted.submit(add, [wanted, asked, own], [added, asked, own], concurrency_limit=1, api_visibility="private")


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


def _click(event: gr.EventData, answered: Answered | None) -> tuple[Any, Any, Any]:
    """Handler: (choice of face, table, crops) after a click on a face in the viewer, which shows it already."""
    number = told(event, "face")
    if answered is None or not isinstance(number, int) or not 0 <= number < len(answered.comparison.boxes):
        return gr.skip(), gr.skip(), gr.skip()
    comparison = answered.comparison
    chosen = gr.Dropdown(value=face_choices(comparison)[number])
    return chosen, face_table(comparison, number), face_crops(comparison, number)


def _choose(answered: Answered | None, face: int | None) -> tuple[Any, Any, Any]:
    """Handler: (viewer, table, crops) of another face."""
    if answered is None or face is None:
        return None, None, None
    comparison = answered.comparison
    return picture_of(comparison, face), face_table(comparison, face), face_crops(comparison, face)
