"""The Batch tab: many photos at once."""

import dataclasses
import html
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from fkd.errors import FkdError
from fkd.files import counted
from fkd.page.browser import PRIVATE, Update
from fkd.page.detectors import LazyDetectors
from fkd.page.guard import handler, pick
from fkd.page.uploads import new_folder
from fkd.photo.detector import Detector
from fkd.photo.draw import draw_points
from fkd.photo.finder import whole_photo
from fkd.photo.many_photos import (
    MOST_BYTES,
    MOST_PHOTOS,
    Answered,
    answer_photos,
    find_at_most,
    list_sources,
    skipped_note,
)
from fkd.photo.point_files import answer_row, write_rows

INTRODUCTION = f"""Photos, or zips of photos: up to {MOST_PHOTOS} at a time, {MOST_BYTES / 1e6:.0f} MB unpacked. The
points are in the files below. Files are deleted within an hour."""
INTERVAL = 1.0  # s between updates of the gallery, which is sent whole
DRAWN, GALLERY = 2000, 800  # px, longest side of the drawings in the zip, and of those that the gallery shows
FILES = {"points.csv": "Points as CSV", "points.json": "Points as JSON", "drawn.zip": "Drawings as a zip"}


class View(NamedTuple):
    """The tab's HTML, (path, caption) for the gallery, and the folder of FILES once they are written."""

    status: str
    pictures: list[tuple[str, str]]
    folder: Path | None = None


def batch_tab(detectors: LazyDetectors) -> None:
    """Build the tab."""
    gr.Markdown(INTRODUCTION)
    with gr.Row():
        files = gr.File(
            label="Photos and zips", file_count="multiple", height=200,
            elem_id="batch-files",
        )  # fmt: skip
        with gr.Column(min_width=260):
            model = gr.Dropdown(list(detectors), value=detectors.by_error()[0], label="Model", elem_id="batch-model")
            whole = gr.Checkbox(label="Each photo is one face", container=False, elem_id="batch-whole")
            with gr.Row():
                run = gr.Button("Find the keypoints", variant="primary", min_width=140, elem_id="batch-run")
                stop = gr.Button("Stop", min_width=100, interactive=False, elem_id="batch-stop")
            status = gr.HTML(padding=False, elem_id="batch-status")
    with gr.Row(visible=False) as downloads:
        saves = [
            gr.DownloadButton(label, size="sm", min_width=120, elem_id=f"batch-{name.partition('.')[2]}")
            for name, label in FILES.items()
        ]
    gallery = gr.Gallery(label="Drawn", object_fit="contain", height="auto", visible=False, elem_id="batch-gallery")
    running: set[str | None] = set()  # sessions; one that is removed ends after its photo

    # Nested, because Gradio passes the request to functions only, not to a partial.
    def begin(request: gr.Request) -> Update:
        running.add(request.session_hash)
        return {status: "<p>Waiting for its turn ...</p>"} | buttons(True)  # one batch runs at a time

    def answer_all(files: list[str] | None, name: str, whole: bool, request: gr.Request) -> Iterator[Update]:
        try:
            detector = pick(detectors, name)
            for view in answer_files(detector, files or [], lambda: request.session_hash in running, whole):
                yield show(view)
        finally:
            running.discard(request.session_hash)

    def show(view: View) -> Update:
        return {
            status: view.status,
            downloads: gr.Row(visible=view.folder is not None and bool(view.pictures)),
            gallery: gr.Gallery(view.pictures or None, visible=bool(view.pictures)),
            **{save: view.folder and str(view.folder / name) for save, name in zip(saves, FILES, strict=True)},
        }

    def buttons(busy: bool) -> Update:
        return {run: gr.Button(interactive=not busy), stop: gr.Button(interactive=busy)}

    # The button comes back whatever happens to the batch.
    shown = [status, downloads, gallery, *saves]
    run.click(handler(begin), None, [status, run, stop], **PRIVATE).then(
        handler(answer_all), [files, model, whole], shown, show_progress="hidden", **PRIVATE
    ).then(lambda: buttons(False), None, [run, stop], queue=False, **PRIVATE)

    def stop_after_this(request: gr.Request) -> None:
        running.discard(request.session_hash)

    stop.click(handler(stop_after_this), queue=False, **PRIVATE)


def answer_files(
    detector: Detector, files: list[str], goes_on: Callable[[], bool], whole: bool = False
) -> Iterator[View]:
    """Yield the state of the tab, about once a second, until all photos are answered or `goes_on` returns False.

    whole: take each photo as one face, cropped to it.
    """
    yield View("<p>Reading the files ...</p>", [])
    skipped: list[str] = []
    try:
        sources = list_sources(files, skipped)
    except FkdError as error:
        yield View(f"<p><b>{html.escape(str(error))}</b></p>", [])
        return
    done: list[Answered] = []
    pictures: list[tuple[str, str]] = []
    stopped, shown = "", 0.0
    folder = new_folder()
    with zipfile.ZipFile(folder / "drawn.zip", "w") as archive:
        find = whole_photo if whole else find_at_most
        for answered in answer_photos(detector, sources, find=find):
            number = len(done) + 1
            if answered.photo and answered.faces:
                plain = re.sub(r"[^\w-]+", "_", Path(answered.name).stem)[:60]
                path = folder / f"{number:03}-{plain}.jpg"
                _draw(answered, detector.colour, archive, path)
                pictures.append((str(path), answered.name))
            answered = dataclasses.replace(answered, photo=None)  # which makes room for the next
            done.append(answered)
            if not goes_on():
                stopped = f"Stopped after {number} of {len(sources)} photos. "
                break
            if time.monotonic() - shown >= INTERVAL:
                text = f"{number} of {counted(len(sources), 'photo')}"
                bar = f'<progress value="{number}" max="{len(sources)}" aria-label="{text}"></progress>'
                yield View(f"<p>{text} ...</p>{bar}{_reasons(done)}", pictures)
                shown = time.monotonic()
    for name in ("points.csv", "points.json"):
        write_rows(folder / name, [answer_row(one.name, detector.name, one.faces, one.problem) for one in done])
    faces = sum(len(one.faces) for one in done)
    left_out = f'<p class="reason">{html.escape(skipped_note(skipped))}</p>' if skipped else ""
    status = f"<p>{stopped}<b>{counted(faces, 'face')}</b> in {counted(len(done), 'photo')}.</p>"
    yield View(status + left_out + _reasons(done), pictures, folder)


def _draw(answered: Answered, colour: str, archive: zipfile.ZipFile, path: Path) -> None:
    """Write a drawing to the archive, and a smaller one for the gallery to `path`."""
    assert answered.photo
    drawn = draw_points(answered.photo, [face.points for face in answered.faces], colour)
    drawn.thumbnail((DRAWN, DRAWN))
    with archive.open(path.name, "w") as member:
        drawn.save(member, "JPEG", quality=90)
    drawn.thumbnail((GALLERY, GALLERY))
    drawn.save(path, "JPEG", quality=90)


def _reasons(done: list[Answered]) -> str:
    """HTML: which photos end early, or have no answer, and why."""
    reasons = [photo.note for photo in done if photo.note]
    reasons += [photo.problem or f"{photo.name}: no face was found" for photo in done if not photo.faces]
    return "".join(f'<p class="reason">{html.escape(reason)}</p>' for reason in reasons)
