"""The viewer: the answers of up to four models on one photo, looked at in the browser.

`view` makes the value; drawing, zooming and choosing happen in the modules beside this file, joined to one script when
the page is built. What the viewer tells Python:

    def chosen(event: gr.EventData): event.face          # a face was clicked: its index
    def drawn(event: gr.EventData): event.box, event.face  # a box was drawn (face None) or corrected (its index)

    shown = viewer()
    shown.select(chosen, None, ...)
    shown.input(drawn, None, ...)

Do not give the viewer itself to a handler as an input: the browser would send the photo back.
"""

import base64
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from fkd.keypoints import EDGES, NAMES
from fkd.photo.face import Face, FaceBox

LONGEST = 1600  # px of the longer side of the picture that is sent
HERE = Path(__file__).parent
# The modules of the script, in the order in which they are joined: each imports only from those before it.
MODULES = (
    "geometry", "elements", "shapes", "state", "loupe", "zoom", "drawing", "gestures", "share", "keys", "start",
)  # fmt: skip
MOST_MODELS = 4  # drawing.js gives each a shape of its own, for those who cannot tell the colours apart
TEMPLATE = """
<div class="viewer" role="region" aria-label="Photo with keypoints">
<p class="begin">Choose a photo to begin.</p>
<div class="filled" hidden>
  <div class="bar">
    <div class="segments" role="group" aria-label="How to look">
      <button type="button" data-mode="side">Side by side</button>
      <button type="button" data-mode="one">One picture</button>
      <button type="button" data-mode="slider">Slider</button>
    </div>
    <button type="button" class="opens" data-opens="layers" aria-expanded="false">Layers</button>
    <div class="chips" id="fkd-layers" role="group" aria-label="What is drawn">
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
      <button type="button" data-zoom="face">To the face</button>
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


def viewer(**given: Any) -> gr.HTML:
    """The component, empty; given: what else gr.HTML takes, such as `value` or `visible`."""
    return gr.HTML(
        html_template=TEMPLATE,
        css_template=(HERE / "viewer.css").read_text("utf-8"),
        js_on_load=script(),
        apply_default_css=False,
        **({"elem_id": "viewer"} | given),
    )


def script() -> str:
    """The modules as one script, which Gradio runs as a function body: without `import` lines and `export` words."""
    text = "\n".join((HERE / f"{name}.js").read_text("utf-8") for name in MODULES)
    return re.sub(r"^(import .*\n|export )", "", text, flags=re.MULTILINE)


def view(
    photo: Image.Image | None,
    models: Sequence[Mapping[str, Any]],
    boxes: Sequence[FaceBox],
    truth: Sequence[np.ndarray | None],
    chosen: int,
    size: tuple[int, int],
    zoomed: bool = False,
) -> dict[str, Any]:
    """The viewer's value for an upright photo and 1 to 4 models' answers, coordinates in its pixels.

    photo: None for the one that the viewer shows already. models: each {"name": str, "colour": "#rrggbb", "whose":
    whose it is and its licence, if it is somebody else's, "faces": a `Face` for each of `boxes`}. truth: [15, 2] for
    each face, or None. size: of the photo (width, height), px. zoomed: it opens on the chosen face. A point that is
    not finite is not drawn.
    """
    width, height = size
    return {
        "photo": photo and _data_url(photo),
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


def _data_url(photo: Image.Image) -> str:
    """The photo as a JPEG, shrunk to LONGEST, in a data: address."""
    small = photo.convert("RGB")
    small.thumbnail((LONGEST, LONGEST))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
