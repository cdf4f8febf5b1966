"""Photos are deleted within the hour, whoever stored them and however their process ended."""

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
    upload = put(tmp_path / "hash" / "face.jpg")
    cut_off = put(tmp_path / "tmpab12cd")  # Gradio's name for an unfinished upload
    sweep(tmp_path, time.time() + MAX_AGE - 5)
    assert upload.exists() and cut_off.exists()
    sweep(tmp_path, time.time() + MAX_AGE + 5)
    assert tmp_path.exists() and not upload.exists() and not cut_off.exists() and not upload.parent.exists()


def test_a_file_is_as_old_as_its_last_change_whatever_its_date_says(tmp_path):
    upload = put(tmp_path / "face.jpg")
    os.utime(upload, (0, 0))  # an uploader may not choose when it goes
    sweep(tmp_path)
    assert upload.exists()
    os.utime(upload, (2e9, 2e9))
    sweep(tmp_path, now=time.time() + MAX_AGE + 5)
    assert not upload.exists()


def test_the_sweep_goes_on_after_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "SWEEP_INTERVAL", 0.01)
    photo, sweeps = tmp_path / "face.jpg", []

    def fails_once(folder):
        sweeps.append(folder)
        if len(sweeps) == 1:
            raise RuntimeError("Set changed size during iteration")
        sweep(folder, time.time() + MAX_AGE + 5)

    async def run() -> None:
        sweeping = asyncio.create_task(keep_swept(tmp_path))
        while photo.exists():
            await asyncio.sleep(0.01)
        sweeping.cancel()

    monkeypatch.setattr(uploads, "sweep", fails_once)
    photo.write_bytes(b"a photo")
    asyncio.run(asyncio.wait_for(run(), 10))


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
