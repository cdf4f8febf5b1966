"""Runs that are killed or meet another run: each resumes, starts again, or ends in one sentence.

A run is a child forked from this process, which has torch loaded: one takes a fraction of a second. In one thread, a
recovered run must end with the bytes of an uninterrupted one. `make fuzz` runs these.
"""

import functools
import io
import json
import os
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_faces
from sentences import check_sentence, one_sentence
from tqdm import tqdm

from fkd.data.split import Split
from fkd.errors import FkdError, is_for_user
from fkd.learn.config import TrainConfig
from fkd.learn.models import ModelConfig
from fkd.learn.run_state import STATE
from fkd.learn.train import train
from fuzz.spoil import spoil

pytestmark = pytest.mark.fuzz
CONFIG = TrainConfig(epochs=3, batch_size=4, precision="fp32")
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}  # audited before they happen, as open is
BUSY = "another run is training into|already holds a run"


@dataclass(frozen=True)
class End:
    """How a child ended: exit status (negative: the signal), the sentence if it was refused, how often it wrote."""

    status: int
    sentence: str = ""
    writes: int = 0


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """A fork of one thread has nothing to wait for."""
    import torch  # noqa: PLC0415 - only here

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # which would be a thread
    tqdm.set_lock(threading.RLock())  # its own is shared with all children, and one that is killed would keep it
    yield
    torch.set_num_threads(threads)


def run(out: Path, resume: bool = False) -> object:
    split = Split(np.arange(4), np.arange(4, 6), np.arange(6, 8))
    return train(ModelConfig("test_resnet", head="regression"), CONFIG, draw_faces(8), split, out, "d", resume=resume)


def fork(work: Callable[[], object], die_at: int = 0, under: Path | None = None) -> Callable[[], End]:
    """Start `work` in a child; returns a function that waits for its end. die_at: of its writes into `under`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status, sentence, counted = 2, "", [0]
        try:
            sys.stderr = io.StringIO()  # the progress bar's
            if under:
                sys.addaudithook(_dying(counted, die_at, str(under)))
            work()
            status = 0
        except BaseException as error:
            status, sentence = (1, str(error)) if is_for_user(error) else (2, traceback.format_exc())
        finally:
            os.write(writing, json.dumps([sentence, counted[0]]).encode())
            os._exit(status)
    os.close(writing)

    def wait() -> End:
        with open(reading, "rb") as file:
            said = file.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sentence, writes = json.loads(said) if said else ("", 0)
        assert status != 2, f"a traceback: {sentence[-500:]}"
        if status == 1:
            check_sentence(sentence)
        return End(status, sentence, writes)

    return wait


def _dying(counted: list[int], die_at: int, under: str) -> Callable[[str, tuple], None]:
    def hook(event: str, arguments: tuple) -> None:
        writes = event in WRITES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & 3)
        paths = (str(argument) for argument in arguments[:2] if isinstance(argument, str | Path))
        if writes and any(path.startswith(under) for path in paths):
            counted[0] += 1
            if counted[0] == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run; safetensors writes a header's keys in any order."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in found:
        if name == STATE:
            found[name] = b""  # pickled strings may be shared or not; the weights that follow from it are compared
        elif name.endswith(".safetensors"):
            end = 8 + int.from_bytes(found[name][:8], "little")
            header = json.dumps(json.loads(found[name][8:end]), sort_keys=True)
            found[name] = header.encode() + found[name][end:]
    return found


@functools.cache
def whole() -> tuple[dict[str, bytes], int]:
    """The files of an uninterrupted run, and its number of writes."""
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder) / "warm")  # here, so that a child finds everything imported
        end = fork(lambda: run(Path(folder) / "m"), under=Path(folder) / "m")()
        assert end.status == 0, end.sentence
        return contents(Path(folder) / "m"), end.writes


def recover(folder: Path) -> None:
    """Follow the advice of the error; the outcome, and nothing else, must be an uninterrupted run's."""
    end = fork(lambda: run(folder, resume=True))()
    if end.status == 1 and "start without --resume" in end.sentence:
        end = fork(lambda: run(folder))()
    assert end.status == 0, end.sentence
    found, expected = contents(folder), whole()[0]
    assert sorted(found) == sorted(os.listdir(folder)) == sorted(expected), f"left: {sorted(os.listdir(folder))}"
    for name, data in expected.items():
        assert found[name] == data, f"{name} differs from an uninterrupted run's"


def stopped(folder: Path, epochs: int) -> None:
    """Leave the folder of a run that was killed right after it wrote the state of its n-th epoch."""

    def work() -> None:
        place = sys.modules["fkd.learn.train"]
        original = place.save_state

        def save(path, run, history, *models):
            original(path, run, history, *models)
            if len(history) == epochs:
                os.kill(os.getpid(), signal.SIGKILL)

        place.save_state = save
        run(folder)

    assert fork(work)().status == -signal.SIGKILL and (folder / STATE).exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_killed_at_any_write_recovers(resume, tmp_path):
    for moment in range(1, whole()[1] + 1):
        out = tmp_path / f"{moment}"
        if resume:
            stopped(out, 1)
        fork(lambda out=out: run(out, resume), moment, out)()
        recover(out)


def test_of_runs_into_one_folder_at_once_one_trains_and_the_others_are_refused(tmp_path):
    for number in range(10):
        out = tmp_path / f"{number}"
        children = [fork(lambda out=out: run(out)) for _ in range(3)]
        ends = sorted((child() for child in children), key=lambda end: end.status)
        assert [end.status for end in ends] == [0, 1, 1], ends
        assert all(re.search(BUSY, end.sentence) for end in ends[1:]), ends
        recover(out)


def test_a_spoilt_state_is_refused_and_stays(tmp_path):
    stopped(tmp_path / "m", 2)
    state = (tmp_path / "m" / STATE).read_bytes()
    header = 8 + int.from_bytes(state[:8], "little")
    for seed in range(100):
        spoilt = spoil(state[:header], seed) + state[header:]
        (tmp_path / "m" / STATE).write_bytes(spoilt)
        if isinstance(one_sentence(lambda: run(tmp_path / "m", resume=True)), FkdError):
            assert (tmp_path / "m" / STATE).read_bytes() == spoilt, "the state was changed"
