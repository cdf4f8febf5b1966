"""The rows of benchmarks/bench.py, and their tools."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parent.parent
PEAK = "\nprint(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
Pairs = list[tuple[float, float]]  # fkd's figure and the other's, run by run


@dataclass(frozen=True)
class Bench:
    """Runs per row, the data folder, and a folder with a training.csv of 7,049 rows."""

    runs: int
    data: Path
    whole: Path

    def in_turn(self, ours: Callable[[], object], other: Callable[[], object]) -> Pairs:
        """Seconds of both, the other first, run by run."""
        return [(seconds(other), seconds(ours))[::-1] for _ in range(self.runs)]


@contextlib.contextmanager
def empty_cache() -> Iterator[None]:
    """A cache with nothing in it."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, FKD_CACHE=folder):
        yield


@dataclass(frozen=True)
class Row:
    """A row of the table, with its targets for the medians.

    ratio: the maximum of fkd's figure divided by the baseline's. most: the maximum of fkd's figure, in the row's unit.
    """

    name: str
    other: str
    unit: str
    measure: Callable[[Bench], Pairs]
    ratio: float | None = None
    most: float | None = None


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def process(*command: str) -> None:
    """Runs Python with these arguments in the clone. Raises CalledProcessError if it fails."""
    subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def peak_memory(code: str) -> float:
    """The peak memory, in MB, of a Python that runs this code; as Linux counts it."""
    command = [sys.executable, "-W", "ignore", "-c", code + PEAK]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout) * 1024 / 1e6
