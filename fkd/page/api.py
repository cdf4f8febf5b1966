"""The page's API: /predict, for gradio_client and curl."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.errors import FkdError
from fkd.page.components import Photo
from fkd.page.detectors import by_error
from fkd.page.guard import handler, pick
from fkd.photo.comparison import compare
from fkd.photo.decoder import read_apart
from fkd.photo.detector import Detector
from fkd.photo.finder import whole_photo
from fkd.photo.many_photos import find_at_most
from fkd.photo.reading import note_of


def api(detectors: Mapping[str, Detector]) -> None:
    """Add the endpoint to the page."""
    best = by_error(detectors)[0]

    # Gradio documents an endpoint by the parameters and the docstring of its handler.
    @handler
    def predict(photo: str | None, models: list[str] | str | None, whole: bool) -> list[dict[str, Any]]:
        """Finds the faces in a photo and the 15 keypoints of each, by one model or several side by side.

        Args:
            photo: The photo, in any usual format.
            models: Names of the page's models.
            whole: Whether the whole photo is one face, cropped to it.

        Returns:
            [{"photo", "model", "faces": [{"box": [x0, y0, x1, y1], "points": {name: [x, y]}, "spread": {name: px}}]}],
            one for each model, in pixels of the upright photo; left and right are the person's own.
        """
        chosen = [pick(detectors, name) for name in ([models] if isinstance(models, str) else models) or [best]]
        if photo is None:
            raise FkdError("no photo was sent")
        picture = read_apart(photo)
        comparison = compare(chosen, picture, find=whole_photo if whole else find_at_most)
        note = {"note": note_of(picture)} if note_of(picture) else {}
        return [row | note for row in comparison.rows(Path(photo).name)]

    inputs = [
        Photo(type="filepath", label="photo", visible=False),
        gr.Dropdown(list(detectors), value=[best], multiselect=True, label="models", visible=False),
        gr.Checkbox(False, label="whole", visible=False),
    ]
    answer = gr.JSON(label="answer", visible=False)
    gr.Button(visible=False).click(predict, inputs, answer, api_name="predict")
