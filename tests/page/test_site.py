"""The viewer's geometry, tested by node."""

import re
import shutil
import subprocess
from pathlib import Path

import playwright


def test_geometry():
    node = shutil.which("node") or Path(playwright.__file__).parent / "driver" / "node"  # Playwright brings one
    command = [node, "--test", Path(__file__).with_name("geometry.test.mjs")]
    tested = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert int(re.search(r"^. pass (\d+)$", tested.stdout, re.MULTILINE)[1]) > 0, tested.stdout
