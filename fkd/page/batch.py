"""The Batch tab: up to four models on many photos at once."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
import pandas as pd
from PIL import Image

from fkd.errors import FkdError
from fkd.files import counted
from fkd.page.answers import CHOOSE
from fkd.page.browser import PRIVATE, Update
from fkd.page.detectors import by_error
from fkd.page.guard import handler, pick
from fkd.page.ranking import TEMPLATES
from fkd.page.uploads import address, new_folder
from fkd.page.viewer import MAX_MODELS
from fkd.photo.comparison import TITLES, Comparison, disagreement, mean_error, mean_spread
from fkd.photo.detector import Detector
from fkd.photo.draw import draw_comparison
from fkd.photo.finder import whole_photo
from fkd.photo.many_photos import Answered, answer_photos, find_at_most
from fkd.photo.point_files import Row, answer_row, write_rows
from fkd.photo.sources import MOST_BYTES, MOST_NAMES, MOST_PHOTOS, list_sources, read_truth, skipped_note

INTRODUCTION = f"""Which photos do the models disagree on? Choose up to {MOST_PHOTOS} photos, or zips of them,
{MOST_BYTES / 1e6:.0f} MB unpacked. If you know the true points, choose them too: .pts files named like the photos, or a
.csv or .json file with the photos' names. Files are deleted within an hour."""
INTERVAL = 1.0  # s between updates of the photos, which are sent whole
CARD = 560  # px, longest side of the face on a card
FILES = {"points.csv": "Points as CSV", "points.json": "Points as JSON"}


class View(NamedTuple):
    """The tab's HTML, that of the photos, and the folder of FILES once they are written."""

    status: str
    photos: str = ""
    folder: Path | None = None


class Photo(NamedTuple):
    """A photo with faces, as its card shows it.

    picture: URL of the face on which the models differ most. differs: how far they do, in words; empty if unknown.
    figures: error and uncertainty of each model. errors: of each model on each face. badness: what it is sorted by.
    """

    name: str
    picture: str
    faces: int
    differs: str
    figures: pd.DataFrame
    errors: pd.DataFrame
    badness: list[float]
    colours: dict[str, str]


def batch_tab(detectors: Mapping[str, Detector]) -> None:
    """Build the tab."""
    gr.Markdown(INTRODUCTION)
    with gr.Row():
        files = gr.File(
            label="Photos, zips, and true points if known", file_count="multiple", height=200,
            elem_id="batch-files",
        )  # fmt: skip
        with gr.Column(min_width=260):
            models = gr.Dropdown(
                list(detectors), value=by_error(detectors)[:2], multiselect=True, max_choices=MAX_MODELS,
                label=f"Models, up to {MAX_MODELS}", elem_id="batch-models",
            )  # fmt: skip
            whole = gr.Checkbox(label="Each photo is one face", container=False, elem_id="batch-whole")
            with gr.Row():
                run = gr.Button("Find keypoints", variant="primary", min_width=170, elem_id="batch-run")
                stop = gr.Button("Stop", min_width=100, interactive=False, elem_id="batch-stop")
            status = gr.HTML(padding=False, elem_id="batch-status", elem_classes="running")
    with gr.Row(visible=False) as downloads:
        saves = [
            gr.DownloadButton(label, size="sm", min_width=120, elem_id=f"batch-{name.partition('.')[2]}")
            for name, label in FILES.items()
        ]
    photos = gr.HTML(padding=False, elem_id="batch-photos")
    running: set[str | None] = set()  # sessions; one that is removed ends after its photo

    # Nested, because Gradio passes the request to functions only, not to a partial.
    def begin(request: gr.Request) -> Update:
        running.add(request.session_hash)
        return {status: "<p>Waiting for its turn ...</p>"} | buttons(True)  # one batch runs at a time

    def answer_all(files: list[str] | None, names: list[str], whole: bool, request: gr.Request) -> Iterator[Update]:
        try:
            chosen = [pick(detectors, name) for name in dict.fromkeys(names or [])][:MAX_MODELS]
            if not chosen:
                raise FkdError(CHOOSE)
            for view in answer_files(chosen, files or [], lambda: request.session_hash in running, whole):
                yield show(view)
        finally:
            running.discard(request.session_hash)

    def show(view: View) -> Update:
        return {
            status: view.status,
            downloads: gr.Row(visible=view.folder is not None and bool(view.photos)),
            photos: view.photos,
            **{save: view.folder and str(view.folder / name) for save, name in zip(saves, FILES, strict=True)},
        }

    def buttons(busy: bool) -> Update:
        return {run: gr.Button(interactive=not busy), stop: gr.Button(interactive=busy)}

    # The button comes back whatever happens to the batch.
    shown = [status, downloads, photos, *saves]
    run.click(handler(begin), None, [status, run, stop], **PRIVATE).then(
        handler(answer_all), [files, models, whole], shown, show_progress="hidden", **PRIVATE
    ).then(lambda: buttons(False), None, [run, stop], queue=False, **PRIVATE)

    def stop_after_this(request: gr.Request) -> None:
        running.discard(request.session_hash)

    stop.click(handler(stop_after_this), queue=False, **PRIVATE)


def answer_files(
    detectors: Sequence[Detector], files: list[str], goes_on: Callable[[], bool], whole: bool = False
) -> Iterator[View]:
    """Yield the state of the tab, about once a second, until all photos are answered or `goes_on` returns False.

    whole: take each photo as one face, cropped to it.
    """
    yield View(status_html(text="Reading the files"))
    skipped: list[str] = []
    try:
        sources = list_sources(files, skipped)
    except FkdError as error:
        yield View(status_html(refused=error))
        return
    truth, left_out = read_truth(sources)
    sources = [source for source in sources if source.name in truth]
    count = len(sources)
    done: list[Answered] = []
    photos: list[Photo] = []
    rows: list[Row] = []
    stopped, shown = "", 0.0
    folder = new_folder()
    find = whole_photo if whole else find_at_most
    for answered in answer_photos(detectors, sources, find=find, truth=truth):
        number, name, comparison = len(done) + 1, answered.name, answered.comparison
        if answered.photo and comparison and comparison.boxes:
            photos.append(_show(answered.photo, name, comparison, folder / f"{number:03}.jpg"))
        if comparison:
            rows += comparison.rows(name)
            matched = list(map(id, comparison.truth))
            left_out += [f"{name} (no face was found there)"] * any(id(one) not in matched for one in truth[name])
        else:
            rows += [answer_row(name, detector.name, [], answered.problem) for detector in detectors]
        answered = dataclasses.replace(answered, photo=None, comparison=None)  # which makes room for the next
        done.append(answered)
        if not goes_on():
            stopped = f"Stopped after {number} of {count} photos. "
            break
        if time.monotonic() - shown >= INTERVAL:
            text = f"{number} of {counted(count, 'photo')}"
            yield View(status_html(text=text, number=number, count=count, notes=_reasons(done)), _cards(photos))
            shown = time.monotonic()
    for file in FILES:
        write_rows(folder / file, rows)
    more = f" and {len(left_out) - MOST_NAMES:,} more" if len(left_out) > MOST_NAMES else ""
    notes = [f"True points left out: {', '.join(left_out[:MOST_NAMES])}{more}."] if left_out else []
    notes += [f"Files {skipped_note(skipped)}"] if skipped else []
    photos.sort(key=lambda photo: photo.badness, reverse=True)
    # Of the faces on which each model has one.
    errors = pd.concat([pd.DataFrame(), *(photo.errors for photo in photos)]).dropna()
    status = status_html(
        means=sorted((error, name) for name, error in errors.mean().dropna().items()),
        judged=counted(len(errors), "face"),
        worst=photos[0] if photos and photos[0].differs else None, stopped=stopped,
        faces=counted(sum(len(each.boxes) for each in done), "face"), photos=counted(len(done), "photo"),
        notes=notes + _reasons(done),
    )  # fmt: skip
    yield View(status, _cards(photos), folder)


def _show(photo: Image.Image, name: str, comparison: Comparison, path: Path) -> Photo:
    """Draw the face on which the models differ most."""
    models, truth = comparison.answers, comparison.truth
    apart = [np.nan_to_num(disagreement(faces), nan=-1) for faces in zip(*models.values(), strict=True)]
    face = int(np.argmax([each.mean() for each in apart]))
    most, where = max(zip(apart[face].tolist(), TITLES, strict=True))
    draw_comparison(photo, comparison, comparison.boxes[face], CARD).save(path, "JPEG", quality=88)
    errors = pd.DataFrame()
    for model, faces in models.items():
        errors[model] = [mean_error(answer.points, points) for answer, points in zip(faces, truth, strict=True)]
    spreads = pd.Series({model: mean_spread(faces) for model, faces in models.items()})
    figures = pd.DataFrame({"error": errors.mean(), "uncertainty": spreads})
    badness = [apart[face].mean(), *figures.max().fillna(-1)]  # of a single model: by its error
    differs = f"{apart[face].mean():.1f}% of the eye distance, most at the {where} ({most:.1f}%)" if most >= 0 else ""
    return Photo(name, address(path), len(apart), differs, figures, errors, badness, comparison.colours)


def _cards(photos: Sequence[Photo]) -> str:
    return TEMPLATES.get_template("batch_photos.html").render(photos=photos)


def status_html(**values: Any) -> str:
    """Return what the template says of a batch, or of a clip."""
    return TEMPLATES.get_template("batch_status.html").render(values)


def _reasons(done: list[Answered]) -> list[str]:
    """Which photos end early, or have no answer, and why."""
    reasons = [photo.note for photo in done if photo.note]
    return reasons + [photo.problem or f"{photo.name}: no face was found" for photo in done if not photo.boxes]
