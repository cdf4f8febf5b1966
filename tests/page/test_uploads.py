"""Photos are deleted within the hour, even after their process was killed."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from fkd.errors import FkdError
from fkd.page import uploads
from fkd.page.uploads import MAX_AGE, keep_swept, photo_folder, sweep


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a photo")
    return path


def test_whatever_is_old_goes(tmp_path):
    put(tmp_path / "hash" / "face.jpg")
    put(tmp_path / "tmpab12cd")  # Gradio's name for an unfinished upload
    sweep(tmp_path, time.time() + MAX_AGE - 5)
    assert len(list(tmp_path.rglob("*"))) == 3
    sweep(tmp_path, time.time() + MAX_AGE + 5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("date", [0, 2e9])
def test_a_file_is_as_old_as_its_last_change_whatever_its_date_says(tmp_path, date):
    upload = put(tmp_path / "face.jpg")
    os.utime(upload, (date, date))  # uploads may bring any date
    sweep(tmp_path)
    assert upload.exists()
    sweep(tmp_path, now=time.time() + MAX_AGE + 5)
    assert not upload.exists()


def test_the_sweep_goes_on_after_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "SWEEP_INTERVAL", 0.01)
    sweeps = []

    def fails(folder):
        sweeps.append(folder)
        raise RuntimeError("Set changed size during iteration")

    monkeypatch.setattr(uploads, "sweep", fails)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(keep_swept(tmp_path), 0.5))
    assert len(sweeps) > 1


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder as a process finds it whose GRADIO_TEMP_DIR is `tmp_path`."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return photo_folder.__wrapped__()


def test_what_a_killed_process_left_is_in_the_folder_that_the_next_one_sweeps(folder, tmp_path, monkeypatch):
    left = put(folder / "hash" / "face.jpg")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert photo_folder.__wrapped__() == folder and left.exists()
    sweep(folder, time.time() + MAX_AGE + 5)
    assert not left.exists()


def test_nobody_else_on_the_machine_reads_the_folder(folder, tmp_path, monkeypatch):
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rename(tmp_path / "other")
    folder.symlink_to(tmp_path / "other")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with pytest.raises(FkdError, match="belongs to somebody else"):
        photo_folder.__wrapped__()
