"""What the page gives to browsers: scripts that exist and can run."""

import re
import shutil
import subprocess
from pathlib import Path

import playwright

import fkd.page
from app import build_app
from fkd.page.site import SCRIPT

FOLDER = Path(fkd.page.__file__).parent


def test_every_function_of_the_pages_script_exists_and_is_called(evaluated):
    config = build_app(evaluated.parent).config
    scripts = "\n".join(event["js"] for event in config["dependencies"] if event["js"])
    exported = set(re.findall(r"\w+", re.search(r"return \{ (.*?) \};\n\}\)\(\);", SCRIPT.read_text())[1]))
    modules = "\n".join(path.read_text() for path in FOLDER.glob("*/*.js"))
    assert set(re.findall(r"window\.fkd\??\.(\w+)", scripts + modules)) == exported


def test_geometry():

    node = shutil.which("node") or Path(playwright.__file__).parent / "driver" / "node"  # Playwright brings one
    command = [node, "--test", Path(__file__).with_name("geometry.test.mjs")]
    tested = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert int(re.search(r"^. pass (\d+)$", tested.stdout, re.MULTILINE)[1]) > 0, tested.stdout
