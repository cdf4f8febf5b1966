"""The viewer: a photo with the answers of up to four models, shown in the browser.

`view` makes the value. The modules next to this file draw it; they are joined into one script when the page is built.
Events that reach Python:

    def chosen(event: gr.EventData): event.face            # a face was clicked: its index
    def drawn(event: gr.EventData): event.box, event.face  # a box was drawn (face None) or corrected (its index)

    shown = Viewer()
    shown.select(chosen, None, ...)
    shown.input(drawn, None, ...)
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fkd.keypoints import EDGES, NAMES
from fkd.photo.face import Face, FaceBox

HERE = Path(__file__).parent
# The modules of the script, in order: each imports only from earlier ones.
MODULES = (
    "geometry", "elements", "shapes", "state", "loupe", "zoom", "drawing", "gestures", "share", "keys", "start",
)  # fmt: skip
MAX_MODELS = 4  # one shape each in drawing.js, for the colour-blind
TEMPLATE = """
<div class="viewer" role="region" aria-label="Photo with keypoints">
<p class="begin">Choose a photo to begin.</p>
<div class="filled" hidden>
  <div class="bar">
    <div class="segments" role="group" aria-label="View">
      <button type="button" data-mode="side">Side by side</button>
      <button type="button" data-mode="one">One picture</button>
      <button type="button" data-mode="slider">Slider</button>
    </div>
    <button type="button" class="opens" data-opens="layers" aria-expanded="false">Layers</button>
    <div class="chips" id="fkd-layers" role="group" aria-label="Layers">
      <button type="button" data-layer="points">Points</button>
      <button type="button" data-layer="lines">Lines</button>
      <button type="button" data-layer="boxes">Boxes</button>
      <button type="button" data-layer="names">Names</button>
      <button type="button" data-layer="differences">Differences</button>
      <button type="button" data-layer="uncertainty">Uncertainty</button>
      <button type="button" data-layer="truth">True points</button>
    </div>
  </div>
  <div class="stage"><div class="panels"></div><div class="tip" role="tooltip" hidden></div></div>
  <div class="bar">
    <p class="hint" role="status"></p>
    <div class="buttons" role="group" aria-label="Zoom">
      <button type="button" data-zoom="out" aria-label="Zoom out">&minus;</button>
      <button type="button" data-zoom="in" aria-label="Zoom in">+</button>
      <button type="button" data-zoom="fit">Fit</button>
      <button type="button" data-zoom="face">Zoom to face</button>
    </div>
    <div class="buttons" role="group" aria-label="Correct">
      <button type="button" data-tool="draw">Draw a box</button>
      <button type="button" data-tool="correct">Correct the box</button>
      <button type="button" data-does="delete">Delete the box</button>
      <button type="button" data-tool="points">Correct points</button>
      <button type="button" data-does="save" hidden>Save corrected points</button>
    </div>
    <div class="buttons" role="group" aria-label="More">
      <button type="button" data-does="share">Share the picture</button>
    </div>
  </div>
</div>
</div>
"""


def script() -> str:
    """Join the modules into one function body, as Gradio runs it: without `import` lines and `export` words."""
    text = "\n".join((HERE / f"{name}.js").read_text("utf-8") for name in MODULES)
    return re.sub(r"^(import .*\n|export )", "", text, flags=re.MULTILINE)


LOOK: dict[str, Any] = {
    "html_template": TEMPLATE,
    "css_template": (HERE / "viewer.css").read_text("utf-8"),
    "js_on_load": script(),
    "apply_default_css": False,
    "elem_id": "viewer",
}


def view(
    photo: str,
    models: Sequence[Mapping[str, Any]],
    boxes: Sequence[FaceBox],
    truth: Sequence[np.ndarray | None],
    chosen: int,
    size: tuple[int, int],
    zoomed: bool = False,
) -> dict[str, Any]:
    """Return the viewer's value for an upright photo; coordinates are its pixels.

    Args:
        photo: URL of the photo on this server.
        models: 1 to 4 of {"name": str, "colour": "#rrggbb", "whose": owner and licence if not ours, "faces": a `Face`
            for each of `boxes`}. Points that are not finite are not drawn.
        boxes: The faces.
        truth: True points [15, 2] of each face, or None.
        chosen: The selected face, from 0.
        size: Width and height of the photo, px.
        zoomed: Whether the picture opens on the selected face.
    """
    width, height = size
    return {
        "photo": photo,
        "width": width,
        "height": height,
        "names": list(NAMES),
        "edges": [[NAMES.index(start), NAMES.index(stop)] for start, stop in EDGES],
        "scores": [None if math.isnan(box.score) else round(box.score, 1) for box in boxes],
        "models": [
            {
                "name": str(model["name"]),
                "colour": str(model["colour"]),
                "whose": str(model.get("whose", "")),
                "faces": [_face(face) for face in model["faces"]],
            }
            for model in models
        ],
        "truth": [_points(np.full((len(NAMES), 2), np.nan) if face is None else face) for face in truth]
        if any(face is not None for face in truth)
        else None,
        "chosen": int(chosen),
        "zoomed": zoomed,
    }


def _face(face: Face) -> dict[str, Any]:
    spread = None if face.spread is None else _numbers(face.spread)
    return {"box": _numbers(face.box), "points": _points(face.points), "spread": spread}


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [round(float(value), 2) if math.isfinite(value) else None for value in values]


def _points(points: np.ndarray) -> list[list[float | None] | None]:
    return [_numbers(point) if np.isfinite(point).all() else None for point in np.asarray(points, float)]
