"""Evaluations <-> json files: what a leaderboard's folder holds.

leaderboard/BENCHMARK/benchmark.json says what a ranking is of, published.json what others report on data we
do not have; every other json there is one entry. leaderboard/hub.json is what models on the Hub claim. Anybody may
have written any of them: one that cannot be read is a row, or a line of `problems`, that says why; the others stand.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from fkd.board.record import Evaluation, from_json, read_evaluation
from fkd.files import STRICT, Count, Figure, Line, read_json, typed, write_json
from fkd.metrics import Percent

BENCHMARK, PUBLISHED, SYNCED = "benchmark.json", "published.json", "hub.json"
LARGEST_SYNCED = 20_000_000  # bytes
KAGGLE = "kaggle-facial-keypoints"
Address = Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s\)\]<>]+$")]


@dataclass(frozen=True)
class Benchmark:
    """What a ranking is of: the test data's fingerprint, how many faces, how many labelled coordinates.

    The first entry fills in the last three of these: until then they are "", 0 and 0. dataset: user/name of its
    repository on the Hub, if it was published there.
    """

    __pydantic_config__ = STRICT

    name: Annotated[Line, Field(min_length=1)]
    description: Line
    fingerprint: Line
    faces: Count
    values: Count
    dataset: Line = ""


@dataclass(frozen=True)
class Entries:
    """What the folder of a benchmark holds: its entries by name, and what is wrong with the files that are not ones.

    unreadable: by the file's name without .json.
    """

    measured: list[Evaluation]
    unreadable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """What somebody reports to have reached: px, with what, on which data, and where that can be read."""

    __pydantic_config__ = STRICT

    rmse: Figure
    what: Line
    measured_on: Line
    source: Address


@dataclass(frozen=True)
class Claim:
    """What the card of a model on the Hub says it reaches on a benchmark: px, percent, percent.

    network: fcnn, or timm's name, as its tags say. refused: why it is not shown as such, or an empty text; its figures
    are then None.
    """

    __pydantic_config__ = STRICT

    repo: Line
    revision: Line
    benchmark: Line
    network: Line
    rmse: Figure | None
    nme: Figure | None
    failure_rate: Percent | None
    parameters: Count | None
    date: Line
    refused: Line


@dataclass(frozen=True)
class Synced:
    """The claims of the Hub's models, and when they were read (UTC); no date if they never were.

    failure: when and why a later reading failed, or an empty text.
    """

    __pydantic_config__ = STRICT

    date: Line
    claims: list[Claim]
    failure: Line = ""


def write_entry(root: Path | str, evaluation: Evaluation, description: str) -> Path:
    """Writes an evaluation as the entry ROOT/BENCHMARK/NAME.json and returns that path.

    A model of the Hub, user/name, has its entry in user--name.json.
    The first entry of a benchmark defines it (benchmark.json); a later one with other test data is written
    all the same, and `table` shows it unranked.
    Raises ValueError for a name that cannot be a file's here, or a benchmark.json that cannot be read.
    """
    if Path(evaluation.benchmark).name != evaluation.benchmark:
        raise ValueError(f"{evaluation.benchmark!r} cannot be a benchmark's name: it would not be a folder of {root}")
    if file_name(evaluation) in (BENCHMARK, PUBLISHED):
        raise ValueError(f"{evaluation.name!r} cannot be an entry's name: choose another by --name")
    from_json(dataclasses.asdict(evaluation), f"the entry {evaluation.name!r}")  # nothing that could not be read
    folder = Path(root) / evaluation.benchmark
    known = read_benchmark(folder) if (folder / BENCHMARK).exists() else None
    if not known or not known.fingerprint:
        benchmark = Benchmark(
            name=evaluation.benchmark,
            description=known.description if known else description,
            fingerprint=evaluation.fingerprint,
            faces=evaluation.accuracy.faces,
            values=evaluation.accuracy.values,
        )
        write_json(folder / BENCHMARK, dataclasses.asdict(benchmark))
    path = folder / file_name(evaluation)
    write_json(path, dataclasses.asdict(evaluation))
    return path


def file_name(evaluation: Evaluation) -> str:
    """What the file of an entry is called: no two entries of a benchmark have one name."""
    return f"{evaluation.name.replace('/', '--')}.json"


def read_benchmark(folder: Path) -> Benchmark:
    """The benchmark whose folder this is.

    Raises FileNotFoundError, or ValueError for a benchmark.json that is not its own.
    """
    benchmark = typed(read_json(folder / BENCHMARK), Benchmark, str(folder / BENCHMARK))
    if benchmark.name != folder.name:
        raise ValueError(f"{folder / BENCHMARK}: name is {benchmark.name[:60]!r}, but its folder is {folder.name!r}")
    return benchmark


def read_benchmarks(root: Path | str) -> list[Benchmark]:
    """The benchmarks under ROOT, by name, without those whose benchmark.json cannot be read (see `problems`)."""
    found = []
    for path in sorted(Path(root).glob(f"*/{BENCHMARK}")):
        try:
            found.append(read_benchmark(path.parent))
        except (ValueError, OSError):
            pass  # `problems` says it
    return found


def read_entries(root: Path | str, benchmark: Benchmark) -> Entries:
    """The entries of one benchmark, and why what else lies there is none."""
    measured, unreadable = [], {}
    for path in sorted((Path(root) / benchmark.name).glob("*.json")):
        if path.name in (BENCHMARK, PUBLISHED):
            continue
        try:
            entry = read_evaluation(path)
            if entry.benchmark != benchmark.name:
                raise ValueError(f"{path} is an entry of {entry.benchmark[:60]!r}, not of {benchmark.name!r}")
            if path.name != file_name(entry):
                raise ValueError(f"{path} has the name {entry.name[:60]!r}, whose file is {file_name(entry)[:60]}")
            measured.append(entry)
        except (ValueError, OSError) as error:
            unreadable[path.stem] = str(error)
    return Entries(measured, unreadable)


def read_published(root: Path | str, benchmark: Benchmark) -> pd.DataFrame:
    """What others report for a benchmark, best first: columns rmse (px), what, measured_on, source (an address).

    It was not measured by fkd, nor on the same faces, so it is never ranked with entries. Empty where there is none,
    or it cannot be read (see `problems`).
    """
    path = Path(root) / benchmark.name / PUBLISHED
    try:
        scores = typed(read_json(path), list[Published], str(path))
    except (ValueError, OSError):
        return pd.DataFrame()
    result = pd.DataFrame([dataclasses.asdict(score) for score in scores])
    return result.sort_values("rmse", kind="stable").reset_index(drop=True) if scores else result


def read_synced(root: Path | str) -> Synced:
    """What the last `fkd.hub.claims.sync` kept; nothing if that cannot be read, with the reason as its failure."""
    path = Path(root) / SYNCED
    if not path.exists():
        return Synced("", [])
    try:
        return _read_synced(path)
    except (ValueError, OSError) as error:
        return Synced("", [], str(error)[:300])


def problems(root: Path | str) -> list[str]:
    """One sentence for each file under ROOT, besides entries, that cannot be read."""
    found = []
    for path in sorted(Path(root).glob("*/")):
        for name, read in ((BENCHMARK, read_benchmark), (PUBLISHED, _check_published)):
            if (path / name).exists():
                try:
                    read(path)
                except (ValueError, OSError) as error:
                    found.append(str(error))
    synced = Path(root) / SYNCED
    try:
        if synced.exists():
            _read_synced(synced)
    except (ValueError, OSError) as error:
        found.append(str(error))
    return found


def _read_synced(path: Path) -> Synced:
    return typed(read_json(path, LARGEST_SYNCED), Synced, str(path))


def _check_published(folder: Path) -> None:
    typed(read_json(folder / PUBLISHED), list[Published], str(folder / PUBLISHED))
