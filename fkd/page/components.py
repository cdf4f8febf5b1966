"""The page's own components; alone in a file, because Gradio writes a stub (.pyi) next to each file of components."""

from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from fkd.page import viewer
from fkd.page.guard import MARK, NOT_UPLOADED, is_uploaded
from fkd.page.uploads import Upload

HOW_TO_SEND = "A file sent to /gradio_api/upload, as gradio_client's handle_file does; addresses are refused."


class Photo(gr.Image):
    """An image as the path of its upload; Gradio would decode the file first, in any format."""

    data_model = Upload
    is_template = True

    def api_info(self) -> dict[str, Any]:
        """Describe the value for programs."""
        properties = {"path": {"type": "string"}, "meta": {"const": MARK}}
        return {"type": "object", "properties": properties, "additional_description": HOW_TO_SEND}

    def example_payload(self) -> dict[str, Any]:
        """Return the form of a value."""
        return {"path": "the path returned by the upload", "meta": MARK}

    def preprocess(self, payload: ImageData | None) -> str | None:
        """Return the path. Raises gr.Error for a file that was not uploaded."""
        if payload is None:
            return None
        if payload.path is None or not is_uploaded(payload.path):
            raise gr.Error(NOT_UPLOADED, print_exception=False)
        return payload.path


class Viewer(gr.HTML):
    """A photo with keypoints; `fkd.page.viewer.view` makes the value."""

    def __init__(self, value: dict[str, Any] | None = None, **named: Any):
        super().__init__(value, **viewer.options() | named)


class ClipPlayer(gr.HTML):
    """A clip with keypoints; `fkd.clip.apart` makes the value."""

    def __init__(self, value: dict[str, Any] | None = None, **named: Any):
        super().__init__(value, **viewer.options("clip", "clip") | named)
