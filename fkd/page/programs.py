"""The page's endpoints as tools of the Model Context Protocol, with the same guard as every other request."""

import base64
import binascii
import json
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio.mcp import GradioMCPServer

from fkd.page.guard import MARK, check_files
from fkd.page.uploads import new_folder

PHOTO = "A photo: data:image/jpeg;base64,..., or the path that an upload to this page answered"
UPLOADED = "/gradio_api/file="  # what stands before the path in the address of an uploaded file


class Tools(GradioMCPServer):
    """Gradio's server of tools, which reads no file that was not uploaded here, and no address."""

    def convert_strings_to_filedata(self, value: dict[str, Any], filedata_positions: list[Any]) -> dict[str, Any]:
        """The arguments of a call as a request of the page's API has them. Raises ValueError for any other file.

        Gradio's own would fetch addresses, and upload whatever file of the server is named.
        """
        names = {position[0] for position in filedata_positions}
        arguments = {
            name: _as_file(given) if name in names and isinstance(given, str) else given
            for name, given in value.items()
        }
        try:
            check_files(arguments)
        except gr.Error as error:
            raise ValueError(error.message) from None
        return arguments

    def simplify_filedata_schema(self, schema: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
        """A tool's arguments as JSON schema, which says of a photo what it is to be, and where photos are in it."""
        simple, positions = super().simplify_filedata_schema(schema)
        for argument in simple["properties"].values():
            if str(argument.get("format", "")).startswith("Gradio File Input"):
                del argument["format"]
                argument["description"] = PHOTO
        return simple, positions

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        """An answer as JSON, which Gradio would write as Python."""
        return [self.types.TextContent(type="text", text=json.dumps(answer)) for answer in data]

    @property
    def _file_data_tool_description(self) -> str:
        return ""


def _as_file(text: str) -> dict[str, Any]:
    if not text.startswith("data:image/"):
        return {"path": unquote(text.rpartition(UPLOADED)[2]), "meta": MARK}
    try:
        content = base64.b64decode(text.partition(",")[2], validate=True)
    except binascii.Error:
        raise ValueError("The photo is not valid base64: send it as data:image/jpeg;base64,...") from None
    file = new_folder() / "photo"
    file.write_bytes(content)
    return {"path": str(file), "meta": MARK}
