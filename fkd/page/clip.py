"""The Clip tab: up to two models on a clip, which plays with their points on each frame."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.clip.apart import MAX_SECONDS, track_apart
from fkd.errors import FkdError, require
from fkd.page.answers import CHOOSE
from fkd.page.batch import status_html
from fkd.page.browser import PRIVATE, Update
from fkd.page.components import ClipPlayer, Photo
from fkd.page.detectors import by_error
from fkd.page.guard import MAX_FILE_BYTES, handler, pick
from fkd.page.uploads import address, new_folder
from fkd.photo.detector import Detector

SENT_CLIP = "(clip, models) => [window.fkd.sent('clip'), models]"
MAX_MODELS = 2
INTERVAL = 0.5  # s between reports of progress
INTRODUCTION = f"""How steady are two models on a moving face, and where do they disagree? Choose a clip of up to
{MAX_SECONDS} seconds and {MAX_FILE_BYTES / 1e6:.0f} MB. It and all files made from it are deleted within the hour."""


def clip_tab(detectors: Mapping[str, Detector]) -> None:
    """Build the tab, or say what it lacks."""
    try:
        require("av", extra="clips")
    except FkdError as error:
        gr.Markdown(f"Clips cannot be read here: {error}.")
        return
    gr.Markdown(INTRODUCTION)
    names = sorted(by_error(detectors), key=lambda name: name != "fcnn")  # fcnn and the best of the others
    with gr.Row(elem_id="clip-strip"):
        choose = gr.Button("Your clip", variant="primary", size="sm", min_width=90, scale=0, elem_id="clip-choose")
        again = gr.Button("Track again", size="sm", min_width=110, scale=0, elem_id="clip-again")
        stop = gr.Button("Cancel", size="sm", min_width=80, scale=0, interactive=False, elem_id="clip-stop")
        models = gr.Dropdown(
            names, value=names[:MAX_MODELS], multiselect=True, max_choices=MAX_MODELS,
            label=f"Models, up to {MAX_MODELS}", min_width=260, scale=1, elem_id="clip-models",
        )  # fmt: skip
    status = gr.HTML(padding=False, elem_id="clip-status", elem_classes="running")
    player = ClipPlayer()
    clip = Photo(type="filepath", visible=False)
    sent = gr.Button(visible="hidden", elem_id="clip-sent")  # clicked by page.js, which sends clips
    running: set[str | None] = set()  # sessions; that of one that is removed ends within seconds

    def begin(request: gr.Request) -> Update:
        running.add(request.session_hash)
        return {status: status_html(text="Waiting for its turn")} | buttons(True)  # one clip is tracked at a time

    def answer(path: str | None, names: list[str], request: gr.Request) -> Iterator[Update]:
        chosen = [pick(detectors, name) for name in dict.fromkeys(names or [])][:MAX_MODELS]
        for said, value in answer_clip(path, chosen, lambda: request.session_hash in running):
            yield {status: said} | ({player: value} if value else {})

    def buttons(busy: bool) -> Update:
        parts = {choose: not busy, again: not busy, stop: busy}
        return {part: gr.Button(interactive=active) for part, active in parts.items()}

    def cancel(request: gr.Request) -> None:
        running.discard(request.session_hash)

    choose.click(None, js="() => window.fkd.choosePhoto(false, 'video/*,.mkv,.mxf')")
    # The buttons come back whatever happens to the clip.
    gr.on([sent.click, again.click], handler(begin), None, [status, choose, again, stop], **PRIVATE).then(
        handler(answer), [clip, models], [status, player], js=SENT_CLIP, show_progress="hidden", **PRIVATE
    ).then(handler(lambda: buttons(False)), None, [choose, again, stop], queue=False, **PRIVATE)
    stop.click(handler(cancel), queue=False, **PRIVATE)


def answer_clip(
    path: str | None, detectors: Sequence[Detector], goes_on: Callable[[], bool]
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield what to say, about twice a second, and at the end the player's value, until `goes_on` returns False."""
    folder, value, shown = new_folder(), None, 0.0
    try:
        if not path or not detectors:
            raise FkdError(CHOOSE if path else "Choose a clip first.")
        for step in track_apart(Path(path), detectors, folder):
            if not goes_on():
                raise FkdError("Cancelled.")
            if "answer" in step:
                value = step | {"folder": address(folder)}
                yield "", value
            elif time.monotonic() - shown >= INTERVAL:
                yield status_html(**step), None
                shown = time.monotonic()
    except FkdError as error:
        yield status_html(refused=error), None
    finally:
        if not value:
            shutil.rmtree(folder, ignore_errors=True)
