"""The wheel, installed away from this checkout: the fkd that users install."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from served import served

from fkd.cli.commands import COMMANDS
from fkd.version import __version__

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> Path:
    """The scripts of an environment that has the wheel, and all other packages from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # setuptools leaves build/ in the folder that it builds
    source.mkdir()
    shutil.copytree(ROOT / "fkd", source / "fkd", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *alone, "--no-build-isolation", "-w", folder, source], check=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.name.startswith(f"fkd-{__version__}-")
    venv.create(folder / "venv", symlinks=True)
    scripts = folder / "venv" / "bin"
    subprocess.run([*pip, "--python", scripts / "python", "install", *alone, wheel], check=True)
    (packages,) = (folder / "venv" / "lib").glob("*/site-packages")
    # After the environment's own packages, and without its .pth files, such as that of an editable fkd.
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
    return scripts


@pytest.fixture
def fkd(scripts, tmp_path, monkeypatch) -> Callable[..., subprocess.CompletedProcess]:
    """Runs a command of the installed fkd in an empty folder; none may end in a traceback."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess:
        result = subprocess.run([scripts / "fkd", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert "Traceback" not in result.stderr
        return result

    return run


def test_every_command_is_there_and_predicts_pushes_and_pulls(fkd, scripts, hub, evaluated, tmp_path):
    code = "import fkd; print(fkd.__file__)"
    file = subprocess.run([scripts / "python", "-c", code], capture_output=True, text=True, check=True).stdout
    assert Path(file).is_relative_to(scripts.parent), "the wheel's own fkd"
    text = fkd("--help").stdout
    assert all(re.search(rf"\b{name}\b", text) for name in COMMANDS)
    photo = ROOT / "examples" / "grace_hopper.jpg"
    result = fkd("predict", photo, "--checkpoint", evaluated, "--out", "points.json", "--draw", "drawn")
    assert result.stdout == "points.json: 1 face in 1 photo\n", result.stderr
    assert (tmp_path / "points.json").exists() and (tmp_path / "drawn" / "grace_hopper.png").exists()
    result = fkd("push", evaluated, "ada/net")
    assert "commit" in result.stdout and "--photo FILE" in result.stderr, result.stderr
    assert hub.files("ada/net").keys() >= {"README.md", "model.safetensors"}
    folder = Path(fkd("pull", "ada/net").stdout.strip())
    assert (folder / "model.safetensors").read_bytes() == (evaluated / "model.safetensors").read_bytes()
    assert "run this in one" in fkd("deploy", "ada/page").stderr


def test_the_page_is_served_with_its_script_and_style(fkd, scripts):
    with served([scripts / "fkd", "app"]) as page:
        parts = {part["props"].get("elem_id"): part["props"] for part in page.config["components"]}
        script = re.search(r"new URL\([\"'](.+?)[\"']", str(parts["viewer"]["js_on_load"]))[1]
        assert "pointerdown" in page.client.get(script.replace("start.js", "gestures.js")).raise_for_status().text
    assert (ROOT / "fkd" / "page" / "page.js").read_text() in page.config["head"]
    assert (ROOT / "fkd" / "page" / "page.css").read_text() in page.config["css"]
    assert "No photo at hand" not in str(parts), "there are no example photos"
