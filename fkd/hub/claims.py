"""What others claim of their models on the Hub: listed, checked one by one, kept, and shown beside our entries.

A claim is what a model's card says of it (its model-index, which `fkd push` writes). It is not ranked: whoever
wants it ranked has it measured (`fkd verify`).
"""

import dataclasses
import datetime
import itertools
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers, paginate
from pydantic import ConfigDict
from typing_extensions import TypedDict  # the standard library's, before Python 3.12, is not enough for pydantic

from fkd.board.entries import SYNCED, Benchmark, Claim, Synced, read_benchmarks, read_synced
from fkd.files import typed, write_json
from fkd.hub.errors import in_a_sentence
from fkd.hub.header import TIMEOUT
from fkd.learn.models import model_names

TAG, MOST = "fkd", 20_000
RANGES = {"rmse": (0.0, 96.0), "nme": (0.0, 1000.0), "failure_rate": (0.0, 100.0)}  # px, percent, percent
OTHERS = ConfigDict(strict=True, extra="ignore")  # cards hold more than we read


class Metric(TypedDict, total=False):
    """A figure of a card; what it is worth, `_refusal` judges."""

    __pydantic_config__ = OTHERS

    type: Any
    value: Any


class Source(TypedDict, total=False):
    """What a card's figures were measured on."""

    __pydantic_config__ = OTHERS

    type: Any
    revision: Any
    args: Any


class Result(TypedDict):
    """A data set, and a card's figures on it."""

    __pydantic_config__ = OTHERS

    dataset: Source
    metrics: list[Metric]


class Index(TypedDict):
    """A model of a card's model-index."""

    __pydantic_config__ = OTHERS

    results: list[Result]


def sync(root: Path | str) -> Synced:
    """Lists the Hub's models tagged fkd, checks what they claim, and keeps it in ROOT/hub.json (`leaderboard.SYNCED`).

    Raises ValueError if the Hub does not answer; what was kept then stays, with a note of the failure.
    """
    path = Path(root) / SYNCED
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        synced = Synced(now, _list(root))
    except ValueError as error:
        write_json(path, dataclasses.asdict(dataclasses.replace(read_synced(root), failure=f"{now}: {error}")))
        raise
    write_json(path, dataclasses.asdict(synced))
    return synced


def _list(root: Path | str) -> list[Claim]:
    benchmarks = {benchmark.name: benchmark for benchmark in read_benchmarks(root)}
    params = {"filter": TAG, "limit": 1000, "expand": ["sha", "lastModified", "model-index", "safetensors", "tags"]}
    with in_a_sentence("the list of models"):
        # Plain JSON, not the client's types: a model whose card breaks them must not break the list.
        models = paginate(f"{constants.ENDPOINT}/api/models", params, build_hf_headers(), TIMEOUT)
        try:
            return [claim for model in itertools.islice(models, MOST) for claim in _claims(model, benchmarks)]
        except RecursionError:
            raise ValueError("the Hub's list of models is not readable as JSON (too deeply nested)") from None


def _claims(model: Any, benchmarks: dict[str, Benchmark]) -> list[Claim]:
    """One claim a benchmark; a card that cannot be read is one, refused."""
    if not isinstance(model, dict):
        return []
    try:
        index = typed(model.get("model-index") or [], list[Index], "its model-index cannot be read")
    except ValueError as error:
        return [_claim(model, "", {}, str(error)[:200])]
    found: dict[str, list[Result]] = {}
    for result in itertools.chain.from_iterable(one["results"] for one in index):
        found.setdefault(_line(result["dataset"].get("type"), 100), []).append(result)
    if not found:
        return [_claim(model, "", {}, "its card has no model-index with results")]
    claims = []
    for name, results in found.items():
        metrics = [metric for result in results for metric in result["metrics"]]
        figures = {kind: metric.get("value") for metric in metrics if (kind := str(metric.get("type"))) in RANGES}
        claims.append(_claim(model, name, figures, _refusal(benchmarks.get(name), figures, results)))
    return claims


def _refusal(benchmark: Benchmark | None, figures: dict, results: list) -> str:
    """Why a claim is not shown as one, or an empty text."""
    if benchmark is None:
        return "its benchmark is not one of ours"
    if "rmse" not in figures:
        return "it states no rmse"
    for metric, value in figures.items():
        low, high = RANGES[metric]
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            return f"its {metric} is no number"
        if not low <= value <= high or (metric == "rmse" and value == 0):
            return f"its {metric} of {str(value)[:20]} cannot be: expected {low:g} to {high:g}"
    for result in results:
        source = result["dataset"]
        if source.get("revision") != benchmark.fingerprint:
            return f"measured on other test data ({_line(source.get('revision'), 40)}, not {benchmark.fingerprint})"
        counts = source.get("args") if isinstance(source.get("args"), dict) else {}
        if (counts.get("faces"), counts.get("values")) != (benchmark.faces, benchmark.values):
            return f"measured on {_line(counts.get('values'), 20)} of {benchmark.values} coordinates"
    return ""


def _claim(model: dict, benchmark: str, figures: dict, refused: str) -> Claim:
    safetensors = model.get("safetensors")
    parameters = safetensors.get("total") if isinstance(safetensors, dict) else None
    tags = model.get("tags") if isinstance(model.get("tags"), list) else []
    networks = {tag for tag in tags if isinstance(tag, str)} & set(model_names())

    def number(metric: str) -> float | None:
        return float(figures[metric]) if metric in figures and not refused else None

    return Claim(
        repo=_line(model.get("id"), 200),
        revision=_line(model.get("sha"), 40),
        benchmark=benchmark,
        network=min(networks, default=""),
        rmse=number("rmse"),
        nme=number("nme"),
        failure_rate=number("failure_rate"),
        parameters=parameters if type(parameters) is int and 0 <= parameters < 2**53 else None,
        date=_line(model.get("lastModified"), 10),
        refused=_line(refused, 300),
    )


def _line(value: Any, longest: int) -> str:
    """A value of the Hub as one line of text that every terminal and every file can hold."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))[:longest]
