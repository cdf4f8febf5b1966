"""Read and write a leaderboard's folder: evaluations as JSON files.

leaderboard/BENCHMARK/benchmark.json describes what is ranked, published.json holds scores reported elsewhere on data
we do not have; every other json there is one entry.
leaderboard/claims.json holds the claims of Hub models. Anyone may have written these files: one that cannot be read
becomes a row, or a line of `problems`, with the reason; the others are unaffected.
"""

import contextlib
import dataclasses
import functools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from fkd.board.record import Evaluation, from_json, read_evaluation
from fkd.errors import FkdError
from fkd.files import STRICT, Count, Figure, Line, file_stem, read_json, typed, write_json
from fkd.metrics import Figures

BENCHMARK, PUBLISHED, SYNCED = "benchmark.json", "published.json", "claims.json"
NO_ENTRIES = (BENCHMARK, PUBLISHED)  # other files of a benchmark's folder
LARGEST_SYNCED = 20_000_000  # bytes
KAGGLE = "kaggle-facial-keypoints"
MOST_KEPT = 20_000  # cached entries, of all benchmarks together
State = tuple[int, ...] | None  # detects changed files; None if stat fails
_READING = threading.Lock()  # concurrent requests share one read
Address = Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s\)\]<>]+$")]


@dataclass(frozen=True)
class Benchmark:
    """The test data of a ranking: its fingerprint and the numbers of faces and labelled coordinates.

    The first entry fills in the last three of these: until then they are "", 0 and 0. sources: the data sets that its
    faces are from.
    """

    __pydantic_config__ = STRICT

    name: Annotated[Line, Field(min_length=1)]
    description: Line
    fingerprint: Line
    faces: Count
    values: Count
    sources: Annotated[list[Line], Field(max_length=20)] = field(default_factory=list)


@dataclass(frozen=True)
class Entries:
    """The entries of a benchmark's folder, and why its other files are not entries.

    unreadable: the reasons, by the file's name without .json.
    """

    measured: list[Evaluation]
    unreadable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """Scores reported elsewhere: RMSE in px on the parts of Kaggle's hidden test set, and where to read about them.

    Attributes:
        private, public: on that part; None if not reported.
        unstated: where the source does not say on which part.
    """

    __pydantic_config__ = STRICT

    what: Line
    source: Address
    private: Figure | None = None
    public: Figure | None = None
    unstated: Figure | None = None

    def __post_init__(self) -> None:
        if self.private is self.public is self.unstated is None:
            raise FkdError("it reports no score, expected private, public or unstated")

    @property
    def best(self) -> float:
        """The score to sort by: the private one, if reported."""
        scores = (self.private, self.unstated, self.public)
        return next(score for score in scores if score is not None)

    @property
    def text(self) -> str:
        """All scores, such as "1.310 private, 1.517 public"."""
        parts = {"private": self.private, "public": self.public, "part not stated": self.unstated}
        return ", ".join(f"{score:.3f} {part}" for part, score in parts.items() if score is not None)


@dataclass(frozen=True)
class Claim:
    """The results that the card of a Hub model claims on a benchmark.

    network: fcnn, or timm's name, from its tags. figures: the claimed ones, by the keys of METRICS. refused: why the
    claim is refused, or empty; a refused claim has no figures.
    """

    __pydantic_config__ = STRICT

    repo: Line
    revision: Line
    benchmark: Line
    network: Line
    figures: Figures
    parameters: Count | None
    date: Line
    refused: Line


@dataclass(frozen=True)
class Synced:
    """The claims of Hub models, and when they were read (UTC); no date if they never were.

    failure: when and why a later reading failed, or an empty text.
    """

    __pydantic_config__ = STRICT

    date: Line
    claims: list[Claim]
    failure: Line = ""


def write_entry(root: Path | str, evaluation: Evaluation, description: str) -> Path:
    """Write an evaluation as the entry ROOT/BENCHMARK/NAME.json and return that path.

    The entry of the Hub model user/name is user--name.json.
    The first entry of a benchmark defines it (benchmark.json); a later one with other test data is
    written too, and `ranking` shows it unranked.
    Raises FkdError for a name that cannot be a file's here, a benchmark.json that cannot be read, or submitted
    predictions that would replace a measured entry.
    """
    if Path(evaluation.benchmark).name != evaluation.benchmark or evaluation.benchmark in ("", ".."):
        raise FkdError(f"{evaluation.benchmark!r} cannot be a benchmark's name: it would not be a folder of {root}")
    if file_stem("/") in evaluation.name:
        whose = evaluation.name.replace(file_stem("/"), "/", 1)
        raise FkdError(f"{evaluation.name!r} cannot be an entry's name, since {whose!r} has its file: choose another")
    if file_name(evaluation) in NO_ENTRIES:
        raise FkdError(f"{evaluation.name!r} cannot be an entry's name: choose another by --name")
    from_json(dataclasses.asdict(evaluation), f"the entry {evaluation.name!r}")  # raises if it could not be read back
    folder = Path(root) / evaluation.benchmark
    path = folder / file_name(evaluation)
    if evaluation.submitted and path.exists() and not read_evaluation(path).submitted:
        raise FkdError(f"{evaluation.name!r} already has a measured entry: use another --name")
    existing = read_benchmark(folder) if (folder / BENCHMARK).exists() else None
    if not existing or not existing.fingerprint:
        benchmark = Benchmark(
            name=evaluation.benchmark,
            description=existing.description if existing else description,
            fingerprint=evaluation.fingerprint,
            faces=evaluation.accuracy.faces,
            values=evaluation.accuracy.values,
            sources=existing.sources if existing else [],
        )
        write_json(folder / BENCHMARK, dataclasses.asdict(benchmark))
    write_json(path, dataclasses.asdict(evaluation))
    return path


def file_name(evaluation: Evaluation) -> str:
    """Return the file name of an entry, unique within a benchmark."""
    return f"{file_stem(evaluation.name)}.json"


def read_benchmark(folder: Path) -> Benchmark:
    """Read the benchmark of a folder.

    Raises FileNotFoundError, or FkdError for a benchmark.json that is not its own.
    """
    benchmark = typed(read_json(folder / BENCHMARK), Benchmark, str(folder / BENCHMARK))
    if benchmark.name != folder.name:
        raise FkdError(f"{folder / BENCHMARK}: name is {benchmark.name[:60]!r}, but its folder is {folder.name!r}")
    return benchmark


def read_benchmarks(root: Path | str) -> list[Benchmark]:
    """Return the benchmarks under ROOT, by name; `problems` reports unreadable ones."""
    benchmarks = []
    for path in sorted(Path(root).glob(f"*/{BENCHMARK}")):
        with contextlib.suppress(FkdError, OSError):  # `problems` reports it
            benchmarks.append(read_benchmark(path.parent))
    return benchmarks


def find_benchmark(root: Path | str, name: str) -> Benchmark:
    """Return the benchmark of that name under ROOT.

    Raises FkdError with the existing names otherwise; without ROOT, since visitors of the page read the message.
    """
    benchmarks = {benchmark.name: benchmark for benchmark in read_benchmarks(root)}
    if name not in benchmarks:
        known = f"expected one of {', '.join(benchmarks)}" if benchmarks else "there are none yet"
        raise FkdError(f"unknown benchmark {name!r}: {known}")
    return benchmarks[name]


def read_entries(root: Path | str, benchmark: Benchmark) -> Entries:
    """Return the entries of one benchmark, and why its other files are not entries.

    Do not modify the result: the same object is returned until a file changes, and only changed files are read again.
    """
    folder = Path(root) / benchmark.name
    with _READING:
        return _entries(folder, _states(folder))


def _states(folder: Path) -> tuple[tuple[str, State], ...]:
    """The files of a folder that may be entries, with their states, by name."""
    try:
        with os.scandir(folder) as files:
            others = [file for file in files if file.name.endswith(".json") and file.name not in NO_ENTRIES]
            return tuple(sorted((file.name, _state(file)) for file in others))
    except OSError:  # no such folder: no entry
        return ()


def _state(path: os.PathLike[str]) -> State:
    try:
        about = os.stat(path)
    except OSError:
        return None
    return (about.st_ino, about.st_mtime_ns, about.st_ctime_ns, about.st_size)


@functools.lru_cache(8)
def _entries(folder: Path, states: tuple[tuple[str, State], ...]) -> Entries:
    read = {name: _entry(folder / name, state) for name, state in states}
    measured = [entry for entry in read.values() if isinstance(entry, Evaluation)]
    return Entries(measured, {Path(name).stem: why for name, why in read.items() if isinstance(why, str)})


@functools.lru_cache(MOST_KEPT)
def _entry(path: Path, state: State) -> Evaluation | str:
    """Return a file's entry, or the reason why it cannot be read; cached until the file changes."""
    try:
        entry = read_evaluation(path)
        if entry.benchmark != path.parent.name:
            raise FkdError(f"{path} is an entry of {entry.benchmark[:60]!r}, not of {path.parent.name!r}")
        if path.name != file_name(entry):
            raise FkdError(f"{path} has the name {entry.name[:60]!r}, whose file is {file_name(entry)[:60]}")
        return entry
    except (FkdError, OSError) as error:
        return _in_root(error, path.parent.parent)


def read_published(root: Path | str, benchmark: Benchmark) -> list[Published]:
    """Scores reported elsewhere for a benchmark, best first.

    They were not measured by fkd, nor on the same faces, so they are never ranked with entries. Empty if the file is
    missing or unreadable (see `problems`).
    """
    try:
        return sorted(_read_published(Path(root) / benchmark.name), key=lambda score: score.best)
    except (FkdError, OSError):
        return []


def read_synced(root: Path | str) -> Synced:
    """Return the result of the last `fkd.hub.claims.sync`; empty, with the reason as its failure, if unreadable.

    As of `read_entries`, the same object as long as the file stays as it is.
    """
    path = Path(root) / SYNCED
    with _READING:
        return _synced(path, _state(path))


@functools.lru_cache(8)
def _synced(path: Path, state: State) -> Synced:
    if state is None:
        return Synced("", [])
    try:
        return _read_synced(path)
    except (FkdError, OSError) as error:
        return Synced("", [], _in_root(error, path.parent)[:300])


def problems(root: Path | str) -> list[str]:
    """Return one sentence for each unreadable file under ROOT, except entries."""
    sentences = []
    for folder in sorted(Path(root).glob("*/")):
        readers: dict[str, Callable[[Path], object]] = {
            BENCHMARK: read_benchmark,
            PUBLISHED: _read_published,
        }
        for name, read in readers.items():
            if (folder / name).exists():
                try:
                    read(folder)
                except (FkdError, OSError) as error:
                    sentences.append(_in_root(error, Path(root)))
    synced = Path(root) / SYNCED
    try:
        if synced.exists():
            _read_synced(synced)
    except (FkdError, OSError) as error:
        sentences.append(_in_root(error, Path(root)))
    return sentences


def _in_root(error: Exception, root: Path) -> str:
    """Return an error's text with paths relative to ROOT, for visitors of the page."""
    return str(error).replace(f"{root}{os.sep}", "")


def _read_synced(path: Path) -> Synced:
    return typed(read_json(path, LARGEST_SYNCED), Synced, str(path))


def _read_published(folder: Path) -> list[Published]:
    return typed(read_json(folder / PUBLISHED), list[Published], str(folder / PUBLISHED))
