"""The tab where two models answer on one photo."""

import functools
import time
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np
import pandas as pd
from PIL import Image

from fkd.checkpoint import Checkpoint
from fkd.draw import GREEN, RED, draw_points
from fkd.faces import FaceBox
from fkd.keypoints import LEFT_EYE, NAMES, RIGHT_EYE
from fkd.predict import Face, find_confirmed_faces, predict, read_photo

LEAST, MOST = 800, 1600
VIEW = ["download", "fullscreen"]
NO_FACE = (
    "**No face was found in this photo.** Try one where the face is larger or looks more towards the camera, "
    "or tick *the whole photo is one face* if it is cropped tightly already."
)


def compare_tab(models: dict[str, Checkpoint], examples: Path) -> None:
    names = list(models)
    first = "fcnn" if "fcnn" in names else names[0]
    others = [name for name in names if name != first] or [first]
    second = min(others, key=lambda name: models[name].training["validation_rmse"])
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            photo = gr.Image(
                label="Your photo",
                sources=["upload", "webcam", "clipboard"],
                webcam_options=gr.WebcamOptions(mirror=False),
                type="filepath",
                height=340,
                elem_id="photo",
            )
            # Gradio would open the file first, and answer a bad one with a bare "Error".
            photo.preprocess = lambda payload: payload and payload.path
        with gr.Column(scale=2, min_width=280):
            left = gr.Dropdown(names, value=first, label="First model (red)", elem_id="first-model")
            right = gr.Dropdown(names, value=second, label="Second model (green)", elem_id="second-model")
            whole = gr.Checkbox(False, label="The whole photo is one face (skip finding faces)", elem_id="whole")
            gr.Examples([[str(path)] for path in sorted(examples.glob("*.*g"))], [photo], label="No photo at hand?")
    status = gr.Markdown("Choose a photo to begin.", elem_id="status")
    with gr.Column(visible=False) as results:
        with gr.Row():
            drawn = [
                gr.Image(label=label, interactive=False, elem_id=which, min_width=width, buttons=VIEW)
                for label, which, width in (("Red", "first", 140), ("Green", "second", 140), ("Both", "both", 300))
            ]
        face = gr.Dropdown(label="Face", visible=False, type="index", elem_id="face")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                gr.Markdown("Close up, both", elem_classes="caption")
                close = gr.Image(show_label=False, interactive=False, elem_id="close", buttons=VIEW)
                gr.Markdown(
                    "What each model saw: 96 x 96 grey, cropped by its own first answer", elem_classes="caption"
                )
                with gr.Row():
                    seen = [
                        gr.Image(
                            show_label=False, interactive=False, min_width=100, elem_id=f"seen-{which}", buttons=[]
                        )
                        for which in ("first", "second")
                    ]
            with gr.Column(scale=2, min_width=300):
                points = gr.Dataframe(
                    label="Points, in pixels of the photo (percent: of the distance between the eyes)",
                    interactive=False,
                    max_height=700,
                    elem_id="points",
                )
    answers = gr.State(([], []))

    compare = functools.partial(_compare, models)
    inputs, outputs = [photo, left, right, whole], [status, results, *drawn, answers, face]
    details = [points, close, *seen]
    for event in (photo.change, left.change, right.change, whole.change):
        event(compare, inputs, [*outputs, *details], trigger_mode="always_last", api_visibility="private")
    face.input(_details, [answers, face, photo], details, api_visibility="private")


def _compare(models: dict[str, Checkpoint], path: str | None, first: str, second: str, whole: bool):
    """Handler: (status, results, first overlay, second overlay, both, (faces, faces), face choice, details...)."""
    nothing = [gr.Column(visible=False), *[None] * 3, ([], []), gr.Dropdown(choices=[], value=None), *[None] * 4]
    if path is None:
        return ["Choose a photo to begin.", *nothing]
    try:
        photo = read_photo(path)
    except ValueError as error:
        return [f"**{error}**", *nothing]
    start = time.perf_counter()
    edges = (-0.5, -0.5, photo.width - 0.5, photo.height - 0.5)
    chosen = [models[name] for name in (first, second)]
    boxes = [FaceBox(edges, 0.0)] if whole else find_confirmed_faces(chosen, photo)
    if not boxes:
        return [NO_FACE, *nothing]
    finding = time.perf_counter()
    answers = tuple(predict(model, photo, boxes) for model in chosen)
    done = time.perf_counter()
    count = "1 face" if len(boxes) == 1 else f"{len(boxes)} faces"
    status = (
        f"**{count}**, found in {1000 * (finding - start):.0f} ms; both models answered in "
        f"{1000 * (done - finding):.0f} ms."
    )
    choices = [f"{number} of {len(boxes)}, from the largest" for number in range(1, len(boxes) + 1)]
    choice = gr.Dropdown(choices=choices, value=choices[0], visible=len(boxes) > 1)
    overlays = _overlays(photo, *answers)
    return [status, gr.Column(visible=True), *overlays, answers, choice, *_details(answers, 0, path)]


def _overlays(photo: Image.Image, first: Sequence[Face], second: Sequence[Face]) -> list[Image.Image]:
    """The photo with the first model's points, with the second's, and with both."""
    longest = max(photo.size)
    scale = min(max(longest, LEAST), MOST) / longest
    small = photo.resize([max(1, round(side * scale)) for side in photo.size]) if scale != 1 else photo

    def place(faces: Sequence[Face]) -> list[np.ndarray]:
        return [(face.points + 0.5) * scale - 0.5 for face in faces]

    red, green = draw_points(small, place(first), RED), draw_points(small, place(second), GREEN)
    return [red, green, draw_points(red, place(second), GREEN)]


def _details(answers: tuple[list[Face], list[Face]], chosen: int | None, path: str | None):
    """Handler: (table of points, close-up with both, first crop, second crop) of the chosen face."""
    if not answers[0] or path is None:
        return None, None, None, None
    one, two = (faces[chosen or 0] for faces in answers)
    distance = np.linalg.norm(one.points - two.points, axis=1).astype(float)
    ocular = np.mean([np.linalg.norm(f.points[LEFT_EYE] - f.points[RIGHT_EYE]) for f in (one, two)])
    points = pd.DataFrame(
        {
            "point": [name.replace("_", " ") for name in NAMES] + ["mean"],
            "red x": [*one.points[:, 0].astype(float), np.nan],
            "red y": [*one.points[:, 1].astype(float), np.nan],
            "green x": [*two.points[:, 0].astype(float), np.nan],
            "green y": [*two.points[:, 1].astype(float), np.nan],
            "apart, px": [*distance, distance.mean()],
            "apart, %": 100 * np.array([*distance, distance.mean()]) / ocular,
        }
    ).style.format(precision=1, na_rep="")
    crops = [Image.fromarray(face.seen).resize((288, 288)) for face in (one, two)]
    return points, _close_up(read_photo(path), one, two), *crops


def _close_up(photo: Image.Image, one: Face, two: Face) -> Image.Image:
    """The part of the photo around a face, enlarged, with the points of both models."""
    corners = np.array(one.box).reshape(2, 2)  # the box's two corners, px
    middle, half = corners.mean(0), 0.6 * (corners[1] - corners[0]).max()
    limit = np.array(photo.size)
    low = np.clip(np.floor(middle - half), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(middle + half), low + 1, limit).astype(int)
    scale = LEAST / (high - low).max()
    part = photo.crop((*low.tolist(), *high.tolist())).resize([max(1, round(n * scale)) for n in high - low])
    for face, colour in ((one, RED), (two, GREEN)):
        part = draw_points(part, [(face.points - low + 0.5) * scale - 0.5], colour)
    return part
