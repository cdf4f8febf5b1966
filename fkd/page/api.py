"""The page's API: /predict, /compare and /leaderboard, for gradio_client and curl."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from fkd.board.entries import find_benchmark, read_benchmarks
from fkd.page.guard import as_path, pick
from fkd.page.own import Own
from fkd.page.standings import ranked
from fkd.photo.comparison import compare
from fkd.photo.detector import Detector
from fkd.photo.many_photos import find_at_most
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo

Answer = TypeVar("Answer")


def api(detectors: Own, root: Path) -> None:
    """Adds the endpoints to the page. detectors: by name. root: of the leaderboard's entries."""
    benchmarks = [one.name for one in sorted(read_benchmarks(root), key=lambda one: not one.fingerprint)]
    photo = as_path(gr.Image(type="filepath", label="photo", visible=False))
    answer = gr.JSON(label="answer", visible=False)

    # Gradio documents an endpoint by the name, parameters and docstring of its handler.
    def predict(photo: str, model: str, precise: bool) -> dict[str, Any]:
        """Finds the faces in a photo and the 15 keypoints of each, by one model.

        Args:
            photo: The photo, in any usual format.
            model: The name of one of the page's models; an unknown name returns the list of valid names.
            precise: Whether points are averaged over several crops of each face, which is slower.

        Returns:
            {"faces": [{"box": [x0, y0, x1, y1], "points": {name: [x, y]}, "spread": {name: px}}]}
            in pixels of the upright photo; left and right are the person's own.
        """
        return _predict(detectors, photo, model, precise)

    def compare(photo: str, models: str, precise: bool) -> dict[str, Any]:
        """Finds the faces in a photo and the 15 keypoints of each, by several models side by side.

        Args:
            photo: The photo, in any usual format.
            models: Names of the page's models, separated by commas.
            precise: Whether points are averaged over several crops of each face, which is slower.

        Returns:
            {"width", "height", "milliseconds": {stage: ms}, "models": {name: {"faces": [...]}}}
            in pixels of the upright photo; the faces are as those of `predict`, in the same order for each model.
        """
        return _compare(detectors, photo, models, precise)

    def leaderboard(benchmark: str) -> list[dict[str, Any]]:
        """Ranks the models that were measured on a benchmark.

        Args:
            benchmark: The name of one of the page's benchmarks, such as wild15.

        Returns:
            A list with one object per row, the best first; errors are in pixels of the 96 x 96 frame.
        """
        return _leaderboard(root, detectors.folders, benchmark)

    one, several, which = (
        gr.Textbox(value, label=label, visible=False)
        for value, label in (
            (detectors.by_error()[0], "model"),
            (",".join(list(detectors)[:4]), "models"),
            (benchmarks[0] if benchmarks else "", "benchmark"),
        )
    )
    precisely = gr.Checkbox(False, label="precise", visible=False)
    endpoints: dict[Callable[..., Any], list[gr.components.Component]] = {
        predict: [photo, one, precisely],
        compare: [photo, several, precisely],
        leaderboard: [which],
    }
    for handler, given in endpoints.items():
        gr.Button(visible=False).click(handler, given, answer, api_name=handler.__name__)


def _predict(detectors: Mapping[str, Detector], photo: str | None, name: str, precise: bool) -> dict[str, Any]:
    detector = pick(detectors, name)
    faces = _in_a_sentence(lambda: predict(detector, read_photo(_given(photo)), find=find_at_most, precise=precise))
    return {"faces": [face.to_json() for face in faces]}


def _compare(detectors: Mapping[str, Detector], photo: str | None, names: str, precise: bool) -> dict[str, Any]:
    asked = dict.fromkeys(name.strip() for name in (names or "").split(","))
    chosen = [pick(detectors, name) for name in asked]
    found = _in_a_sentence(lambda: compare(chosen, read_photo(_given(photo)), find=find_at_most, precise=precise))
    return found.to_json()


def _leaderboard(root: Path, folders: Mapping[str, Path], name: str) -> list[dict[str, Any]]:
    benchmark = _in_a_sentence(lambda: find_benchmark(root, name))
    return [row.record() for row in ranked(root, benchmark, folders.values())]


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
