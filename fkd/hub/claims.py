"""List the claims of Hub models, check each, and store them to be shown with our entries.

A claim is a figure in a model's card (its model-index, written by `fkd push`). It is not ranked: `fkd verify` measures
a model to rank it.
"""

import dataclasses
import datetime
import itertools
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers, paginate
from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # the standard library's, before Python 3.12, is not enough for pydantic

from fkd.board.entries import SYNCED, Benchmark, Claim, Synced, read_benchmarks, read_synced
from fkd.errors import FkdError
from fkd.files import one_line, typed, write_json
from fkd.hub.errors import in_a_sentence
from fkd.hub.header import TIMEOUT
from fkd.learn.config import MODELS
from fkd.metrics import METRICS, RMSE

TAG, MOST = "fkd", 20_000
OTHERS = ConfigDict(strict=True, extra="ignore")  # cards hold more than we read


@with_config(OTHERS)
class Stated(TypedDict, total=False):
    """A figure of a card, which `_refusal` checks."""

    type: Any
    value: Any


@with_config(OTHERS)
class Source(TypedDict, total=False):
    """The data set of a card's figures."""

    type: Any
    revision: Any
    args: Any


@with_config(OTHERS)
class Result(TypedDict):
    """A data set, and a card's figures on it."""

    dataset: Source
    metrics: list[Stated]


@with_config(OTHERS)
class Index(TypedDict):
    """A model of a card's model-index."""

    results: list[Result]


def sync(root: Path | str) -> Synced:
    """List the Hub's models tagged fkd, check their claims, and store them in ROOT/claims.json (`SYNCED`).

    Raises FkdError if the Hub does not answer; the stored claims are then kept, with a note of the failure.
    """
    path = Path(root) / SYNCED
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        synced = Synced(now, _list(root))
    except FkdError as error:
        write_json(
            path, dataclasses.asdict(dataclasses.replace(read_synced(root), failure=one_line(f"{now}: {error}", 300)))
        )
        raise
    write_json(path, dataclasses.asdict(synced))
    return synced


def _list(root: Path | str) -> list[Claim]:
    benchmarks = {benchmark.name: benchmark for benchmark in read_benchmarks(root)}
    params = {"filter": TAG, "limit": 1000, "expand": ["sha", "lastModified", "model-index", "safetensors", "tags"]}
    with in_a_sentence("the list of models"):
        # Without a token: a host's private models must not appear on a page. Plain JSON, not the client's types: one
        # model with a broken card must not break the list.
        models = paginate(f"{constants.ENDPOINT}/api/models", params, build_hf_headers(token=False), TIMEOUT)
        try:
            return [claim for model in itertools.islice(models, MOST) for claim in _claims(model, benchmarks)]
        except RecursionError:
            raise FkdError("the Hub's list of models is not readable as JSON (too deeply nested)") from None


def _claims(model: Any, benchmarks: dict[str, Benchmark]) -> list[Claim]:
    """One claim for each benchmark; a card that cannot be read is one, refused."""
    if not isinstance(model, dict):
        return []
    try:
        index = typed(model.get("model-index") or [], list[Index], "its model-index cannot be read")
    except FkdError as error:
        return [_claim(model, "", {}, str(error)[:200])]
    by_benchmark: dict[str, list[Result]] = {}
    for result in itertools.chain.from_iterable(index_entry["results"] for index_entry in index):
        by_benchmark.setdefault(_line(result["dataset"].get("type"), 100), []).append(result)
    if not by_benchmark:
        return [_claim(model, "", {}, "its card has no model-index with results")]
    claims, keys = [], {metric.key for metric in METRICS}
    strange = [name for name in by_benchmark if name not in benchmarks]
    for name in strange[1:]:  # one claim is enough: a card may name any number of benchmarks
        del by_benchmark[name]
    for name, results in by_benchmark.items():
        stated = [(str(each.get("type")), each.get("value")) for result in results for each in result["metrics"]]
        figures = {key: value for key, value in stated if key in keys}
        claims.append(_claim(model, name, figures, _refusal(benchmarks.get(name), figures, results)))
    return claims


def _refusal(benchmark: Benchmark | None, figures: dict[str, Any], results: list[Result]) -> str:
    """Why a claim is not shown as one, or an empty text."""
    if benchmark is None:
        return "its benchmark is not one of ours"
    if RMSE.key not in figures:
        return f"it states no {RMSE.key}"
    for metric in METRICS:
        if metric.key not in figures:
            continue
        value = figures[metric.key]
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            return f"its {metric.key} is no number"
        if not metric.allows(value) or (metric is RMSE and value == 0):
            low, high = metric.range
            return f"its {metric.key} of {str(value)[:20]} cannot be: expected {low:g} to {high:g}"
    for result in results:
        source = result["dataset"]
        if source.get("revision") != benchmark.fingerprint:
            return f"measured on other test data ({_line(source.get('revision'), 40)}, not {benchmark.fingerprint})"
        args = source.get("args")
        counts = args if isinstance(args, dict) else {}
        if (counts.get("faces"), counts.get("values")) != (benchmark.faces, benchmark.values):
            return f"measured on {_line(counts.get('values'), 20)} of {benchmark.values} coordinates"
    return ""


def _claim(model: dict[str, Any], benchmark: str, figures: dict[str, Any], refused: str) -> Claim:
    safetensors = model.get("safetensors")
    parameters = safetensors.get("total") if isinstance(safetensors, dict) else None
    tags = model.get("tags")
    networks = {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
    return Claim(
        repo=_line(model.get("id"), 200),
        revision=_line(model.get("sha"), 40),
        benchmark=benchmark,
        network=min(networks & set(MODELS), default=""),
        figures={} if refused else {key: float(value) for key, value in figures.items()},
        parameters=parameters if type(parameters) is int and 0 <= parameters < 2**53 else None,
        date=_line(model.get("lastModified"), 10),
        refused=_line(refused, 300),
    )


def _line(value: Any, longest: int) -> str:
    """A value from the Hub as one line of text that every terminal and every file can hold."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))[:longest]
