"""List the claims of Hub models, check each, and store them to be shown with our entries.

A claim is a figure in a model's card (its model-index, written by `fkd push`). It is not ranked: `fkd verify` measures
a model to rank it.
"""

import dataclasses
import datetime
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers, paginate

from fkd.board.entries import SYNCED, Benchmark, Claim, Synced, read_benchmarks, read_synced
from fkd.errors import FkdError
from fkd.files import one_line, typed, write_json
from fkd.hub.errors import in_a_sentence
from fkd.hub.repository import TIMEOUT
from fkd.metrics import METRICS, RMSE, Figures

TAG, MAX_MODELS = "fkd", 20_000
NETWORK = re.compile(r"fcnn|\w*resne\w*")


def sync(root: Path | str) -> Synced:
    """List the Hub's models tagged fkd, check their claims, and store them in ROOT/claims.json (`SYNCED`).

    Raises FkdError if the Hub does not answer; the stored claims are then kept, with a note of the failure.
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    synced = read_synced(root)
    try:
        synced = Synced(now, _list(root))
    except FkdError as error:
        synced = dataclasses.replace(synced, failure=one_line(f"{now}: {error}", 300))
        raise
    finally:
        write_json(Path(root) / SYNCED, dataclasses.asdict(synced))
    return synced


def _list(root: Path | str) -> list[Claim]:
    benchmarks = {benchmark.name: benchmark for benchmark in read_benchmarks(root)}
    params = {"filter": TAG, "limit": 1000, "expand": ["sha", "lastModified", "model-index", "safetensors", "tags"]}
    with in_a_sentence("the list of models"):
        # Without a token: a host's private models must not appear on a page. Plain JSON, not the client's types: one
        # model with a broken card must not break the list.
        models = paginate(f"{constants.ENDPOINT}/api/models", params, build_hf_headers(token=False), TIMEOUT)
        return [claim for model in itertools.islice(models, MAX_MODELS) for claim in _claims(model, benchmarks)]


def _claims(model: dict[str, Any], benchmarks: dict[str, Benchmark]) -> list[Claim]:
    """Return a claim for each of our benchmarks that a card names; one refused claim if it names none."""
    tags = model.get("tags")
    refused = Claim(
        repo=one_line(model.get("id"), 200),
        revision=one_line(model.get("sha"), 40),
        benchmark="",
        network=min(filter(NETWORK.fullmatch, map(str, tags)), default="") if isinstance(tags, list) else "",
        figures={},
        parameters=(model.get("safetensors") or {}).get("total"),
        date=str(model.get("lastModified") or "")[:10],
        refused="its card has no results on one of our benchmarks",
    )
    by_benchmark: dict[str, list[dict[str, Any]]] = {}
    for result in _results(model.get("model-index")):
        by_benchmark.setdefault(result["dataset"]["type"], []).append(result)
    claims = [_claim(refused, benchmarks[name], by_benchmark[name]) for name in by_benchmark if name in benchmarks]
    return claims or [refused]


def _results(index: Any) -> Iterator[dict[str, Any]]:
    """Yield the data sets with figures of a card's model-index, which may be any JSON."""
    for entry in index if isinstance(index, list) else []:
        match entry:
            case {"results": [*results]}:
                for result in results:
                    match result:
                        case {"dataset": {"type": str()}, "metrics": [*metrics]} if all(
                            isinstance(each, dict) for each in metrics
                        ):
                            yield result


def _claim(refused: Claim, benchmark: Benchmark, results: list[dict[str, Any]]) -> Claim:
    try:
        figures, reason = _figures(benchmark, results), ""
    except FkdError as error:
        figures, reason = {}, one_line(error, 300)
    return dataclasses.replace(refused, benchmark=benchmark.name, figures=figures, refused=reason)


def _figures(benchmark: Benchmark, results: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the figures of a card on a benchmark. Raises FkdError if they cannot be right."""
    stated = {str(metric.get("type")): metric.get("value") for result in results for metric in result["metrics"]}
    known = {metric.key: stated[metric.key] for metric in METRICS if metric.key in stated}
    figures = typed(known, Figures, "its figures")
    if not figures.get(RMSE.key):
        raise FkdError(f"it states no {RMSE.key}, or 0")
    for dataset in (result["dataset"] for result in results):
        if dataset.get("revision") != benchmark.fingerprint:
            found = one_line(dataset.get("revision"), 40)
            raise FkdError(f"measured on other test data ({found}, not {benchmark.fingerprint})")
        match dataset.get("args"):
            case {"faces": benchmark.faces, "values": benchmark.values}:
                pass
            case counts:
                raise FkdError(f"measured on {one_line(counts, 60)}, not {benchmark.values} coordinates")
    return figures
