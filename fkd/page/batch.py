"""The Batch tab: many photos at once."""

import dataclasses
import html
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd
from PIL import Image

from fkd.errors import FkdError
from fkd.keypoints import LEFT_EYE, RIGHT_EYE
from fkd.page.guard import MAX_SESSIONS, handler, pick
from fkd.page.own import LazyDetectors
from fkd.page.uploads import new_folder
from fkd.photo.detector import Detector
from fkd.photo.draw import draw_points
from fkd.photo.face import Face
from fkd.photo.many_photos import MOST_BYTES, MOST_PHOTOS, Answered, answer_photos, find_at_most, list_sources
from fkd.photo.point_files import answer_row, write_rows
from fkd.photo.reading import PHOTOS

INTRODUCTION = f"""Photos, or zips of photos: up to {MOST_PHOTOS} at a time, {MOST_BYTES / 1e6:.0f} MB unpacked. One row
per face; the points are in the files below. Files are deleted within an hour."""
Update = dict[gr.blocks.Block, Any]
WAITING = "<p>Waiting for its turn ...</p>"  # one batch runs at a time, for all visitors
INTERVAL = 1.0  # s between updates of the table and the gallery, which are sent whole
DRAWN, GALLERY = 2000, 800  # px, longest side of the drawings in the zip, and of those that the gallery shows


def batch_tab(detectors: LazyDetectors) -> None:
    """Build the tab."""
    gr.Markdown(INTRODUCTION)
    with gr.Row():
        files = gr.File(
            label="Photos and zips", file_count="multiple", file_types=[*PHOTOS, ".zip"], height=200,
            elem_id="batch-files",
        )  # fmt: skip
        with gr.Column(min_width=260):
            model = gr.Dropdown(list(detectors), value=detectors.by_error()[0], label="Model", elem_id="batch-model")
            with gr.Row():
                run = gr.Button("Find the keypoints", variant="primary", min_width=140, elem_id="batch-run")
                stop = gr.Button("Stop", min_width=100, interactive=False, elem_id="batch-stop")
            status = gr.HTML(padding=False, elem_id="batch-status")
    with gr.Row(visible=False) as downloads:
        saves = [
            gr.DownloadButton(label, size="sm", min_width=120, elem_id=f"batch-{kind}")
            for label, kind in (("Points as CSV", "csv"), ("Points as JSON", "json"), ("Drawings as a zip", "zip"))
        ]
    gallery = gr.Gallery(
        label="Drawn", columns=4, object_fit="contain", height="auto", visible=False, elem_id="batch-gallery"
    )
    rows = gr.Dataframe(interactive=False, max_height=400, visible=False, elem_id="batch-table", elem_classes="ranking")
    shown = [status, rows, downloads, *saves, gallery]
    stops: dict[int, threading.Event] = {}  # by session; set to end its batch after the current photo

    # Nested, because Gradio passes the request to functions only, not to a partial.
    def begin(request: gr.Request) -> Update:
        stops[hash(request.session_hash)] = threading.Event()
        for session in list(stops)[:-MAX_SESSIONS]:  # visitors who left
            del stops[session]
        return {status: WAITING} | buttons(running=True)

    def answer_all(files: list[str] | None, name: str, request: gr.Request) -> Iterator[Update]:
        session = hash(request.session_hash)
        stop = stops.get(session, threading.Event())
        try:
            for view in _run(pick(detectors, name), files or [], stop):
                yield show(view)
        finally:
            stops.pop(session, None)

    def show(view: View) -> Update:
        if view.faces is None:
            return {status: view.status}
        has_faces = len(view.faces) > 0
        names = ("points.csv", "points.json", "drawn.zip")
        return {
            status: view.status,
            rows: gr.Dataframe(view.faces, visible=has_faces),
            downloads: gr.Row(visible=has_faces and view.folder is not None),
            gallery: gr.Gallery(view.pictures or None, visible=bool(view.pictures)),
            **{save: view.folder and str(view.folder / name) for save, name in zip(saves, names, strict=True)},
        }

    def stop_after_this(request: gr.Request) -> None:
        if event := stops.get(hash(request.session_hash)):
            event.set()

    def buttons(running: bool) -> Update:
        return {run: gr.Button(interactive=not running), stop: gr.Button(interactive=running)}

    # The button comes back whatever happens to the batch.
    private: dict[str, Any] = {"api_visibility": "private"}
    run.click(handler(begin), None, [status, run, stop], **private).then(
        handler(answer_all), [files, model], shown, show_progress="hidden", **private
    ).then(lambda: buttons(running=False), None, [run, stop], queue=False, **private)
    stop.click(handler(stop_after_this), queue=False, **private)


@dataclass(frozen=True)
class View:
    """The state of the tab.

    Attributes:
        status: HTML.
        faces: Rows of the table; None if they stay as they are.
        pictures: (path, caption) for the gallery.
        folder: Where points.csv, points.json and drawn.zip are, once written.
    """

    status: str
    faces: pd.DataFrame | None = None
    pictures: list[tuple[str, str]] = field(default_factory=list)
    folder: Path | None = None


def _run(detector: Detector, files: list[str], stop: threading.Event) -> Iterator[View]:
    """Yield the state of the tab after each photo, until all are done or `stop` is set."""
    yield View("<p>Reading the files ...</p>", _rows([]))
    try:
        sources = list_sources(files)
    except FkdError as error:
        yield View(f"<p><b>{html.escape(str(error))}</b></p>")
        return
    done: list[Answered] = []
    stopped, shown = "", 0.0
    folder = new_folder()
    with zipfile.ZipFile(folder / "drawn.zip", "w") as archive:
        for number, answered in enumerate(answer_photos(detector, sources, find=find_at_most), 1):
            if answered.photo and answered.faces:
                points = [face.points for face in answered.faces]
                drawn = draw_points(answered.photo, points, detector.colour)
                _save(drawn, _file_name(number, answered), archive, folder)
            done.append(dataclasses.replace(answered, photo=None))
            if stop.is_set():
                stopped = f"Stopped after {number} of {len(sources)} photos. "
                break
            status = _progress(number, len(sources)) + _not_answered(done)
            if time.monotonic() - shown < INTERVAL:
                yield View(status)
            else:
                yield View(status, _rows(_faces(done)), _pictures(done, folder))
                shown = time.monotonic()
    yield _finished(done, detector.name, stopped, folder)


def _save(drawn: Image.Image, file: str, archive: zipfile.ZipFile, folder: Path) -> None:
    """Write a drawing to the archive, and a smaller one for the gallery to the folder."""
    drawn.thumbnail((DRAWN, DRAWN))
    with archive.open(file, "w") as member:
        drawn.save(member, "JPEG", quality=90)
    drawn.thumbnail((GALLERY, GALLERY))
    drawn.save(folder / file, "JPEG", quality=90)


def _file_name(number: int, answered: Answered) -> str:
    plain = re.sub(r"[^\w-]+", "_", Path(answered.name).stem)[:60]
    return f"{number:03}-{plain}.jpg"


def _finished(done: list[Answered], detector: str, stopped: str, folder: Path) -> View:
    faces = _faces(done)
    answers = [answer_row(photo.name, detector, photo.faces, photo.problem) for photo in done]
    for name in ("points.csv", "points.json"):
        write_rows(folder / name, answers)
    status = f"<p>{stopped}<b>{_count(len(faces), 'face')}</b> in {_count(len(done), 'photo')}.</p>"
    return View(status + _not_answered(done), _rows(faces), _pictures(done, folder), folder)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _progress(number: int, of: int) -> str:
    text = f"{number} of {_count(of, 'photo')}"
    return f'<p>{text} ...</p><progress value="{number}" max="{of}" aria-label="{text}"></progress>'


def _not_answered(done: list[Answered]) -> str:
    """HTML: which photos have no answer, and why."""
    reasons = [photo.problem or f"{photo.name}: no face was found" for photo in done if not photo.faces]
    return "".join(f'<p class="reason">{html.escape(reason)}</p>' for reason in reasons)


def _pictures(done: list[Answered], folder: Path) -> list[tuple[str, str]]:
    return [
        (str(folder / _file_name(number, photo)), photo.name) for number, photo in enumerate(done, 1) if photo.faces
    ]


def _faces(done: list[Answered]) -> list[tuple[str, int, Face]]:
    return [(photo.name, number, face) for photo in done for number, face in enumerate(photo.faces, 1)]


def _rows(faces: list[tuple[str, int, Face]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "photo": photo,
                "face": number,
                "left, px": round(float(face.box[0])),
                "top, px": round(float(face.box[1])),
                "width, px": round(float(face.box[2] - face.box[0])),
                "eyes apart, px": round(float(np.linalg.norm(face.points[LEFT_EYE] - face.points[RIGHT_EYE])), 1),
                "uncertainty, px": "" if face.spread is None else f"{face.spread.mean():.1f}",
            }
            for photo, number, face in faces
        ]
    )
