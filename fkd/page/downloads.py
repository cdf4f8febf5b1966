"""Downloads of the answers on a photo, written on request."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr

from fkd.errors import FkdError
from fkd.files import file_stem
from fkd.page.answers import GONE, Answered
from fkd.page.guard import handler
from fkd.page.uploads import new_folder
from fkd.photo.point_files import to_pts, write_rows

SAVE = """file => {
    if (!file) return;
    const link = document.createElement('a');
    [link.href, link.download] = [file.url, file.orig_name];
    link.click();
}"""


def download_row(answered: gr.State, face: gr.Dropdown) -> None:
    """Place a button for each kind of file. answered: an `Answered` or None; face: the number of the selected one."""
    with gr.Row():
        for ending, (label, write) in KINDS.items():
            button = gr.Button(label, size="sm", min_width=110, elem_id=f"save-{ending}")
            save_on_click(button, functools.partial(_make, write), [answered, face])


def save_on_click(button: gr.Button, make: Callable[..., str], inputs: Sequence[gr.components.Component]) -> None:
    """Write a file when the button is clicked, and save it in the browser. make: returns its path."""
    file = gr.File(visible="hidden")
    made = button.click(handler(make), list(inputs), file, api_visibility="private")
    made.success(None, file, js=SAVE)


def _make(write: Callable[[Answered, int, Path], Path], answered: Answered | None, face: int | None) -> str:
    """Write the answers, and return the path."""
    if answered is None or not answered.comparison.boxes or not Path(answered.path).exists():
        raise FkdError(GONE)
    return str(write(answered, face or 0, new_folder()))


def _json(answered: Answered, face: int, folder: Path) -> Path:
    path = folder / "keypoints.json"
    write_rows(path, answered.comparison.rows("photo"))
    return path


def _csv(answered: Answered, face: int, folder: Path) -> Path:
    path = folder / "keypoints.csv"
    write_rows(path, answered.comparison.rows("photo"))
    return path


def _pts(answered: Answered, face: int, folder: Path) -> Path:
    """Write the last model's points of the selected face: .pts holds one set of points."""
    name, faces = list(answered.comparison.answers.items())[-1]
    path = folder / f"keypoints-{file_stem(name)}.pts"
    path.write_text(to_pts(faces[face].points))
    return path


KINDS = {"json": ("JSON", _json), "csv": ("CSV", _csv), "pts": (".pts", _pts)}
