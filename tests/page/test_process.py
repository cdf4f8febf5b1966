"""The page as a process: how it starts, ends, and what it leaves behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from served import ROOT, served, wait_until

pytestmark = pytest.mark.slow
APP = [sys.executable, "-m", "fkd", "app"]


def test_the_end_of_a_page_removes_its_folder_and_the_next_start_those_of_killed_ones():
    with served(APP) as page:
        page.upload("a.jpg", b"photo")
        folder = page.folder.parent
        scratch = folder.parent.parent
        page.process.kill()
        page.process.wait(10)
        assert list(folder.glob("photos/*/a.jpg")) and list(folder.glob("page-*"))
        with served(APP, GRADIO_TEMP_DIR=str(scratch)) as after:
            assert not folder.exists()
            (folder,) = scratch.glob("fkd-*/run-*")
            after.upload("a.jpg", b"photo")
            after.process.send_signal(signal.SIGTERM)
            assert after.process.wait(20) == 0 and not folder.exists()
            assert "Traceback" not in after.printed


def assert_starts(command: list, folder: Path) -> None:
    """A page is served by a command that is run in a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder)}
    process = subprocess.Popen(command, env=environment, cwd=folder)
    try:
        wait_until(lambda: process.poll() is not None or is_served(port), 60)
        assert is_served(port)
    finally:
        process.terminate()
        process.wait(30)


def test_app_py_shows_its_own_checkpoints_from_any_folder(tmp_path):
    assert_starts([sys.executable, ROOT / "app.py"], tmp_path)


def is_served(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
