"""The page's own components; alone in a file, because Gradio writes a stub (.pyi) next to each file of components."""

import base64
import io
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from fkd.page import viewer
from fkd.page.guard import NOT_UPLOADED, is_uploaded
from fkd.page.uploads import Upload


class Photo(gr.Image):
    """An image as the path of its upload; Gradio would decode the file first, in any format."""

    data_model = Upload
    is_template = True

    def preprocess(self, payload: ImageData | None) -> str | None:
        """Return the path. Raises gr.Error for a file that was not uploaded."""
        if payload is None:
            return None
        if payload.path is None or not is_uploaded(payload.path):
            raise gr.Error(NOT_UPLOADED, print_exception=False)
        return payload.path


class Frame(gr.Image):
    """A camera; each frame, sent within the request, is an open file."""

    is_template = True

    def preprocess(self, payload: ImageData | None) -> io.BytesIO | None:  # type: ignore[override]
        """Return the frame, still encoded."""
        return None if payload is None else io.BytesIO(base64.b64decode(str(payload.url).partition(",")[2]))


class Viewer(gr.HTML):
    """A photo with keypoints; `fkd.page.viewer.view` makes the value."""

    def __init__(self, value: dict[str, Any] | None = None, **named: Any):
        super().__init__(value, **viewer.options() | named)
