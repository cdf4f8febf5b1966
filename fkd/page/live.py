"""The tab where a model follows a face in the camera's picture."""

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

import gradio as gr
from PIL import Image

from fkd.page.guard import as_frame, pick
from fkd.photo.detector import Detector, best
from fkd.photo.draw import draw_points
from fkd.photo.face import Face
from fkd.photo.predict import find_confirmed_faces, follow, predict
from fkd.photo.reading import read_photo

INTRODUCTION = """Let the camera look at a face: the points follow it. Frames are looked at as they come and then
forgotten. The largest face is followed; the camera stops by itself after two minutes."""
LONGEST = 480  # px: frames are shrunk to it, so that sending them does not take longer than answering
EVERY, LIMIT = 0.1, 120  # s between two frames at best; of one run
MOST = 20  # runs at once: one whose visitor has left holds its place until LIMIT


@dataclass(frozen=True)
class Followed:
    """What the last frame showed: the face followed, if any, and when it was answered (s)."""

    face: Face | None
    at: float


def live_tab(detectors: Mapping[str, Detector]) -> None:
    """Builds the tab."""
    gr.Markdown(INTRODUCTION)
    chosen = gr.Dropdown(list(detectors), value=best(detectors), label="Model", elem_id="live-model")
    with gr.Row():
        camera = gr.Image(
            label="Camera", sources=["webcam"], type="filepath", streaming=True, height=360, min_width=280,
            webcam_options=gr.WebcamOptions(mirror=False), elem_id="camera",
        )  # fmt: skip
        as_frame(camera)
        drawn = gr.Image(label="Points", interactive=False, height=360, min_width=280, elem_id="live", buttons=[])
    status = gr.Markdown(elem_id="live-status")
    followed = gr.State(None, time_to_live=600)
    camera.stream(
        functools.partial(_frame, detectors), [camera, chosen, followed], [drawn, status, followed], stream_every=EVERY,
        time_limit=LIMIT, concurrency_limit=MOST, show_progress="hidden", api_visibility="private",
    )  # fmt: skip


def _frame(
    detectors: Mapping[str, Detector], frame: str | BinaryIO | None, name: str, before: Followed | None
) -> tuple[Image.Image | None, str, Followed | None]:
    """Handler: (drawn frame, what is seen in words, what is followed) of the camera's next frame."""
    if frame is None:
        return None, "", None
    detector = pick(detectors, name)
    try:
        photo = read_photo(frame, "the frame")
    except ValueError as error:
        return None, str(error), None
    photo.thumbnail((LONGEST, LONGEST))
    face = follow(detector, photo, before.face) if before and before.face else None
    if face is None:
        boxes = find_confirmed_faces([detector], photo)[:1]  # the largest comes first
        face = predict(detector, photo, boxes)[0] if boxes else None
    now = time.perf_counter()
    status = "No face is seen." if face is None else "A face is followed."
    if before:
        status += f" {1 / max(now - before.at, 1e-3):.0f} frames a second."
    return draw_points(photo, [face.points] if face else [], detector.colour), status, Followed(face, now)
