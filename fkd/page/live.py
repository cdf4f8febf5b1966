"""The Live tab: one or two models track a face in the camera's picture."""

import functools
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import gradio as gr
from PIL import Image

from fkd.errors import FkdError
from fkd.page.components import Frame
from fkd.page.detectors import LazyDetectors
from fkd.page.guard import handler, pick
from fkd.photo.colours import distinct
from fkd.photo.decoder import read_apart
from fkd.photo.detector import Detector
from fkd.photo.draw import draw_points
from fkd.photo.face import Face
from fkd.photo.finder import find_faces, glance
from fkd.photo.predict import find_confirmed_faces, follow, surest

INTRODUCTION = """The points follow the largest face. Frames are sent only while this tab is
open, two minutes at most."""
NONE = "none"
MAX_SIDE = 480  # px: frames are shrunk to it
HEIGHT = 480  # px, of the picture
INTERVAL, TIME_LIMIT = 0.08, 120  # s between frames, and of one run
FULL = 10  # without a face, one frame in this many gets the thorough search, the others the quick one
MAX_MEGAPIXELS = 9  # of a frame; a 4K camera has 8.3
MAX_RUNS = 20  # at once; a visitor who leaves occupies one until TIME_LIMIT


@dataclass(frozen=True)
class Track:
    """The tracked face, or None after `misses` frames without one."""

    face: Face | None = None
    misses: int = 0


def live_tab(detectors: LazyDetectors) -> None:
    """Build the tab."""
    first, *others = detectors.by_error()
    second = "fcnn" if "fcnn" in others else next(iter(others), NONE)
    gr.Markdown(INTRODUCTION)
    with gr.Row(elem_id="live-models"):
        one = gr.Dropdown(list(detectors), value=first, label="Model", elem_id="live-model")
        two = gr.Dropdown([NONE, *detectors], value=second, label="Compare with", elem_id="live-second")
    status = gr.HTML("<p>The camera is off.</p>", padding=False, elem_id="live-status")
    with gr.Column(elem_id="live-stage"):  # the points cover the camera's picture
        camera = Frame(
            label="Camera", show_label=False, sources=["webcam"], type="filepath", streaming=True, height=HEIGHT,
            webcam_options=gr.WebcamOptions(mirror=False), elem_id="camera",
        )  # fmt: skip
        drawn = gr.Image(
            label="Points", show_label=False, interactive=False, format="jpeg", height=HEIGHT, elem_id="live",
            buttons=[],
        )  # fmt: skip
    followed = gr.State(Track(), time_to_live=600)
    camera.stream(
        handler(functools.partial(_frame, detectors)), [camera, one, two, followed], [drawn, status, followed],
        stream_every=INTERVAL, time_limit=TIME_LIMIT, concurrency_limit=MAX_RUNS, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip


def _frame(
    detectors: Mapping[str, Detector], frame: str | BinaryIO | None, one: str, two: str, before: Track | None
) -> tuple[Any, str, Track]:
    """Return the drawn frame, the status as HTML, and the track after it."""
    before = before or Track()
    if frame is None:
        return None, "", Track()
    chosen = [pick(detectors, name) for name in ([one] if two in (NONE, one) else [one, two])]
    try:
        photo = read_apart(frame, "the frame", MAX_MEGAPIXELS)
    except FkdError as error:
        return None, f"<p>{html.escape(str(error))}</p>", Track()
    photo.thumbnail((MAX_SIDE, MAX_SIDE))
    faces = _faces(chosen, photo, before)
    colours = distinct([detector.colour for detector in chosen])
    for face, colour in zip(faces, colours, strict=False):
        photo = draw_points(photo, [face.points], colour)
    after = Track(surest(faces)) if faces else Track(misses=before.misses + 1)
    return photo, _status(chosen, colours, after), after


def _faces(detectors: Sequence[Detector], photo: Image.Image, before: Track) -> list[Face]:
    """Return the tracked face, or a newly found one, by each detector; an empty list without a face."""
    if before.face and (faces := follow(detectors, photo, before.face)):
        return faces
    find = find_faces if before.misses % FULL == FULL - 1 else glance
    boxes = find_confirmed_faces(detectors, photo, find)[:1]  # the largest comes first
    faces = [detector.on_photos([photo], [box])[0] for box in boxes for detector in detectors]
    return faces if faces and surest(faces).doubt < math.inf else []


def _status(detectors: Sequence[Detector], colours: Sequence[str], seen: Track) -> str:
    names = "".join(
        f'<span class="model"><i style="background:{colour}"></i>{html.escape(detector.name)}</span>'
        for detector, colour in zip(detectors, colours, strict=True)
    )
    text = "Tracking a face." if seen.face else "No face is seen."
    return f'<p>{names}<span class="now">{text}</span></p>'
