"""What programs may ask of the page: /predict, /compare and /leaderboard, by gradio_client or curl."""

import json
from collections.abc import Mapping
from pathlib import Path

import gradio as gr

from fkd.board.entries import read_benchmarks, read_entries, read_synced
from fkd.board.ranking import table
from fkd.hub.available import known_checkpoints
from fkd.learn.checkpoint import Checkpoint
from fkd.page.guard import as_path, pick_models
from fkd.photo.comparison import compare
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo

PREDICT = """Finds the faces in a photo and their 15 keypoints. model: a name of the page's models. Answers
{"faces": [{"box": [x0, y0, x1, y1], "points": {name: [x, y]}, "spread": {name: px}}]}, pixels of the upright photo."""
COMPARE = """Asks several models about a photo. models: their names, parted by commas. Answers {"width", "height",
"milliseconds": {stage: ms}, "models": {name: {"faces": [...]}}}, pixels of the upright photo."""
LEADERBOARD = """The ranking of a benchmark: a list with an object for each row, errors in pixels of the 96 px frame."""


def api(models: dict[str, Checkpoint], root: Path, folders: Mapping[str, Path]) -> None:
    """Adds the endpoints to the page. models: by name; folders: theirs. root: of the leaderboard's entries."""
    best = min(models, key=lambda name: models[name].training["validation_rmse"])
    benchmarks = [one.name for one in sorted(read_benchmarks(root), key=lambda one: not one.fingerprint)]
    photo = as_path(gr.Image(type="filepath", label="photo", visible=False))
    answer = gr.JSON(label="answer", visible=False)

    # Functions of their own: the endpoints' parameters are named as theirs, which a partial would hide.
    def ask_one(photo, model):
        return _predict(models, photo, model)

    def ask_several(photo, models):
        return _compare(every, photo, models)

    def rank(benchmark):
        return _leaderboard(root, folders, benchmark)

    every = models
    one, several, which = (
        gr.Textbox(value, label=label, visible=False)
        for value, label in (
            (best, "model"),
            (",".join(list(models)[:4]), "models"),
            (benchmarks[0] if benchmarks else "", "benchmark"),
        )
    )
    for name, handler, given, about in (
        ("predict", ask_one, [photo, one], PREDICT),
        ("compare", ask_several, [photo, several], COMPARE),
        ("leaderboard", rank, [which], LEADERBOARD),
    ):
        gr.Button(visible=False).click(handler, given, answer, api_name=name, api_description=about)


def _predict(models: dict[str, Checkpoint], photo: str | None, model: str) -> dict:
    known = pick_models(models, model)
    faces = _asked(lambda: predict(known[model], read_photo(_given(photo))))
    return {"faces": [face.to_json() for face in faces]}


def _compare(models: dict[str, Checkpoint], photo: str | None, names: str) -> dict:
    known = pick_models(models, *(name.strip() for name in (names or "").split(",")))
    return _asked(lambda: compare(known, read_photo(_given(photo)))).to_json()


def _leaderboard(root: Path, folders: Mapping[str, Path], name: str) -> list[dict]:
    benchmarks = {one.name: one for one in read_benchmarks(root)}
    if name not in benchmarks:
        raise gr.Error(
            f"there is no benchmark {name!r}: expected one of {', '.join(benchmarks)}", print_exception=False
        )
    entries = read_entries(root, benchmarks[name])
    known = known_checkpoints(folders.values(), entries.measured)
    rows = table(benchmarks[name], entries, known, read_synced(root).claims)
    return json.loads(rows.to_json(orient="records"))


def _given(photo: str | None) -> str:
    if photo is None:
        raise ValueError("no photo was given")
    return photo


def _asked(work):
    """A caller's mistake becomes the endpoint's error, in one sentence."""
    try:
        return work()
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
