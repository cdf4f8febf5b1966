"""The page's API: /predict, /compare and /leaderboard, for gradio_client and curl."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from fkd.board.entries import find_benchmark, read_benchmarks
from fkd.errors import FkdError
from fkd.files import one_line
from fkd.page.components import Name, Photo
from fkd.page.detectors import by_error, folders_of
from fkd.page.guard import handler, pick
from fkd.page.ranking import ranked
from fkd.photo.comparison import compare
from fkd.photo.decoder import read_apart
from fkd.photo.detector import Detector
from fkd.photo.finder import whole_photo
from fkd.photo.many_photos import find_at_most
from fkd.photo.predict import predict
from fkd.photo.reading import note_of


def api(detectors: Mapping[str, Detector], root: Path) -> None:
    """Add the endpoints to the page. root: folder of the leaderboard's entries."""
    benchmarks = [one.name for one in sorted(read_benchmarks(root), key=lambda one: not one.fingerprint)]

    # Gradio documents an endpoint by the parameters and the docstring of its handler.
    def answer_predict(photo: str, model: str, precise: bool, whole: bool) -> dict[str, Any]:
        """Finds the faces in a photo and the 15 keypoints of each, by one model.

        Args:
            photo: The photo, in any usual format.
            model: The name of one of the page's models; an unknown name returns the list of valid names.
            precise: Whether points are averaged over several crops of each face, which is slower.
            whole: Whether the whole photo is one face, cropped to it.

        Returns:
            {"faces": [{"box": [x0, y0, x1, y1], "points": {name: [x, y]}, "spread": {name: px}}]}
            in pixels of the upright photo; left and right are the person's own.
        """
        detector, picture = pick(detectors, model), _read(photo)
        faces = predict(detector, picture, find=whole_photo if whole else find_at_most, precise=precise)
        return {"faces": [face.to_json() for face in faces]} | _note(picture)

    def answer_compare(photo: str, models: str, precise: bool, whole: bool) -> dict[str, Any]:
        """Finds the faces in a photo and the 15 keypoints of each, by several models side by side.

        Args:
            photo: The photo, in any usual format.
            models: Names of the page's models, separated by commas.
            precise: Whether points are averaged over several crops of each face, which is slower.
            whole: Whether the whole photo is one face, cropped to it.

        Returns:
            {"width", "height", "milliseconds": {stage: ms}, "models": {name: {"faces": [...]}}}
            in pixels of the upright photo; the faces are as those of `predict`, in the same order for each model.
        """
        names = dict.fromkeys(name.strip() for name in str(models or "").split(","))
        chosen = [pick(detectors, name) for name in names]
        picture = _read(photo)
        comparison = compare(chosen, picture, find=whole_photo if whole else find_at_most, precise=precise)
        return comparison.to_json() | _note(picture)

    def answer_leaderboard(benchmark: str) -> list[dict[str, Any]]:
        """Ranks the models that were measured on a benchmark.

        Args:
            benchmark: The name of one of the page's benchmarks, such as wild15.

        Returns:
            A list with one object per row, the best first; errors are in pixels of the 96 x 96 frame.
        """
        found = find_benchmark(root, one_line(benchmark))
        return [row.record() for row in ranked(root, found, folders_of(detectors))]

    answer = gr.JSON(label="answer", visible=False)
    photo = Photo(type="filepath", label="photo", visible=False)
    precise = gr.Checkbox(False, label="precise", visible=False)
    whole = gr.Checkbox(False, label="whole", visible=False)
    model = Name(by_error(detectors)[0], label="model", visible=False)
    models = Name(",".join(list(detectors)[:4]), label="models", visible=False)
    benchmark = Name(next(iter(benchmarks), ""), label="benchmark", visible=False)
    endpoints: dict[str, tuple[Callable[..., Any], list[gr.components.Component]]] = {
        "predict": (answer_predict, [photo, model, precise, whole]),
        "compare": (answer_compare, [photo, models, precise, whole]),
        "leaderboard": (answer_leaderboard, [benchmark]),
    }
    for name, (function, inputs) in endpoints.items():
        gr.Button(visible=False).click(handler(_with_defaults(function, inputs)), inputs, answer, api_name=name)


def _with_defaults(function: Callable[..., Any], inputs: list[gr.components.Component]) -> Callable[..., Any]:
    """Return a handler that takes null, which JavaScript's client sends, and "" for a default."""

    @functools.wraps(function)
    def answer(*values: Any) -> Any:
        values = tuple(each.value if value in (None, "") else value for each, value in zip(inputs, values, strict=True))
        for each, value in zip(inputs, values, strict=True):
            if isinstance(each, gr.Checkbox) and type(value) is not bool:
                raise FkdError(f"{each.label} is {one_line(repr(value))}, expected true or false")
        return function(*values)

    return answer


def _note(photo: Image.Image) -> dict[str, str]:
    return {"note": note_of(photo)} if note_of(photo) else {}


def _read(photo: str | None) -> Image.Image:
    if photo is None:
        raise FkdError("no photo was sent")
    return read_apart(photo)
