"""The Compare tab: up to four models on one photo."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.errors import FkdError
from fkd.files import markdown
from fkd.page.answers import (
    BEGIN,
    Answered,
    Options,
    View,
    answer_again,
    answer_box,
    answer_photo,
    answer_points,
    status_of,
)
from fkd.page.browser import PRIVATE, Update
from fkd.page.components import Photo, Viewer
from fkd.page.detectors import by_error
from fkd.page.guard import MALFORMED, event_value, handler
from fkd.page.uploads import MAX_AGE, page_folder
from fkd.page.viewer import MAX_MODELS, Scores
from fkd.photo.decoder import read_apart
from fkd.photo.detector import Detector
from fkd.photo.finder import find_faces

THUMBNAIL = 120  # px of an example's button
TRUE_POINTS = "A .pts file with 15 or 68 points, or a .csv or .json file from this page or `fkd predict`."
TO_THE_ANSWER = "() => window.fkd.toAnswer()"  # on a phone it may be below the visible part
SENT_PHOTO = "(photo, ...options) => [window.fkd.sent('compare'), ...options]"
KEPT_PHOTO = "async () => [await window.fkd.keptPhoto()]"  # the latest of this browser session, for a reload
LAST: dict[str, Any] = PRIVATE | {"trigger_mode": "always_last"}  # by default Gradio drops later events


class CompareTab:
    """The tab, built inside `page`; it opens with the answer on the first of the example photos.

    tested: the results of the detectors on the first benchmark.
    """

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        examples: Sequence[Path],
        page: gr.Blocks,
        tabs: gr.Tabs,
        tested: Scores,
    ):
        self.detectors, self.examples, self.tested = detectors, examples, tested
        self.first = sorted(by_error(detectors), key=lambda name: name != "fcnn")[:2]  # fcnn and the best of the others
        files = page_folder()
        landing = View(BEGIN)
        if examples:
            landing = answer_photo(detectors, str(examples[0]), Options(self.first), zoomed=True, folder=files)
        self._place_photo(landing, [[_thumbnail(path, files)] for path in examples])
        self._place_options()
        self.outputs = [self.status, self.viewer, self.answered]
        self.options = [self.models, self.whole, self.truth]  # in the order of `Options`
        self._connect_photos(page, tabs)
        self._connect_options()

    def _place_photo(self, landing: View, thumbnails: list[list[str]]) -> None:
        with gr.Row(elem_id="strip"):
            self.choose = gr.Button(
                "Your photo", variant="primary", size="sm", min_width=100, scale=0, elem_id="choose"
            )
            self.open_camera = gr.Button("Camera", size="sm", min_width=80, scale=0, elem_id="open-camera")
            self.tried = gr.Dataset(
                label="Or try", components=["image"], samples=thumbnails, type="index", layout="gallery",
                visible=bool(thumbnails), elem_id="examples",
            )  # fmt: skip
        self.photo = Photo(type="filepath", visible=False)
        self.sent = gr.Button(visible="hidden", elem_id="sent")  # clicked by page.js, which sends photos
        self.status = gr.Markdown(landing.status, elem_id="status")
        self.answered = gr.State(landing.answered, time_to_live=MAX_AGE)
        self.viewer = Viewer(landing.picture(self.tested), visible=landing.answered is not None)

    def _place_options(self) -> None:
        with gr.Accordion("Models and options", open=False, elem_id="more"):
            self.models = gr.Dropdown(
                list(self.detectors), value=self.first, multiselect=True, max_choices=MAX_MODELS,
                label=f"Models, up to {MAX_MODELS}", elem_id="models",
            )  # fmt: skip
            with gr.Row():
                self.truth = gr.File(
                    label="True points, if known", file_types=[".pts", ".csv", ".json"], height=170, min_width=280,
                    elem_id="truth",
                )  # fmt: skip
                with gr.Column(min_width=280):
                    self.whole = gr.Checkbox(False, label="The whole photo is one face (a crop)", elem_id="whole")
                    gr.Markdown(TRUE_POINTS, elem_classes="caption")

    def _connect_photos(self, page: gr.Blocks, tabs: gr.Tabs) -> None:
        stems = json.dumps([path.stem for path in self.examples])
        self.choose.click(None, js="() => window.fkd.choosePhoto()")
        self.tried.click(None, self.tried, js=f"number => {{ window.fkd.keepPhoto(null, {stems}[number]); }}")
        sent, tried = [self.photo, *self.options], [self.tried, *self.options]
        self.sent.click(self._answer, sent, self.outputs, js=SENT_PHOTO, **LAST).then(None, js=TO_THE_ANSWER)
        self.tried.click(self._try_example, tried, self.outputs, **LAST).then(None, js=TO_THE_ANSWER)
        is_phone = gr.Checkbox(visible=False)
        self.open_camera.click(_open_live, is_phone, tabs, js="() => window.fkd.phoneCamera()", **PRIVATE)
        page.load(self._open_view, self.photo, [self.models, *self.outputs], js=KEPT_PHOTO, **PRIVATE)

    def _connect_options(self) -> None:
        answered = [self.answered, *self.options]
        # `input` misses a model removed by the keyboard.
        self.models.change(self._change_models, answered, self.outputs, **LAST)
        self.truth.change(self._answer_again, answered, self.outputs, **LAST)
        self.whole.input(self._find_again, answered, self.outputs, **LAST)
        # One after the other: each box is drawn on top of the earlier ones.
        self.viewer.input(self._change_boxes, answered, self.outputs, trigger_mode="multiple", **PRIVATE)
        models = f"names.join() === {json.dumps(','.join(self.first))} ? null : names.join()"
        self.models.change(None, self.models, js=f"names => {{ window.fkd.remember({{models: {models}}}, true); }}")

    def _show(self, view: View) -> Update:
        """Fill the outputs."""
        picture = view.picture(self.tested)
        return {
            self.status: view.status,
            self.viewer: Viewer(picture, visible=picture is not None),
            self.answered: view.answered,
        }

    def _show_or_explain(self, answer: Callable[[], View]) -> Update:
        """Fill the outputs; after a mistake of the visitor only the status line changes."""
        try:
            return self._show(answer())
        except FkdError as error:
            return {self.status: f"**{markdown(error)}**"}

    @handler
    def _answer(self, path: str | None, *options: Any) -> Update:
        return self._show(answer_photo(self.detectors, path, Options(*options)))

    @handler
    def _try_example(self, number: object, *options: Any) -> Update:
        """Answer an example; Gradio passes on any number from a browser."""
        if type(number) is not int or not 0 <= number < len(self.examples):
            raise FkdError(MALFORMED)
        return self._show(answer_photo(self.detectors, str(self.examples[number]), Options(*options), zoomed=True))

    @handler
    def _answer_again(self, answered: Answered | None, *options: Any) -> Update:
        return self._show_or_explain(lambda: answer_again(self.detectors, answered, Options(*options)))

    @handler
    def _change_models(self, answered: Answered | None, names: list[str], *options: Any) -> Update:
        """Answer the same faces with other models, unless the page changed the choice to match its answer."""
        if answered and names and list(answered.comparison.answers) == names:
            return {self.status: status_of(answered.comparison)}
        return self._show_or_explain(lambda: answer_again(self.detectors, answered, Options(names, *options)))

    @handler
    def _find_again(self, answered: Answered | None, *options: Any) -> Update:
        return self._show(answer_photo(self.detectors, answered.path if answered else None, Options(*options)))

    @handler
    def _change_boxes(self, event: gr.EventData, answered: Answered | None, *options: Any) -> Update:
        corners, face, points = (event_value(event, name) for name in ("box", "face", "points"))
        if points is not None:
            return self._show_or_explain(lambda: answer_points(points, face, answered))
        return self._show_or_explain(lambda: answer_box(self.detectors, corners, face, answered, Options(*options)))

    @handler
    def _open_view(self, photo: str | None, request: gr.Request) -> Update:
        """Show the view in the URL, ?example=NAME&models=A,B, or the photo of this browser session."""
        listed = dict.fromkeys(str(request.query_params.get("models", "")).split(","))
        names = [name for name in listed if name in self.detectors][:MAX_MODELS] or self.first
        example = next((path for path in self.examples if path.stem == request.query_params.get("example")), None)
        if not (photo or example or names != self.first):
            return {self.status: gr.skip()}
        path = photo or next((str(path) for path in (example, *self.examples) if path), None)
        view = answer_photo(self.detectors, path, Options(names), zoomed=not photo)
        return {self.models: names} | self._show(view)


@handler
def _open_live(is_phone: bool) -> Any:
    """Open the Live tab, unless the phone's own camera has been opened."""
    return gr.skip() if is_phone else gr.Tabs(selected="live")


def _thumbnail(path: Path, folder: Path) -> str:
    """Write the face of an example, small, for its button."""
    photo = read_apart(path)
    for face in find_faces(photo)[:1]:
        left, top, right, bottom = map(round, face.box)
        photo = photo.crop((left, top, right, bottom))
    photo.thumbnail((THUMBNAIL, THUMBNAIL))
    small = folder / f"{path.stem}-small.jpg"
    photo.save(small, quality=85)
    return str(small)
