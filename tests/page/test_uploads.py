"""Photos are deleted within the hour, whoever stored them and however their process ended."""

import os
import threading
import time
from pathlib import Path

import pytest
from served import wait_until

from fkd.errors import FkdError
from fkd.page import uploads
from fkd.page.uploads import MAX_AGE, photo_folder, start_sweeping, sweep


def put(path: Path) -> Path:
    """Writes a file; tries again where a sweep that keeps nothing takes its folder between two steps."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"a photo")
        except (FileExistsError, FileNotFoundError):
            continue
        return path


def test_whatever_is_old_goes(tmp_path):
    upload = put(tmp_path / "hash" / "face.jpg")
    cut_off = put(tmp_path / "tmpab12cd")  # Gradio's name for an unfinished upload
    assert sweep(tmp_path, time.time() + MAX_AGE - 5) == 0 and upload.exists()
    assert sweep(tmp_path, time.time() + MAX_AGE + 5) == 2
    assert tmp_path.exists() and not upload.exists() and not cut_off.exists() and not upload.parent.exists()


def test_a_file_is_as_old_as_its_last_change_whatever_its_date_says(tmp_path):
    upload = put(tmp_path / "face.jpg")
    os.utime(upload, (0, 0))  # an uploader may not choose when it goes
    assert sweep(tmp_path) == 0
    os.utime(upload, (2e9, 2e9))
    assert sweep(tmp_path, now=time.time() + MAX_AGE + 5) == 1


def test_the_sweep_goes_on_while_files_come_and_whatever_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "SWEEP_INTERVAL", 0.01)
    monkeypatch.setattr(uploads, "MAX_AGE", 0)
    ended, sweeps, original = threading.Event(), [], sweep

    def failing(folder):
        sweeps.append(folder)
        if len(sweeps) == 1:
            raise RuntimeError("Set changed size during iteration")
        return original(folder)

    monkeypatch.setattr(uploads, "sweep", failing)
    thread = start_sweeping(tmp_path, ended)
    for number in range(300):
        put(tmp_path / str(number % 7) / f"{number}.jpg")
    wait_until(lambda: not [path for path in tmp_path.rglob("*") if path.is_file()])
    assert len(sweeps) > 1 and thread.is_alive()
    ended.set()
    thread.join(5)
    assert not thread.is_alive()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder as a process finds it whose GRADIO_TEMP_DIR is `tmp_path`."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return photo_folder.__wrapped__()


def test_what_a_killed_process_left_is_in_the_folder_that_the_next_one_sweeps(folder, tmp_path, monkeypatch):
    left = put(folder / "hash" / "face.jpg")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert photo_folder.__wrapped__() == folder and left.exists()
    assert sweep(folder, time.time() + MAX_AGE + 5) == 1


def test_nobody_else_on_the_machine_reads_the_folder(folder, tmp_path, monkeypatch):
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rename(tmp_path / "other")
    folder.symlink_to(tmp_path / "other")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with pytest.raises(FkdError, match="belongs to somebody else"):
        photo_folder.__wrapped__()
