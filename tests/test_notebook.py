"""The example notebook: committed without outputs, and it runs to its end."""

import os
import sysconfig
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "examples" / "train_and_compare.ipynb"


def test_it_is_valid_and_has_no_outputs():
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    assert not any(cell.outputs or cell.execution_count for cell in book.cells if cell.cell_type == "code")


@pytest.mark.slow
def test_it_runs_on_drawn_faces(competition, tmp_path, monkeypatch):
    settings = {"DATA": competition, "EPOCHS": 1, "PHOTO": ROOT / "examples" / "grace_hopper.jpg"}
    paths = {"PATH": sysconfig.get_path("scripts"), "PYTHONPATH": ROOT}  # where `!fkd` is, and the fkd of this checkout
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    for name, first in paths.items():
        monkeypatch.setenv(name, f"{first}{os.pathsep}{os.environ.get(name, '')}")
    book = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(book, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "Traceback" not in printed
    for expected in ("60 rows", "fcnn on drawn: RMSE", "resnet18 on drawn: RMSE", "verified", "submission.csv: "):
        assert expected in printed
    shown = [kind for output in outputs if output.output_type == "display_data" for kind in output.data]
    assert shown.count("image/png") == 2 and shown.count("application/vnd.plotly.v1+json") == 2
