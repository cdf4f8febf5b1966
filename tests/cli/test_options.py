"""Options that all commands share, and mistakes with files and names."""

import inspect
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from commands import fails, run
from conftest import EXAMPLES
from PIL import Image
from typer.main import get_command

from fkd import files
from fkd.cli.commands import app
from fkd.files import cache_folder, write_json
from fkd.version import __version__

PHOTO = EXAMPLES / "grace_hopper.jpg"


def commands(group, words=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


@pytest.mark.parametrize(("words", "command"), list(commands(get_command(app))), ids=lambda part: str(part)[:30])
def test_every_option_has_help(words, command):
    assert "--help" in run(*words, "-h")
    unexplained = [parameter.name for parameter in command.params if not parameter.help]
    assert not unexplained, words


def test_the_version_and_the_networks_are_listed():
    assert run("--version") == f"fkd {__version__}"
    assert {"fcnn", "resnet18", "resnet50d"} <= {*run("models").split()}


def test_a_usage_error_does_not_wait_for_torch():
    code = "import sys; from fkd.cli.commands import app\n"
    code += "try: app(sys.argv[1:])\nfinally: assert 'torch' not in sys.modules"
    wrong = ([], ["--data", "x", "--precision", "fp8"], ["--epoch", "1"])
    for arguments in wrong:
        done = subprocess.run([sys.executable, "-c", code, "train", *arguments], capture_output=True, text=True)
        assert done.returncode == 2 and "AssertionError" not in done.stderr, done.stderr


def test_the_leaderboard_given_before_a_command_is_its_own(tmp_path, competition):
    write_json(tmp_path / "board" / "drawn" / "benchmark.json", {"name": "drawn", "description": "d"})
    assert run("leaderboard", "--leaderboard", tmp_path / "board", "check", "--data", competition) == ""
    assert "unknown benchmark 'drawn'" in fails("leaderboard", "check", "--data", competition)


def test_nothing_is_replaced_without_overwrite(competition, evaluated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = ["--epochs", "1", "--batch-size", "16", "--lr", "1e-9", "--augment", "0"]
    train = ["train", "--model", "fcnn", "--data", competition, "--out", "m", *short]
    said = run(*train)
    assert "training on c" in said and "no better than the mean face" in said and "next: `fkd evaluate m" in said
    given = ["--checkpoint", evaluated]
    written = {
        "m/config.json": train,
        "p.csv": ["predict", PHOTO, *given, "--out", "p.csv"],
        "s.csv": ["submit", *given, "--data", competition, "--out", "s.csv"],
        "net.onnx": ["export", evaluated, "--out", "net.onnx"],
    }
    for file, command in written.items():
        if command is not train:
            run(*command)
        before = Path(file).read_bytes()
        Path(file).write_bytes(before + b" ")
        assert "add --overwrite" in fails(*command)
        run(*command, "--overwrite")
        assert Path(file).read_bytes()[-1:] != b" ", file
    mask = os.umask(0)
    os.umask(mask)
    modes = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert set(modes.values()) == {0o666 & ~mask}, modes


def test_mistakes_with_files_are_sentences(competition, evaluated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    given = ["--checkpoint", evaluated]
    predict = ["predict", PHOTO, *given, "--out"]
    mistakes = {
        "https://example.com/a.jpg is an address": ["predict", "https://example.com/a.jpg", *given, "--out", "p.csv"],
        "https://kaggle.com/x is an address": ["data", "check", "--data", "https://kaggle.com/x"],
        "file is a file, expected a folder to write": [*predict, "p.csv", "--draw", "file"],
        ". holds other files: choose a new folder": ["train", "--data", "none", "--out", "."],
        "net already holds a checkpoint": ["train", "--data", "none", "--out", evaluated],
        ". is a folder, expected a file to write": [*predict, "."],
        "p.txt has an unknown format, expected a name": [*predict, "p.txt"],
        "drawn is a folder, expected a file to write": ["submit", *given, "--data", competition, "--out", "drawn"],
        "file/s.csv cannot be written (": ["submit", *given, "--data", competition, "--out", "file/s.csv"],
    }
    for said, command in mistakes.items():
        message = fails(*command)
        assert said in message and "[Errno" not in message


NONE = ["none", "--data", "none"]
WRITERS = [
    ["train", "--data", "none", "--out"],
    ["evaluate", *NONE, "--leaderboard"],
    ["submit", "--checkpoint", *NONE, "--out"],
    ["predict", "none", "--checkpoint", "none", "--out"],
    ["predict", "none", "--checkpoint", "none", "--out", "p.csv", "--draw"],
    ["export", "none", "--out"],
    ["leaderboard", "sync", "--leaderboard"],
]


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert "file/x cannot be written (Not a directory): make it writable, or choose" in fails(*command, "file/x")
    assert "https://example.com/x is an address" in fails(*command, "https://example.com/x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_path_of_a_command_is_checked():
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    for command in itertools.chain.from_iterable(group.registered_commands for group in groups):
        for name, hint in get_type_hints(inspect.unwrap(command.callback), include_extras=True).items():
            kind, *option = get_args(hint) or (hint,)
            if kind in (Path, Path | None):
                assert option[0].callback, f"{command.callback.__name__}: {name}"


def test_a_photo_that_cannot_be_read_is_an_error_and_no_face_is_not(evaluated, tmp_path):
    (tmp_path / "text.jpg").write_text("no photo")
    given = ["--checkpoint", evaluated, "--out"]
    said = run("predict", tmp_path / "text.jpg", PHOTO, *given, tmp_path / "p.csv", status=1)
    assert "1 face in 2 photos" in said and "text.jpg" in said
    Image.new("RGB", (200, 200)).save(tmp_path / "black.png")
    said = run("predict", tmp_path / "black.png", *given, tmp_path / "q.csv")
    assert "1 photo without a face: try a larger or upright version" in said


def test_without_a_home_the_cache_is_temporary(monkeypatch):
    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FKD_CACHE")
    monkeypatch.setattr(Path, "expanduser", no_home)
    files._writable.cache_clear()
    with pytest.warns(UserWarning, match="Could not determine home"):
        folder = cache_folder()
    assert folder == cache_folder() and folder.stat().st_mode & 0o777 == 0o700
