"""What programs may ask of the page: /predict, /compare and /leaderboard, by gradio_client or curl."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from fkd.board.entries import find_benchmark, read_benchmarks, read_entries, read_synced
from fkd.board.ranking import ranking
from fkd.hub.available import known_checkpoints
from fkd.page.guard import as_path, pick
from fkd.photo.comparison import compare
from fkd.photo.detector import Detector, best, folders
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo

Answer = TypeVar("Answer")
PREDICT = """Finds the faces in a photo and their 15 keypoints. model: a name of the page's models. Answers
{"faces": [{"box": [x0, y0, x1, y1], "points": {name: [x, y]}, "spread": {name: px}}]}, pixels of the upright photo."""
COMPARE = """Asks several models about a photo. models: their names, parted by commas. Answers {"width", "height",
"milliseconds": {stage: ms}, "models": {name: {"faces": [...]}}}, pixels of the upright photo."""
LEADERBOARD = """The ranking of a benchmark: a list with an object for each row, errors in pixels of the 96 px frame."""


def api(detectors: Mapping[str, Detector], root: Path) -> None:
    """Adds the endpoints to the page. detectors: by name. root: of the leaderboard's entries."""
    benchmarks = [one.name for one in sorted(read_benchmarks(root), key=lambda one: not one.fingerprint)]
    photo = as_path(gr.Image(type="filepath", label="photo", visible=False))
    answer = gr.JSON(label="answer", visible=False)

    # Functions of their own: the endpoints' parameters are named as theirs, which a partial would hide.
    def ask_one(photo: str | None, model: str) -> dict[str, Any]:
        return _predict(detectors, photo, model)

    def ask_several(photo: str | None, models: str) -> dict[str, Any]:
        return _compare(detectors, photo, models)

    def rank(benchmark: str) -> list[dict[str, Any]]:
        return _leaderboard(root, folders(detectors.values()), benchmark)

    one, several, which = (
        gr.Textbox(value, label=label, visible=False)
        for value, label in (
            (best(detectors), "model"),
            (",".join(list(detectors)[:4]), "models"),
            (benchmarks[0] if benchmarks else "", "benchmark"),
        )
    )
    for name, handler, given, about in (
        ("predict", ask_one, [photo, one], PREDICT),
        ("compare", ask_several, [photo, several], COMPARE),
        ("leaderboard", rank, [which], LEADERBOARD),
    ):
        gr.Button(visible=False).click(handler, given, answer, api_name=name, api_description=about)


def _predict(detectors: Mapping[str, Detector], photo: str | None, name: str) -> dict[str, Any]:
    detector = pick(detectors, name)
    faces = _in_a_sentence(lambda: predict(detector, read_photo(_given(photo))))
    return {"faces": [face.to_json() for face in faces]}


def _compare(detectors: Mapping[str, Detector], photo: str | None, names: str) -> dict[str, Any]:
    chosen = [pick(detectors, name.strip()) for name in dict.fromkeys((names or "").split(","))]
    return _in_a_sentence(lambda: compare(chosen, read_photo(_given(photo)))).to_json()


def _leaderboard(root: Path, folders: Mapping[str, Path], name: str) -> list[dict[str, Any]]:
    benchmark = _in_a_sentence(lambda: find_benchmark(root, name))
    entries = read_entries(root, benchmark)
    rows = ranking(benchmark, entries, known_checkpoints(folders.values(), entries.measured), read_synced(root).claims)
    return [row.record() for row in rows]


def _given(photo: str | None) -> str:
    if photo is None:
        raise ValueError("no photo was given")
    return photo


def _in_a_sentence(work: Callable[[], Answer]) -> Answer:
    """A caller's mistake becomes the endpoint's error, in one sentence."""
    try:
        return work()
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
