"""The viewer: a photo with the answers of up to four models, shown in the browser.

`view` makes the value. The modules next to this file draw it. Events that reach Python:

    def drawn(event: gr.EventData): event.box, event.face  # a box was drawn (face None) or corrected (its index)
    def placed(event: gr.EventData): event.points, event.face  # points were placed by hand on a face

    shown = Viewer()
    shown.input(drawn, None, ...)
"""

import functools
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fkd.keypoints import EDGES, MEAN_FACE, NAMES
from fkd.page.uploads import address, page_folder
from fkd.photo.comparison import Comparison
from fkd.photo.face import Face

HERE = Path(__file__).parent
MAX_MODELS = 4  # one shape each in state.js, for the colour-blind


@functools.cache
def served() -> Path:
    """Copy the modules to a new folder, so that no browser mixes those of two versions."""
    return Path(shutil.copytree(HERE, page_folder() / "viewer", ignore=shutil.ignore_patterns("*.py", "__pycache__")))


def options(name: str = "viewer", script: str = "start") -> dict[str, Any]:
    """Return the arguments of `gr.HTML` that make it a viewer, or with the name "clip" a player."""
    start = f"new URL({address(served() / f'{script}.js')!r}, document.baseURI)"
    styles = dict.fromkeys(("viewer", "marks", name))
    return {
        "html_template": (HERE / f"{name}.html").read_text("utf-8"),
        "css_template": "".join((HERE / f"{style}.css").read_text("utf-8") for style in styles),
        "js_on_load": f"import({start}).then(({{ start }}) => start({{ element, props, trigger, watch }}));",
        "apply_default_css": False,
        "elem_id": name,
    }


@dataclass(frozen=True)
class Scores:
    """Results of models on a benchmark: the number of its faces, and the RMSE in px of each, by name."""

    faces: int = 0
    rmse: Mapping[str, float] = field(default_factory=dict)


def view(
    photo: str,
    comparison: Comparison,
    face: int,
    zoomed: bool = False,
    tested: Scores = Scores(),
    placed: Sequence[np.ndarray | None] = (),
) -> dict[str, Any]:
    """Return the viewer's value; coordinates are pixels of the upright photo, None where not finite.

    photo: URL of the photo on this server. face: the selected one, from 0. zoomed: open the picture on it.
    tested: for the sentence above the picture. placed: points that the visitor placed on each face.
    """
    has_truth = any(points is not None for points in comparison.truth)
    return {
        "photo": photo,
        "width": comparison.width,
        "height": comparison.height,
        "names": list(NAMES),
        "mean": [list(point) for point in MEAN_FACE],
        "tested": {"faces": tested.faces, "rmse": dict(tested.rmse)},
        "edges": [[NAMES.index(start), NAMES.index(stop)] for start, stop in EDGES],
        "boxes": [_numbers(box.box) for box in comparison.boxes],
        "scores": [None if math.isnan(box.score) else round(box.score, 1) for box in comparison.boxes],
        "models": [
            {"name": name, "colour": comparison.colours[name], "whose": comparison.whose[name], "faces": _faces(faces)}
            for name, faces in comparison.answers.items()
        ],
        "truth": [[] if points is None else _points(points) for points in comparison.truth] if has_truth else None,
        "placed": [points is not None for points in placed],
        "chosen": face,
        "zoomed": zoomed,
    }


def _faces(faces: Iterable[Face]) -> list[dict[str, Any]]:
    return [
        {"points": _points(face.points), "spread": None if face.spread is None else _numbers(face.spread)}
        for face in faces
    ]


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [round(float(value), 2) if math.isfinite(value) else None for value in values]


def _points(points: np.ndarray) -> list[list[float | None] | None]:
    return [_numbers(point) if np.isfinite(point).all() else None for point in points]
