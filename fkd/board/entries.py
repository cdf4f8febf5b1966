"""Read and write a leaderboard's folder of JSON files.

leaderboard/BENCHMARK/benchmark.json describes what is ranked; every other json there is one entry.
leaderboard/claims.json holds the claims of Hub models. Anyone may have written these files: one that cannot be read
becomes a row, or a line of `problems`, with the reason; the others are unaffected.
"""

import contextlib
import dataclasses
import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from fkd.board.record import Evaluation, check_entry, read_evaluation, skeleton
from fkd.errors import FkdError
from fkd.files import (
    LARGEST,
    Count,
    Date,
    Line,
    file_stem,
    file_version,
    read_json,
    strict_dataclass,
    typed,
    write_json,
)
from fkd.metrics import WithRmse

Record = TypeVar("Record")
BENCHMARK, SYNCED = "benchmark.json", "claims.json"
MAX_SYNCED = 20_000_000  # bytes
KAGGLE = "kaggle-facial-keypoints"


@strict_dataclass
class Benchmark:
    """The test data of a ranking: its fingerprint, the numbers of faces and labelled coordinates, and `Detail.labels`.

    The first entry fills in these four.
    """

    name: Line
    description: Line
    fingerprint: Line = ""
    faces: Count = 0
    values: Count = 0
    labels: Line = ""


@dataclass(frozen=True)
class Entries:
    """The entries of a benchmark's folder; unreadable: why its other files are not entries, by name without .json."""

    measured: list[Evaluation]
    unreadable: dict[str, str] = field(default_factory=dict)


@strict_dataclass
class Claim:
    """The results that the card of a Hub model claims on a benchmark.

    network: fcnn, or timm's name, from its tags. figures: by the keys of METRICS.
    """

    repo: Line
    revision: Line
    benchmark: Line
    network: Line
    figures: WithRmse
    parameters: Count | None
    date: Date


@strict_dataclass
class Synced:
    """The claims of Hub models, and when they were read (UTC); no date if they never were."""

    date: Line = ""
    claims: list[Claim] = field(default_factory=list)


def write_entry(root: Path | str, evaluation: Evaluation, description: str) -> Path:
    """Write an evaluation as the entry ROOT/BENCHMARK/NAME.json and return that path.

    The entry of the Hub model user/name is user--name.json. The first entry of a benchmark defines it (benchmark.json);
    a later one with other test data is written too, and `ranking` shows it unranked.
    Raises FkdError for an entry that could not be read back, a name that looks like another entry's, or an unreadable
    benchmark.json.
    """
    typed(dataclasses.asdict(evaluation), Evaluation, f"the entry {evaluation.name!r}")
    path = Path(root) / evaluation.benchmark / file_name(evaluation.name)
    _check_free(path)
    ranked = path.with_name(BENCHMARK)
    benchmark = _parse(ranked, Benchmark) if ranked.exists() else Benchmark(evaluation.benchmark, description)
    if not benchmark.labels and benchmark.fingerprint in ("", evaluation.fingerprint):
        faces, values, labels = evaluation.accuracy.faces, evaluation.accuracy.values, evaluation.detail.labels
        benchmark = dataclasses.replace(
            benchmark, fingerprint=evaluation.fingerprint, faces=faces, values=values, labels=labels
        )
        write_json(ranked, dataclasses.asdict(benchmark))
    write_json(path, dataclasses.asdict(evaluation))
    return path


def check_replaceable(path: Path, weights: list[str], mirror: bool, fingerprint: str) -> None:
    """Raise FkdError if there is an entry at this path that is not of these weights, averaging and faces."""
    _check_free(path)
    if not path.exists():
        return
    with contextlib.suppress(FkdError):
        before = read_evaluation(path)
        if (before.weights, before.mirror, before.fingerprint) == (weights, mirror, fingerprint):
            return
    raise FkdError(f"{path} already exists and is of other weights or faces: choose another --name, or add --overwrite")


def _check_free(path: Path) -> None:
    """Raise FkdError if a new entry's name looks like that of another file."""
    others = [BENCHMARK] + ([] if path.exists() else [other.name for other in path.parent.glob("*.json")])
    for other in others:
        if skeleton(other) == skeleton(path.name):
            raise FkdError(f"{path.stem!r} looks like {other}, which exists: choose another name by --name")


def file_name(name: str) -> str:
    """Return the file name of an entry, unique within a benchmark. Raises as `check_entry`."""
    check_entry(name)
    return f"{file_stem(name)}.json"


def read_benchmarks(root: Path | str) -> list[Benchmark]:
    """Return the benchmarks under ROOT, by name; `problems` reports unreadable ones."""
    read = [_read(path, Benchmark, root) for path in sorted(Path(root).glob(f"*/{BENCHMARK}"))]
    return [benchmark for benchmark in read if isinstance(benchmark, Benchmark)]


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
    """Return the entries of one benchmark, and why its other files are not entries; do not modify them."""
    paths = sorted((Path(root) / benchmark.name).glob("*.json"))
    read = {path.stem: _read(path, Evaluation, root) for path in paths if path.name != BENCHMARK}
    measured = [entry for entry in read.values() if isinstance(entry, Evaluation)]
    return Entries(measured, {name: why for name, why in read.items() if isinstance(why, str)})


def read_synced(root: Path | str) -> Synced:
    """Return the result of the last `fkd.hub.claims.sync`; empty if unreadable, which `problems` reports."""
    path = Path(root) / SYNCED
    synced = _read(path, Synced, root) if path.exists() else Synced()
    return Synced() if isinstance(synced, str) else synced


def problems(root: Path | str) -> list[str]:
    """Return one sentence for each unreadable file under ROOT, except entries."""
    types: dict[str, Any] = {f"*/{BENCHMARK}": Benchmark, SYNCED: Synced}
    read = [_read(path, kind, root) for name, kind in types.items() for path in sorted(Path(root).glob(name))]
    return [why for why in read if isinstance(why, str)]


def _read(path: Path, record_type: type[Record], root: Path | str) -> Record | str:
    """Read a file, or return the reason why it cannot be read, with paths relative to ROOT, as visitors see it."""
    state, kind = path.lstat(), cast(Any, record_type)
    record: Record | str = _cached(path, kind, file_version(state))
    return record.replace(f"{root}{os.sep}", "") if isinstance(record, str) else record


@functools.lru_cache(1000)
def _cached(path: Path, record_type: Any, version: tuple[int, ...]) -> Any:
    """Read a file once until it changes: an entry takes 3 ms, and every click on the page needs all of them."""
    try:
        return _parse(path, record_type)
    except (FkdError, OSError) as error:
        return str(error)


def _parse(path: Path, record_type: type[Record]) -> Record:
    record = typed(read_json(path, MAX_SYNCED if path.name == SYNCED else LARGEST), record_type, str(path))
    if isinstance(record, Evaluation) and (record.benchmark, file_name(record.name)) != (path.parent.name, path.name):
        raise FkdError(f"{path} holds the entry {record.name!r} of {record.benchmark!r}, whose file is another")
    if isinstance(record, Benchmark) and record.name != path.parent.name:
        raise FkdError(f"{path}: name is {record.name!r:.60}, but its folder is {path.parent.name!r}")
    return record
