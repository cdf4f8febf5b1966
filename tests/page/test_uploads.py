"""Photos are deleted within the hour, even after their process was killed."""

import asyncio
import functools
import os
import tempfile
import time
from pathlib import Path

import pytest

from fkd.errors import FkdError
from fkd.page import uploads
from fkd.page.uploads import MAX_AGE, MAX_AHEAD, keep_swept, photo_folder, run_folder, sweep


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


def test_a_clock_that_is_set_back_keeps_no_photo_longer(tmp_path):
    upload = put(tmp_path / "face.jpg")
    sweep(tmp_path, now=time.time() - MAX_AHEAD + 5)
    assert upload.exists()
    sweep(tmp_path, now=time.time() - 2 * 3600)
    assert not upload.exists()


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Makes the folder as a new process does whose GRADIO_TEMP_DIR is `tmp_path`; it is alive until `end`."""
    ends = []
    monkeypatch.setattr(uploads.atexit, "register", ends.append)
    monkeypatch.setattr(tempfile, "tempdir", None)

    def make() -> Path:
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
        monkeypatch.setattr(uploads, "run_folder", functools.cache(run_folder.__wrapped__))
        return uploads.run_folder()

    yield make, lambda: ends.pop(0)()
    for end in ends:
        end()


def test_what_a_killed_process_left_is_removed_by_the_next_but_not_what_a_live_one_has(start, tmp_path):
    make, end = start
    alive, dead = make(), tmp_path / f"fkd-{os.getuid()}" / "run-dead"
    left, model = put(dead / "photos" / "face.jpg"), put(dead / "fkd-model-1" / "model.safetensors")
    (dead / "lock").touch()
    other = make()
    assert not left.exists() and not model.exists() and alive.is_dir() and other != alive
    assert Path(tempfile.mkdtemp()).parent == other, "whatever is temporary is in it"
    end()
    assert not alive.exists() and other.is_dir()


def test_nobody_else_on_the_machine_reads_the_folder(start, tmp_path):
    make, _ = start
    parent = make().parent
    photos = photo_folder()
    photos.rmdir()  # as a cleaner of temporary files does
    assert {path.stat().st_mode & 0o777 for path in (parent, photos.parent, photo_folder())} == {0o700}
    parent.rename(tmp_path / "other")
    parent.symlink_to(tmp_path / "other")
    with pytest.raises(FkdError, match="belongs to somebody else"):
        make()
