"""Photos go within the hour, whoever put them there and however their process ended."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from served import wait_until

from fkd.page import uploads
from fkd.page.uploads import KEPT, RUN, keep_swept, remove_dead, sweep

HOLD = "from fkd.page.uploads import photo_folder; print(photo_folder(), flush=True); input()"


def put(path: Path) -> Path:
    """Writes a file; tries again where a sweep that keeps nothing takes its folder between two steps."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"a photo")
        except (FileExistsError, FileNotFoundError):
            continue
        return path


def test_whatever_is_old_goes_and_the_examples_stay(tmp_path):
    example, upload = put(tmp_path / "examples" / "a.jpg"), put(tmp_path / "hash" / "face.jpg")
    cut_off = put(tmp_path / "tmpab12cd")  # as Gradio names an upload that is not yet whole
    assert sweep(tmp_path, {example}, time.time() + KEPT - 5) == 0 and upload.exists()
    assert sweep(tmp_path, {example}, time.time() + KEPT + 5) == 2
    assert example.exists() and not upload.exists() and not cut_off.exists() and not upload.parent.exists()


def test_a_file_is_as_old_as_its_last_change_whatever_its_date_says(tmp_path):
    upload = put(tmp_path / "face.jpg")
    os.utime(upload, (0, 0))  # an uploader may not choose when it goes
    assert sweep(tmp_path) == 0
    os.utime(upload, (2e9, 2e9))
    assert sweep(tmp_path, now=time.time() + KEPT + 5) == 1


def test_the_sweep_goes_on_while_files_come_and_whatever_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "EVERY", 0.01)
    monkeypatch.setattr(uploads, "KEPT", 0)
    ended, sweeps, original = threading.Event(), [], sweep

    def failing(folder, kept):
        sweeps.append(folder)
        if len(sweeps) == 1:
            raise RuntimeError("Set changed size during iteration")
        return original(folder, kept)

    monkeypatch.setattr(uploads, "sweep", failing)
    thread = keep_swept(tmp_path, ended)
    for number in range(300):
        put(tmp_path / str(number % 7) / f"{number}.jpg")
    wait_until(lambda: not [path for path in tmp_path.rglob("*") if path.is_file()])
    assert len(sweeps) > 1 and thread.is_alive()
    ended.set()
    thread.join(5)
    assert not thread.is_alive()


def start(parent: Path) -> tuple[subprocess.Popen, Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=os.environ | {"GRADIO_TEMP_DIR": str(parent)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_goes_at_the_next_start_and_the_living_keep_theirs(tmp_path):
    killed, left = start(tmp_path)
    living, kept = start(tmp_path)
    put(left / "hash" / "face.jpg")
    put(kept / "hash" / "face.jpg")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert left.exists()
    after, _ = start(tmp_path)
    assert not left.exists() and not left.with_suffix(".lock").exists()
    assert (kept / "hash" / "face.jpg").exists()
    for process in (living, after):
        process.communicate("\n", timeout=20)
    assert not list(tmp_path.iterdir()), "a process that ends by itself leaves nothing"


def test_another_users_folder_is_left_alone(tmp_path):
    (tmp_path / f"{RUN}x.lock").mkdir()  # cannot be locked
    (tmp_path / f"{RUN}x").mkdir()
    remove_dead(tmp_path)
    assert (tmp_path / f"{RUN}x").exists()


def test_nobody_else_on_the_machine_reads_the_folder(tmp_path):
    process, folder = start(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    process.communicate("\n", timeout=20)
