"""The tab where one model, or two beside each other, follow a face in the camera's picture."""

import functools
import html
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import gradio as gr
from PIL import Image

from fkd.page.guard import as_frame, pick
from fkd.page.own import Own
from fkd.photo.colours import distinct
from fkd.photo.detector import Detector
from fkd.photo.draw import draw_points
from fkd.photo.face import Face
from fkd.photo.finder import find_faces, glance
from fkd.photo.predict import find_confirmed_faces, follow, surest
from fkd.photo.reading import read_photo

INTRODUCTION = """The points follow the largest face. Frames are sent only while this tab is
open, two minutes at most."""
NONE = "none"
LONGEST = 480  # px: frames are shrunk to it
HEIGHT = 480  # px, of the picture
EVERY, LIMIT = 0.08, 120  # s between two frames at best; of one run
FULL = 10  # of this many frames in a row without a face, one is looked at in every way, and the others at a glance
LATEST = 12  # frames over which the rate is taken
MOST_MEGAPIXELS = 9  # of a frame: a camera of 4K has 8.3
MOST = 20  # runs at once: one whose visitor has left holds its place until LIMIT


@dataclass(frozen=True)
class Followed:
    """What the last frames showed.

    face: the one followed, if any. misses: frames in a row without one. times: when the latest ones were answered, s.
    """

    face: Face | None = None
    misses: int = 0
    times: tuple[float, ...] = ()


def live_tab(detectors: Own) -> None:
    """Builds the tab."""
    first, *others = detectors.by_error()
    second = "fcnn" if "fcnn" in others else next(iter(others), NONE)
    gr.Markdown(INTRODUCTION)
    with gr.Row(elem_id="live-models"):
        one = gr.Dropdown(list(detectors), value=first, label="Model", elem_id="live-model")
        two = gr.Dropdown([NONE, *detectors], value=second, label="Beside it", elem_id="live-second")
    status = gr.HTML("<p>The camera is off.</p>", padding=False, elem_id="live-status")
    with gr.Column(elem_id="live-stage"):  # the points lie over the camera's own picture
        camera = gr.Image(
            label="Camera", show_label=False, sources=["webcam"], type="filepath", streaming=True, height=HEIGHT,
            webcam_options=gr.WebcamOptions(mirror=False), elem_id="camera",
        )  # fmt: skip
        as_frame(camera)
        drawn = gr.Image(
            label="Points", show_label=False, interactive=False, format="jpeg", height=HEIGHT, elem_id="live",
            buttons=[],
        )  # fmt: skip
    followed = gr.State(Followed(), time_to_live=600)
    camera.stream(
        functools.partial(_frame, detectors), [camera, one, two, followed], [drawn, status, followed],
        stream_every=EVERY, time_limit=LIMIT, concurrency_limit=MOST, show_progress="hidden", api_visibility="private",
    )  # fmt: skip


def _frame(
    detectors: Mapping[str, Detector], frame: str | BinaryIO | None, one: str, two: str, before: Followed | None
) -> tuple[Any, str, Followed]:
    """Handler: (drawn frame, what is seen as HTML, what is followed) of the camera's next frame."""
    before = before or Followed()
    if frame is None:
        return None, "", Followed()
    chosen = [pick(detectors, name) for name in dict.fromkeys((one, two)) if name != NONE or name == one]
    try:
        photo = read_photo(frame, "the frame", MOST_MEGAPIXELS)
    except ValueError as error:
        return None, f"<p>{html.escape(str(error))}</p>", Followed()
    photo.thumbnail((LONGEST, LONGEST))
    faces = _faces(chosen, photo, before)
    times = (*before.times[-LATEST:], time.perf_counter())
    colours = distinct([detector.colour for detector in chosen])
    for face, colour in zip(faces, colours, strict=False):
        photo = draw_points(photo, [face.points], colour)
    after = Followed(surest(faces), 0, times) if faces else Followed(None, before.misses + 1, times)
    return photo, _status(chosen, colours, after), after


def _faces(detectors: Sequence[Detector], photo: Image.Image, before: Followed) -> list[Face]:
    """The face that is followed, or found anew, by each detector; an empty list where none is seen."""
    if before.face and (faces := follow(detectors, photo, before.face)):
        return faces
    find = find_faces if before.misses % FULL == FULL - 1 else glance
    boxes = find_confirmed_faces(detectors, photo, find)[:1]  # the largest comes first
    faces = [detector.on_photos([photo], [box])[0] for box in boxes for detector in detectors]
    return faces if faces and surest(faces).doubt < math.inf else []


def _status(detectors: Sequence[Detector], colours: Sequence[str], seen: Followed) -> str:
    names = "".join(
        f'<span class="model"><i style="background:{colour}"></i>{html.escape(detector.name)}</span>'
        for detector, colour in zip(detectors, colours, strict=True)
    )
    text = "A face is followed." if seen.face else "No face is seen."
    if len(seen.times) > 1:
        rate = (len(seen.times) - 1) / max(seen.times[-1] - seen.times[0], 1e-3)
        text += f" {rate:.0f} frames a second."
    return f'<p>{names}<span class="now">{text}</span></p>'
