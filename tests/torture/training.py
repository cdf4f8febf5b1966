"""Runs that are killed, find the disk full or another's files: each resumes or starts anew, or says why not.

A run is a child forked from this process, which has torch loaded: one takes a fraction of a second. In one thread, a
recovered run must end with the bytes of an unbroken one.
"""

import contextlib
import functools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from fkd.data.faces import Faces
from fkd.data.split import Split
from fkd.keypoints import MEAN_FACE
from fkd.learn.augment import AugmentConfig
from fkd.learn.config import TrainConfig
from fkd.learn.models import ModelConfig
from fkd.learn.run_state import LOCK, STATE
from fkd.learn.train import train
from torture.case import Case, Skip, check_sentence, one_sentence, refused

MODEL = ModelConfig("test_resnet", head="regression")
CONFIG = TrainConfig(epochs=3, batch_size=4, precision="fp32")
FILES = ("config.json", "history.csv", "model.safetensors")
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}  # audited before they happen, as open is


@dataclass(frozen=True)
class End:
    """How a child ended: exit status (negative: the signal), the sentence if it was refused, how often it wrote."""

    status: int
    sentence: str = ""
    writes: int = 0


@functools.cache
def faces() -> Faces:
    rng = np.random.default_rng(0)
    points = np.array(MEAN_FACE) + rng.normal(0, 2, (8, 15, 2))
    return Faces(rng.integers(0, 256, (8, 96, 96), dtype=np.uint8), points.astype(np.float32))


def run(out: Path, resume: bool = False, config: TrainConfig = CONFIG, model: ModelConfig = MODEL) -> object:
    split = Split(np.arange(4), np.arange(4, 6), np.arange(6, 8))
    return train(model, config, faces(), split, out, "noise", resume=resume)


def fork(work: Callable[[], object], die_at: int = 0, under: Path | None = None) -> Callable[[], End]:
    """Starts `work` in a child, and returns what waits for its end. die_at: of its writes into the folder `under`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status, sentence, counted = 2, "", [0]
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.alarm(0)
            if under:
                sys.addaudithook(_dying(counted, die_at, str(under)))
            work()
            status = 0
        except (ValueError, OSError) as error:
            status, sentence = 1, str(error)
        except BaseException:
            sentence = traceback.format_exc()
        finally:
            os.write(writing, json.dumps([sentence, counted[0]]).encode())
            os._exit(status)
    os.close(writing)

    def wait() -> End:
        try:
            with open(reading, "rb") as file:
                said = file.read()
        except BaseException:  # the case took too long
            os.kill(child, signal.SIGKILL)
            raise
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sentence, writes = json.loads(said) if said else ("", 0)
        assert status != 2, f"a traceback: {sentence[-500:]}"
        if status == 1:
            check_sentence(sentence)
        return End(status, sentence, writes)

    wait.child = child
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
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@functools.cache
def whole() -> tuple[dict[str, bytes], float, int]:
    """What an unbroken run leaves, how long it takes (s), and how many writes it makes."""
    with scratch() as folder:
        run(folder / "warm")  # here, so that a child finds everything imported
        start = time.perf_counter()
        end = fork(lambda: run(folder / "m"), under=folder / "m")()
        took = time.perf_counter() - start
        assert end.status == 0, end.sentence
        return contents(folder / "m"), took, end.writes


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def recover(folder: Path) -> None:
    """Does what the sentences say, and compares the outcome, and that nothing else is left, with an unbroken run's."""
    end = fork(lambda: run(folder, resume=True))()
    if end.status == 1 and "start without --resume" in end.sentence:
        end = fork(lambda: run(folder))()
    assert end.status == 0, end.sentence
    found, expected = contents(folder), whole()[0]
    assert sorted(found) == sorted(os.listdir(folder)) == sorted(expected), f"left: {sorted(os.listdir(folder))}"
    for name, data in expected.items():
        assert found[name] == data, f"{name} differs from an unbroken run's"


def killed_at(moment: int) -> None:
    with scratch() as folder:
        end = fork(lambda: run(folder / "m"), moment, folder / "m")()
        assert end.status == -signal.SIGKILL, f"it was not killed: {end}"
        recover(folder / "m")


def killed_again_at(moment: int) -> None:
    """Killed after the first epoch, and at a write of the run that resumes it."""
    with scratch() as folder:
        stopped(folder / "m", 1)
        fork(lambda: run(folder / "m", resume=True), moment, folder / "m")()
        recover(folder / "m")


def killed_while_saving(moment: int) -> None:
    """Killed with half of the n-th safetensors file written: that is done in Rust, where no call is audited."""

    def half(original: Callable) -> Callable:
        left = [moment]

        def save(tensors, path, metadata=None):
            left[0] -= 1
            original(tensors, path, metadata)
            if left[0] == 0:
                os.truncate(path, os.path.getsize(path) // 2)
                os.kill(os.getpid(), signal.SIGKILL)

        return save

    def work() -> None:
        place = sys.modules["fkd.learn.checkpoint"]
        place.save_file = half(place.save_file)
        run(folder / "m")

    with scratch() as folder:
        assert fork(work)().status == -signal.SIGKILL
        recover(folder / "m")


def killed_after(seconds: float, again: float | None = None) -> None:
    with scratch() as folder:
        for resume, wait in ((False, seconds), (True, again)):
            if wait is not None:
                end = fork(lambda resume=resume: run(folder / "m", resume))
                time.sleep(wait)
                os.kill(end.child, signal.SIGKILL)
                end()
        recover(folder / "m")


def stopped(folder: Path, epochs: int) -> None:
    """Leaves the folder of a run that was killed right after it wrote the state of its n-th epoch."""

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


@contextlib.contextmanager
def mounted(size: int) -> Iterator[Path]:
    """A file system of its own, of so many bytes."""
    with scratch() as folder:
        mount(folder, "-t", "tmpfs", "-o", f"size={size}", "none")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount(folder: Path, *options: str) -> None:
    try:
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    except OSError as error:
        raise Skip(f"no mount here ({error.strerror})") from None
    if done.returncode:
        raise Skip(f"a file system cannot be mounted here ({done.stderr.strip()})")


def full_disk(share: float) -> None:
    """So much of the room that a run takes, then enough of it."""
    room = 6 * sum(map(len, whole()[0].values()))
    with mounted(int(room * share)) as folder:
        end = fork(lambda: run(folder / "m"))()
        if end.status == 1:
            assert "free some space" in end.sentence, end.sentence
            asides = [path.name for path in (folder / "m").glob(".*")]
            assert not asides, f"left aside: {asides}"
            again = fork(lambda: run(folder / "m", resume=(folder / "m" / STATE).exists()))()
            assert again.status == 1 and "free some space" in again.sentence, again
            mount(folder, "-o", f"remount,size={2 * room}")
        recover(folder / "m")


def few_inodes(count: int) -> None:
    with mounted(100_000_000) as folder:
        mount(folder, "-o", f"remount,nr_inodes={count}")
        end = fork(lambda: run(folder / "m"))()
        assert end.status == 1 and "free some space" in end.sentence, end
        mount(folder, "-o", "remount,nr_inodes=1000")
        recover(folder / "m")


def read_only(epochs: int) -> None:
    """From the start, or from after an epoch's state."""
    with mounted(100_000_000) as folder:
        if epochs:
            stopped(folder / "m", epochs)
        mount(folder, "-o", "remount,ro")
        end = fork(lambda: run(folder / "m", resume=bool(epochs)))()
        assert end.status == 1 and "make it writable or choose another folder" in end.sentence, end
        assert ("--resume" in end.sentence) == bool(epochs), end.sentence
        mount(folder, "-o", "remount,rw")
        recover(folder / "m")


def no_rights() -> None:
    """As a user who may not write there: the superuser may write everywhere."""

    def work() -> None:
        os.setgid(65534)
        os.setuid(65534)
        run(folder / "m")

    if os.getuid():
        raise Skip("only the superuser can become somebody else")
    with scratch() as folder:
        folder.chmod(0o555)
        end = fork(work)()
        assert end.status == 1 and "make it writable or choose another folder" in end.sentence, end
        folder.chmod(0o755)
        recover(folder / "m")


def files_limited(limit: int) -> None:
    """A file that may not grow beyond a limit, as a quota or an old file system has it."""

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        run(folder / "m")

    with scratch() as folder:
        end = fork(work)()
        assert end.status == 1 and "cannot be written" in end.sentence, end
        recover(folder / "m")


def two_at_once(delay: float) -> None:
    with scratch() as folder:
        first = fork(lambda: run(folder / "m"))
        time.sleep(delay)
        ends = [fork(lambda: run(folder / "m"))(), first()]
        assert sorted(end.status for end in ends) == [0, 1], ends
        loser = next(end for end in ends if end.status)
        assert re.search("another run is training into|already holds a run", loser.sentence), loser
        recover(folder / "m")


def crowd(count: int) -> None:
    """Many that resume one run at the same moment."""
    with scratch() as folder:
        stopped(folder / "m", 1)
        children = [fork(lambda: run(folder / "m", resume=True)) for _ in range(count)]
        ends = [child() for child in children]
        assert any(end.status == 0 for end in ends), ends
        for end in ends:  # one that comes when the run has ended finds it finished
            assert end.status == 0 or "another run is training into" in end.sentence, end
        recover(folder / "m")


def a_lock_dies_with_its_process() -> None:
    with scratch() as folder:
        child = fork(lambda: run(folder / "m", config=replace(CONFIG, epochs=10_000)))
        while not (folder / "m" / STATE).exists():
            time.sleep(0.01)
        for resume in (False, True):
            end = fork(lambda resume=resume: run(folder / "m", resume))()
            assert end.status == 1 and "another run is training into" in end.sentence, end
        os.kill(child.child, signal.SIGKILL)
        child()
        assert (folder / "m" / LOCK).exists()
        end = fork(lambda: run(folder / "m"))()
        assert end.status == 1 and "continue it with --resume" in end.sentence, end


def folder_removed() -> None:
    with scratch() as folder:
        child = fork(lambda: run(folder / "m", config=replace(CONFIG, epochs=10_000)))
        while not (folder / "m" / STATE).exists():
            time.sleep(0.01)
        while (folder / "m").exists():
            shutil.rmtree(folder / "m", ignore_errors=True)
        end = child()
        assert end.status == 1 and "cannot be written" in end.sentence, end
        shutil.rmtree(folder / "m", ignore_errors=True)
        recover(folder / "m")


@functools.cache
def second_epoch() -> tuple[dict[str, bytes], dict[str, str], dict[str, torch.Tensor]]:
    """The files of a run stopped after its second epoch's state, and that state's metadata and tensors."""
    with scratch() as folder:
        stopped(folder / "m", 2)
        with safetensors.safe_open(folder / "m" / STATE, "pt") as file:
            metadata = file.metadata()
        return contents(folder / "m"), metadata, load_file(folder / "m" / STATE)


def with_state(state: bytes, must: bool = True) -> None:
    """A resumed run whose state file has this content: it is refused in a sentence, and nothing changes."""
    with scratch() as folder:
        for name, data in (second_epoch()[0] | {STATE: state}).items():
            path = folder / "m" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (refused if must else one_sentence)(lambda: run(folder / "m", resume=True))
        if must:
            assert (folder / "m" / STATE).read_bytes() == state, "the state was changed"


def with_parts(metadata: dict[str, str] | None, tensors: dict[str, torch.Tensor], must: bool = True) -> None:
    with scratch() as folder:
        save_file(tensors, folder / "state", metadata)
        state = (folder / "state").read_bytes()
    with_state(state, must)


def states(quick: bool) -> Iterator[Case]:
    """State files that are cut, damaged, another's, or meant ill."""
    files, metadata, tensors = second_epoch()
    state = files[STATE]
    rng = random.Random(0)
    header = 8 + int.from_bytes(state[:8], "little")
    for size in [0, header] if quick else [0, 1, 7, 8, 9, header - 1, header, header + 1, len(state) - 1]:
        yield Case(f"a state cut to {size} bytes", functools.partial(with_state, state[:size]))
    yield Case("a state with more after its end", functools.partial(with_state, state + b"x"))
    for number in range(2 if quick else 60):
        at, value = rng.randrange(header), rng.randrange(256)
        damaged = state[:at] + bytes([value]) + state[at + 1 :]
        yield Case(f"a state damaged at byte {at} ({number})", functools.partial(with_state, damaged, must=False))
    yield Case("a state without metadata", functools.partial(with_parts, None, tensors))
    yield Case("another's file", functools.partial(with_parts, {"format": "pt"}, {"weight": torch.zeros(3)}))
    yield Case("weights as a state", functools.partial(with_state, whole()[0]["model.safetensors"]))
    if quick:
        return
    history = json.loads(metadata["history"])
    hostile = [
        "", "null", "1", "[]", "{}", "[[]]", '"x"', "[" * 100_000, "NaN", '{"model": 1}', "1" * 5000,
        json.dumps(history * 2), json.dumps(history[::-1]), json.dumps([history[0], history[0] | {"epoch": 3}]),
        json.dumps([*history, {"epoch": 3}]), json.dumps([history[0], history[1] | {"validation_rmse": None}]),
        json.dumps([history[0], history[1] | {"lr": float("nan")}]),
        json.dumps([history[0], history[1] | {"train_rmse": [1] * 1000}]),
        json.dumps([history[0], history[1] | {"more\nlines": 1}]),
        json.dumps([row | {"epoch": row["epoch"] + 1} for row in history]),
        json.dumps([history[0], *({"epoch": n, "train_rmse": 1, "validation_rmse": 1, "lr": 1} for n in range(2, 9))]),
    ]  # fmt: skip
    for number, value in enumerate(hostile):
        for part in ("run", "history"):
            work = functools.partial(with_parts, metadata | {part: value}, tensors)
            yield Case(f"a state with hostile {part} {number}", work)
    for part in ("run", "history"):
        rest = {key: value for key, value in metadata.items() if key != part}
        yield Case(f"a state without {part}", functools.partial(with_parts, rest, tensors))
    record = json.loads(metadata["run"])
    for part in record:
        for key in record[part]:
            for value in (None, "x\ny" * 1000, [[]] * 1000):
                changed = json.dumps(record | {part: record[part] | {key: value}})
                if json.loads(changed) != record:
                    must = (key, value) != ("warmup_epochs", None)  # which stands for as many as there were
                    work = functools.partial(with_parts, metadata | {"run": changed}, tensors, must)
                    yield Case(f"a state of another {part} {key}", work)
    for name in rng.sample(sorted(tensors), 20):
        tensor = tensors[name]
        for what, others in (
            ("without", {}),
            ("with a longer", {name: torch.zeros(tensor.numel() + 1, dtype=tensor.dtype)}),
            ("with an int8", {name: torch.zeros(tensor.shape, dtype=torch.int8)}),
        ):
            rest = {key: value for key, value in tensors.items() if key != name}
            yield Case(f"a state {what} {name}", functools.partial(with_parts, metadata, rest | others))
        if tensor.is_floating_point():
            changed = tensors | {name: torch.full_like(tensor, torch.nan)}
            work = functools.partial(with_parts, metadata, changed, must=False)
            yield Case(f"a state with {name} not finite", work)
    for name in ("more", "optimizer.x.step", "optimizer.9999.step", "optimizer.0.more", "optimizer.", "a\nb" * 1000):
        yield Case(
            f"a state with {name[:20]!r} too", functools.partial(with_parts, metadata, tensors | {name: tensor.clone()})
        )


def without(name: str) -> None:
    """A stopped run whose folder lost a file, or has a folder in its place."""
    for instead in (None, "a folder"):
        with scratch() as folder:
            for other, data in second_epoch()[0].items():
                (folder / "m").mkdir(exist_ok=True)
                (folder / "m" / other).write_bytes(data)
            (folder / "m" / name).unlink(missing_ok=True)
            if instead:
                (folder / "m" / name).mkdir()
            for resume in (True, False):
                one_sentence(lambda resume=resume, folder=folder: run(folder / "m", resume))


def cases(quick: bool) -> Iterator[Case]:
    """The cases; quick: a few of each."""
    torch.set_num_threads(1)  # before anything else: a fork in one thread has nothing to wait for
    tqdm.monitor_interval = 0  # which would be a thread
    tqdm.set_lock(threading.RLock())  # its own is shared with all children, and one that is killed would keep it
    rng = random.Random(0)
    _, took, writes = whole()
    moments = range(1, writes + 1)
    for moment in rng.sample(moments, 3) if quick else moments:
        yield Case(f"killed at write {moment} of {writes}", functools.partial(killed_at, moment))
    for moment in [5] if quick else moments[: 2 * writes // 3 + 5]:
        yield Case(f"resumed, then killed at write {moment}", functools.partial(killed_again_at, moment))
    for moment in [1] if quick else range(1, 5):
        yield Case(f"killed in the middle of save {moment}", functools.partial(killed_while_saving, moment))
    for number in range(2 if quick else 200):
        again = rng.uniform(0, took) if number % 4 == 0 else None
        yield Case(f"random kill {number}", functools.partial(killed_after, rng.uniform(0, 1.05 * took), again))
    for share in [0.5] if quick else [0.005, 0.05, *np.arange(0.1, 1.3, 0.1).round(1)]:
        yield Case(f"a disk with {share:g} of the room", functools.partial(full_disk, share))
    for count in [] if quick else range(2, 8):
        yield Case(f"a disk with {count} inodes", functools.partial(few_inodes, count))
    for epochs in [1] if quick else range(4):
        yield Case(f"read-only after {epochs} epochs", functools.partial(read_only, epochs))
    yield Case("no right to write", no_rights)
    for limit in [1_000_000] if quick else [10, 1_000, 100_000, 1_000_000, 4_000_000]:
        yield Case(f"files of at most {limit:,} bytes", functools.partial(files_limited, limit))
    for number in range(1 if quick else 20):
        yield Case(f"two at once, {number}", functools.partial(two_at_once, rng.uniform(0, took) * (number % 2)))
    for number in range(0 if quick else 5):
        yield Case(f"a crowd that resumes, {number}", functools.partial(crowd, 4))
    yield Case("a lock dies with its process", a_lock_dies_with_its_process)
    yield Case("the folder is removed", folder_removed)
    yield from states(quick)
    for name in (*FILES, STATE, LOCK):
        yield Case(f"a stopped run without {name}", functools.partial(without, name))
    for strength in (-1.0, 10.01, 1e6, 1e308, float("nan"), float("inf")):
        yield Case(f"augmentation of {strength:g}", lambda strength=strength: refused(lambda: strong(strength)))
    if not quick:
        yield Case("augmentation of 10", lambda: one_sentence(lambda: strong(10)))


def strong(strength: float) -> None:
    with scratch() as folder:
        run(folder / "m", config=replace(CONFIG, epochs=1, augment=AugmentConfig().scaled(strength)))
