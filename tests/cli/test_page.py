"""fkd app: the checkpoints of the page, and the errors without any, or without Gradio."""

import shutil
import subprocess
import sys

import pytest
from commands import fails, run

from fkd.page import site


@pytest.fixture
def launched(monkeypatch) -> list:
    """The pages that were to be served."""
    pages = []
    monkeypatch.setattr(site, "launch", lambda app, leaderboard, open_browser: pages.append((app, open_browser)))
    return pages


def models(app) -> list[str]:
    """The models that can be chosen on a page."""
    (choice,) = (part for part in app.blocks.values() if getattr(part, "elem_id", "") == "models")
    return [name for name, _ in choice.choices]


def test_the_page_shows_the_given_checkpoints_else_those_of_the_folder(
    hub, evaluated, tiny_checkpoint, tmp_path, monkeypatch, launched
):
    monkeypatch.chdir(tmp_path)
    run("push", evaluated, "ada/net")
    shutil.copytree(tiny_checkpoint, tmp_path / "checkpoints" / "mine")
    run("app")
    run("app", "--checkpoint", evaluated, "--checkpoint", "hf:ada/net", "--open")
    assert [(models(app), opened) for app, opened in launched] == [(["mine"], False), (["net", "ada/net"], True)]


def test_no_checkpoint_or_two_of_one_name_are_refused(evaluated, tmp_path, monkeypatch, launched):
    monkeypatch.chdir(tmp_path)
    assert "there is no checkpoint to show: name folders or hf:user/repo" in fails("app")
    shutil.copytree(evaluated, tmp_path / "net")
    assert "two of the checkpoints have the name net" in fails(
        "app", "--checkpoint", evaluated, "--checkpoint", tmp_path / "net"
    )
    assert not launched


@pytest.mark.slow
def test_without_gradio_the_command_says_what_to_install():
    code = "import sys; sys.modules['gradio'] = None; from fkd.cli.commands import main; main()"
    result = subprocess.run([sys.executable, "-c", code, "app"], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (
        1,
        "fkd: gradio is not installed: pip install '.[app]' in the clone\n",
    )
