"""The tab for many photos at once."""

import dataclasses
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pandas as pd

from fkd.keypoints import LEFT_EYE, RIGHT_EYE
from fkd.learn.checkpoint import Checkpoint
from fkd.page.guard import pick_models
from fkd.page.uploads import new_folder
from fkd.photo.draw import GREEN, draw_points
from fkd.photo.many_photos import MOST_BYTES, MOST_PHOTOS, Answered, answer, list_sources
from fkd.photo.point_files import to_table
from fkd.photo.reading import PHOTOS

INTRODUCTION = f"""Photos, or zips of photos: up to {MOST_PHOTOS} at a time, {MOST_BYTES / 1e6:.0f} MB unpacked. One row
a face; the points are in the files below. Nothing is kept beyond the hour."""
DRAWN, GALLERY = 2000, 800  # px, longest side of the drawings in the zip, and of those that the gallery shows


def batch_tab(models: dict[str, Checkpoint]) -> None:
    """Builds the tab."""
    gr.Markdown(INTRODUCTION)
    with gr.Row():
        files = gr.File(
            label="Photos and zips", file_count="multiple", file_types=[*PHOTOS, ".zip"], elem_id="batch-files"
        )
        with gr.Column(min_width=260):
            best = min(models, key=lambda name: models[name].training["validation_rmse"])
            model = gr.Dropdown(list(models), value=best, label="Model", elem_id="batch-model")
            with gr.Row():
                run = gr.Button("Find the keypoints", variant="primary", min_width=140, elem_id="batch-run")
                stop = gr.Button("Stop", min_width=100, elem_id="batch-stop")
    status = gr.Markdown(elem_id="batch-status")
    rows = gr.Dataframe(interactive=False, max_height=400, visible=False, elem_id="batch-table", elem_classes="ranking")
    with gr.Row(visible=False) as downloads:
        saves = [
            gr.DownloadButton(label, size="sm", min_width=120, elem_id=f"batch-{kind}")
            for label, kind in (("Points as CSV", "csv"), ("Points as JSON", "json"), ("Drawings as a zip", "zip"))
        ]
    gallery = gr.Gallery(
        label="Drawn", columns=4, object_fit="contain", height="auto", visible=False, elem_id="batch-gallery"
    )
    shown = [status, rows, downloads, *saves, gallery]
    stopping: set[str] = set()  # sessions whose batch is to end after the photo at hand

    # Functions of their own: Gradio gives progress and request to those that ask for them, not to a partial.
    def answer_all(files, name, request: gr.Request, progress=gr.Progress()):  # noqa: B008
        yield from _run(models, files, name, stopping, request.session_hash, progress)

    def stop_after_this(request: gr.Request):
        stopping.add(request.session_hash)

    run.click(answer_all, [files, model], shown, api_visibility="private")
    stop.click(stop_after_this, api_visibility="private")


def _run(
    models: dict[str, Checkpoint],
    files: list[str] | None,
    name: str,
    stopping: set[str],
    session: str,
    progress: gr.Progress,
) -> Iterator[list]:
    """Handler: (status, table, downloads, csv, json, zip, gallery), once a photo, until it is done or stopped."""
    model = pick_models(models, name)[name]
    hidden = [gr.Dataframe(visible=False), gr.Row(visible=False), None, None, None, gr.Gallery(None, visible=False)]
    try:
        sources = list_sources(files or [])
    except ValueError as error:
        yield [f"**{error}**", *hidden]
        return
    stopping.discard(session)
    done, said = [], ""
    folder = new_folder()
    with zipfile.ZipFile(folder / "drawn.zip", "w") as archive:
        for number, answered in enumerate(answer(model, sources), 1):
            if answered.faces:
                _draw(answered, f"{number:03}-{_plain(answered.name)}.jpg", archive, folder)
            done.append(dataclasses.replace(answered, photo=None))
            if session in stopping:
                stopping.discard(session)
                said = f"Stopped after {number} of {len(sources)} photos. "
                break
            progress((number, len(sources)), unit="photos")
            yield [f"{number} of {len(sources)} photos", *hidden]
    yield _finished(done, name, said, folder)


def _draw(answered: Answered, file: str, archive: zipfile.ZipFile, folder: Path) -> None:
    """Adds the drawing of a photo with faces to the archive, and to the folder as the gallery shows it."""
    drawn = draw_points(answered.photo, [face.points for face in answered.faces], GREEN)
    drawn.thumbnail((DRAWN, DRAWN))
    with archive.open(file, "w") as member:
        drawn.save(member, "JPEG", quality=90)
    drawn.thumbnail((GALLERY, GALLERY))
    drawn.save(folder / file, "JPEG", quality=90)


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", Path(name).stem)[:60]


def _finished(done: list[Answered], name: str, said: str, folder: Path) -> list:
    faces = [(item, number, face) for item in done for number, face in enumerate(item.faces, 1)]
    to_table([(item.name, number, name, face.points) for item, number, face in faces]).to_csv(
        folder / "points.csv", index=False
    )
    found = [
        {"photo": item.name, "faces": [face.to_json() for face in item.faces]} for item in done if not item.problem
    ]
    (folder / "points.json").write_text(json.dumps(found, indent=2))
    pictures = [
        (str(folder / f"{number:03}-{_plain(item.name)}.jpg"), item.name)
        for number, item in enumerate(done, 1)
        if item.faces
    ]
    problems = [item.problem for item in done if item.problem]
    faceless = [item.name for item in done if not item.faces and not item.problem]
    said += f"**{len(faces)} faces** in {len(done)} photos."
    if faceless:
        said += f"\n\nNo face was found in {', '.join(faceless)}."
    if problems:
        said += "\n\nNot read: " + "; ".join(problems) + "."
    return [
        said,
        gr.Dataframe(_rows(faces), visible=bool(faces)),
        gr.Row(visible=bool(faces)),
        *(str(folder / file) for file in ("points.csv", "points.json", "drawn.zip")),
        gr.Gallery(pictures, visible=bool(pictures)),
    ]


def _rows(faces: list) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "photo": item.name,
                "face": number,
                "left, px": round(float(face.box[0])),
                "top, px": round(float(face.box[1])),
                "width, px": round(float(face.box[2] - face.box[0])),
                "eyes apart, px": round(float(np.linalg.norm(face.points[LEFT_EYE] - face.points[RIGHT_EYE])), 1),
                "uncertainty, px": "" if face.spread is None else f"{face.spread.mean():.1f}",
            }
            for item, number, face in faces
        ]
    )
