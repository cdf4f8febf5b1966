"""Entries, claims and what lies beside them, forged, malformed and mutated: none breaks or outranks the others."""

import copy
import dataclasses
import functools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import TRAINING, draw_faces
from forged import BROKEN, DATA, KNOWN, UNRANKED, UNREADABLE, changed, entry
from hypothesis import given
from hypothesis import strategies as st

from fkd.board.entries import (
    Synced,
    find_benchmark,
    problems,
    read_benchmarks,
    read_entries,
    read_published,
    read_synced,
    write_entry,
)
from fkd.board.ranking import RankingRow, ranking
from fkd.board.record import Evaluation, from_json
from fkd.files import Line, parse_json, typed, typed_rows
from fkd.hub.claims import _claims
from fkd.hub.header import Tensor
from fkd.learn.record import Epoch, read_config
from fkd.metrics import accuracy, detail
from torture.case import Case, check_sentence, one_sentence

CLAIM = {
    "repo": "bob/net", "revision": "a" * 40, "benchmark": "drawn", "network": "fcnn",
    "figures": {"rmse": 2.0, "nme": 5.0, "failure_rate": 0.0}, "parameters": 1, "date": "2026-01-01", "refused": "",
}  # fmt: skip
BENCHMARK = {"name": "other", "description": "d", "fingerprint": "f", "faces": 10, "values": 200}
SCORE = {"private": 1.5, "what": "a net", "source": "https://example.org"}
WRONG = (None, True, "x", "", -1, 1.5, 10**18, [], [[]], {}, {"x": 1})  # put in the place of what is right


@functools.cache
def measured() -> dict:
    """An entry of forty drawn faces, with errors of every kind, as JSON."""
    points = draw_faces(40).points
    predicted = np.nan_to_num(points) + np.random.default_rng(1).normal(0.5, 2, points.shape)
    told = dataclasses.replace(
        entry("measured", 2.0), accuracy=accuracy(predicted, points), detail=detail(predicted, points)
    )
    return json.loads(json.dumps(dataclasses.asdict(told)))


def worse(value: dict) -> dict[str, dict]:
    """Changes to one measured entry that take its rank."""
    by_face = value["detail"]
    return {
        "a face twice": changed(value, "detail.squares", by_face["squares"] + by_face["squares"][:1]),
        "a hash of capitals": changed(value, "weights", [value["weights"][0].upper()]),
        "weights of nobody": changed(value, "weights", ["1" * 64]),
        "a list of fingerprints": changed(value, "data.fingerprints", ["d", "e", "f"]),
        "fingerprints of lists": changed(value, "data.fingerprints", {"train": [], "validation": [], "test": []}),
        "no data": changed(value, "data", {}),
        "not held out": changed(value, "held_out", False),
        "another test": changed(value, "fingerprint", "g"),
    }


def cases(quick: bool) -> Iterator[Case]:
    step = 8 if quick else 1
    every = [*_entry_cases(), *_claim_cases(), *_neighbour_cases()]
    yield Case("what was measured is ranked", genuine)
    yield from every[::step]


def _entry_cases() -> Iterator[Case]:
    plain = json.loads(json.dumps(dataclasses.asdict(entry("bad", 2.0))))
    true = (from_json(measured()),)
    for name, value in worse(measured() | {"name": "bad"}).items():
        yield Case(f"measured: {name}", functools.partial(beside, json.dumps(value), true))
    for name, (field, new, _) in (UNRANKED | UNREADABLE).items():
        yield Case(f"changed: {name}", functools.partial(beside, json.dumps(changed(plain, field, new))))
    for name, (text, _) in BROKEN.items():
        yield Case(f"broken: {name}", functools.partial(beside, text))
    for field in plain:
        if field not in (
            "name",
            "cost",
            "mirror",
            "revision",
            "fkd_version",
            "date",
            "robustness",
            "format",
            "weights",
            "aligned",
        ):
            yield Case(f"without {field}", functools.partial(beside, json.dumps(plain | {field: None})))
    text = json.dumps(plain)
    for cut in range(0, len(text), len(text) // 10):
        yield Case(f"cut after {cut} letters", functools.partial(beside, text[:cut]))


def _claim_cases() -> Iterator[Case]:
    for field in CLAIM:
        for new in WRONG:
            kept = {"date": "d", "claims": [CLAIM | {field: new}], "failure": ""}
            yield Case(
                f"claim with {field} {new!r:.20}", functools.partial(beside_files, {"claims.json": json.dumps(kept)})
            )
    index = [{"name": "n", "results": [{"dataset": {"type": "drawn"}, "metrics": [{"type": "rmse", "value": 1.0}]}]}]
    for path in (
        (),
        (0,),
        (0, "results"),
        (0, "results", 0),
        (0, "results", 0, "dataset"),
        (0, "results", 0, "metrics"),
    ):
        for new in (*WRONG, float("nan"), 10**400):
            model = {"id": "eve/net", "model-index": _put(index, path, new)}
            yield Case(f"card with {path} {new!s:.20}", functools.partial(claimed, model))
    for field in ("id", "sha", "tags", "safetensors", "lastModified"):
        for new in (None, 3, [[]], {}, "a\nb", "\ud800"):
            yield Case(f"model with {field} {new!r}", functools.partial(claimed, {"model-index": index, field: new}))


def _neighbour_cases() -> Iterator[Case]:
    for name, (text, _) in BROKEN.items():
        for file in ("claims.json", "drawn/published.json", "other/benchmark.json"):
            yield Case(f"{file} is {name}", functools.partial(beside_files, {file: text}))
    for value, file in ((BENCHMARK, "other/benchmark.json"), (SCORE, "drawn/published.json")):
        for field in value:
            for new in (*WRONG, "../drawn", "javascript:alert(1)", "a\nb"):
                one = value | {field: new}
                text = json.dumps([one] if value is SCORE else one)
                yield Case(f"{file} with {field} {new!r:.20}", functools.partial(beside_files, {file: text}))


def _put(value, path: tuple, new):
    if not path:
        return new
    value = copy.deepcopy(value)
    place = value
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = new
    return value


def genuine() -> None:
    """What was measured, and not touched, is verified and ranked: else the cases below would hold for nothing."""
    with tempfile.TemporaryDirectory() as root:
        write_entry(root, from_json(measured()), "drawn faces")
        rows = _ranking(root)
        assert [(row.rank, row.status) for row in rows] == [(1, "verified")], rows[0].unranked


def beside(text: str, others: tuple[Evaluation, ...] = ()) -> None:
    """Puts a file beside genuine entries of the same faces: they keep their ranks, and it has none."""
    others = others or (entry("a", 2.0), entry("b", 3.0))
    with tempfile.TemporaryDirectory() as root:
        for one in others:
            write_entry(root, one, "drawn faces")
        (Path(root) / "drawn" / "bad.json").write_bytes(text.encode(errors="surrogatepass"))
        rows = _ranking(root)
        assert [row.name for row in rows] == [*(one.name for one in others), "bad"]
        assert [row.rank for row in rows] == [*range(1, len(others) + 1), None]
        check_sentence(rows[-1].unranked)


def beside_files(files: dict[str, str]) -> None:
    """Puts files into a leaderboard, in the places of its own: its entries stay ranked, and what is wrong is said."""
    with tempfile.TemporaryDirectory() as root:
        write_entry(root, entry("a", 2.0), "drawn faces")
        write_entry(root, entry("b", 3.0, benchmark="other"), "other faces")
        for name, text in files.items():
            (Path(root) / name).write_bytes(text.encode(errors="surrogatepass"))
        rows = _ranking(root)
        assert rows[0].name == "a" and [row.rank for row in rows] in ([1], [1, None])
        for problem in problems(root):
            check_sentence(problem)
        for benchmark in read_benchmarks(root):
            read_published(root, benchmark)


def claimed(model: dict) -> None:
    """A model of the Hub's list makes claims that can be kept and read again, whatever its card says."""
    with tempfile.TemporaryDirectory() as root:
        write_entry(root, entry("a", 2.0), "drawn faces")
        (benchmark,) = read_benchmarks(root)
        kept = dataclasses.asdict(Synced("2026-01-01", _claims(model, {benchmark.name: benchmark})))
        (Path(root) / "claims.json").write_text(json.dumps(kept, allow_nan=False))
        assert read_synced(root).date, read_synced(root).failure
        assert _ranking(root)[0].rank == 1


def _ranking(root: str) -> list[RankingRow]:
    benchmark = find_benchmark(root, "drawn")
    rows = ranking(benchmark, read_entries(root, benchmark), KNOWN, read_synced(root).claims)
    records = json.loads(json.dumps([row.record() for row in rows], allow_nan=False))  # as the page's API answers
    assert len({tuple(record) for record in records}) == 1
    pd.DataFrame(records).to_csv()
    return rows


# For fuzzing: any JSON, and records in which one value is any JSON.
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
CONFIG = {
    "format": "fkd-1", "model": {"name": "fcnn", "conventions": 1, "head": "regression", "stem_stride": 4},
    "training": dataclasses.asdict(TRAINING), "data": dataclasses.asdict(DATA),
}  # fmt: skip


def paths(value, before: tuple = ()) -> list[tuple]:
    """The way to every value within a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(path for key, inner in list(inside)[:20] for path in paths(inner, (*before, key)))]


def mutated(value) -> st.SearchStrategy:
    """A JSON value in which one or two values within are any others."""
    places = st.sampled_from(paths(value))
    one = st.builds(lambda path, new: _put(value, path, new), places, ANY)
    return one | st.builds(lambda mutant, path, new: _try_put(mutant, path, new), one, places, ANY)


def _try_put(value, path: tuple, new):
    try:
        return _put(value, path, new)
    except (TypeError, KeyError, IndexError):
        return value


def _read_as(read: Callable[[Path], object], content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        return one_sentence(lambda: read(path))


@given(mutated(json.loads(json.dumps(dataclasses.asdict(entry("bad", 1.0))))))
def fuzz_entry(value) -> None:
    result = one_sentence(lambda: from_json(value, "bad.json"))
    if isinstance(result, Evaluation) and result.name == "bad" and result.benchmark == "drawn":
        with tempfile.TemporaryDirectory() as root:
            write_entry(root, entry("a", 2.0), "drawn faces")
            (Path(root) / "drawn" / "bad.json").write_text(json.dumps(value))
            assert _ranking(root)[0].rank == 1


@given(mutated(CONFIG))
def fuzz_config(value) -> None:
    _read_as(read_config, json.dumps(value).encode())


@given(st.binary(max_size=200) | ANY.map(lambda value: json.dumps(value).encode()))
def fuzz_json(content) -> None:
    one_sentence(lambda: parse_json(content, "file"))


@given(mutated({"date": "d", "claims": [CLAIM, CLAIM], "failure": ""}))
def fuzz_claims(value) -> None:
    one_sentence(lambda: typed(value, Synced, "claims.json"))


@given(mutated({"id": "eve/net", "sha": "a", "tags": ["fkd"], "model-index": [{"name": "n", "results": [
    {"dataset": {"type": "drawn", "args": {}}, "metrics": [{"type": "rmse", "value": 1.0}]}]}]}))  # fmt: skip
def fuzz_card(value) -> None:
    claimed(value)


@given(mutated({"head.bias": {"dtype": "F16", "shape": [30], "data_offsets": [0, 60]}}))
def fuzz_header(value) -> None:
    one_sentence(lambda: typed(value, dict[Line, Tensor], "header"))


@given(st.text(max_size=200) | st.lists(st.text(max_size=8), min_size=4, max_size=4).map(
    lambda cells: "epoch,train_rmse,validation_rmse,lr\n" + ",".join(cells)))  # fmt: skip
def fuzz_history(text) -> None:
    _read_as(lambda path: typed_rows(path, Epoch), text.encode(errors="surrogatepass"))


PROPERTIES: list[tuple[str, Callable[[], None]]] = [
    ("entry", fuzz_entry),
    ("config.json", fuzz_config),
    ("JSON", fuzz_json),
    ("claims", fuzz_claims),
    ("card", fuzz_card),
    ("header", fuzz_header),
    ("history.csv", fuzz_history),
]
