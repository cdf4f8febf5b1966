"""The tab for many photos at once."""

import dataclasses
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd
from PIL import Image

from fkd.keypoints import LEFT_EYE, RIGHT_EYE
from fkd.page.guard import pick
from fkd.page.uploads import new_folder
from fkd.photo.detector import Detector, best
from fkd.photo.draw import draw_points
from fkd.photo.face import Face
from fkd.photo.many_photos import MOST_BYTES, MOST_PHOTOS, Answered, answer, list_sources
from fkd.photo.point_files import to_table
from fkd.photo.reading import PHOTOS

INTRODUCTION = f"""Photos, or zips of photos: up to {MOST_PHOTOS} at a time, {MOST_BYTES / 1e6:.0f} MB unpacked. One row
a face; the points are in the files below. Nothing is kept beyond the hour."""
DRAWN, GALLERY = 2000, 800  # px, longest side of the drawings in the zip, and of those that the gallery shows


def batch_tab(detectors: Mapping[str, Detector]) -> None:
    """Builds the tab."""
    gr.Markdown(INTRODUCTION)
    with gr.Row():
        files = gr.File(
            label="Photos and zips", file_count="multiple", file_types=[*PHOTOS, ".zip"], elem_id="batch-files"
        )
        with gr.Column(min_width=260):
            model = gr.Dropdown(list(detectors), value=best(detectors), label="Model", elem_id="batch-model")
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
    def answer_all(
        files: list[str] | None,
        name: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        for view in _run(pick(detectors, name), files or [], stopping, str(request.session_hash), progress):
            yield view.outputs()

    def stop_after_this(request: gr.Request) -> None:
        stopping.add(str(request.session_hash))

    run.click(answer_all, [files, model], shown, api_visibility="private")
    stop.click(stop_after_this, api_visibility="private")


@dataclass(frozen=True)
class View:
    """What the tab shows.

    status: Markdown. faces: the table's rows. folder: of points.csv, points.json and drawn.zip, when they are written.
    pictures: of the gallery, (path, caption) each.
    """

    status: str
    faces: pd.DataFrame | None = None
    folder: Path | None = None
    pictures: list[tuple[str, str]] = field(default_factory=list)

    def outputs(self) -> list[Any]:
        """For (status, table, row of downloads, csv, json, zip, gallery)."""
        has_faces = self.faces is not None and len(self.faces) > 0
        files = [self.folder and str(self.folder / name) for name in ("points.csv", "points.json", "drawn.zip")]
        gallery = gr.Gallery(self.pictures or None, visible=bool(self.pictures))
        return [self.status, gr.Dataframe(self.faces, visible=has_faces), gr.Row(visible=has_faces), *files, gallery]


def _run(
    detector: Detector, files: list[str], stopping: set[str], session: str, progress: gr.Progress
) -> Iterator[View]:
    """What the tab shows after each photo, until all are done or the session is `stopping`."""
    try:
        sources = list_sources(files)
    except ValueError as error:
        yield View(f"**{error}**")
        return
    stopping.discard(session)
    done: list[Answered] = []
    stopped = ""
    folder = new_folder()
    with zipfile.ZipFile(folder / "drawn.zip", "w") as archive:
        for number, answered in enumerate(answer(detector, sources), 1):
            if answered.photo and answered.faces:
                points = [face.points for face in answered.faces]
                drawn = draw_points(answered.photo, points, detector.colour)
                _save(drawn, _file_name(number, answered), archive, folder)
            done.append(dataclasses.replace(answered, photo=None))
            if session in stopping:
                stopping.discard(session)
                stopped = f"Stopped after {number} of {len(sources)} photos. "
                break
            progress((number, len(sources)), unit="photos")
            yield View(f"{number} of {len(sources)} photos")
    yield _finished(done, detector.name, stopped, folder)


def _save(drawn: Image.Image, file: str, archive: zipfile.ZipFile, folder: Path) -> None:
    """Adds a drawing to the archive, and to the folder as the gallery shows it."""
    drawn.thumbnail((DRAWN, DRAWN))
    with archive.open(file, "w") as member:
        drawn.save(member, "JPEG", quality=90)
    drawn.thumbnail((GALLERY, GALLERY))
    drawn.save(folder / file, "JPEG", quality=90)


def _file_name(number: int, answered: Answered) -> str:
    plain = re.sub(r"[^\w-]+", "_", Path(answered.name).stem)[:60]
    return f"{number:03}-{plain}.jpg"


def _finished(done: list[Answered], detector: str, stopped: str, folder: Path) -> View:
    faces = [(photo.name, number, face) for photo in done for number, face in enumerate(photo.faces, 1)]
    table = to_table([(photo, number, detector, face.points) for photo, number, face in faces])
    table.to_csv(folder / "points.csv", index=False)
    answers = [
        {"photo": photo.name, "faces": [face.to_json() for face in photo.faces]} for photo in done if not photo.problem
    ]
    (folder / "points.json").write_text(json.dumps(answers, indent=2))
    pictures = [
        (str(folder / _file_name(number, photo)), photo.name) for number, photo in enumerate(done, 1) if photo.faces
    ]
    status = f"{stopped}**{len(faces)} faces** in {len(done)} photos."
    if faceless := [photo.name for photo in done if not photo.faces and not photo.problem]:
        status += f"\n\nNo face was found in {', '.join(faceless)}."
    if problems := [photo.problem for photo in done if photo.problem]:
        status += "\n\nNot read: " + "; ".join(problems) + "."
    return View(status, _rows(faces), folder, pictures)


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
