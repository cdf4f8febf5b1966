"""List the claims of Hub models, check each, and store them to be shown with our entries.

A claim is a figure in a model's card (its model-index, written by `fkd push`). It is not ranked: `fkd evaluate`
measures a model to rank it.
"""

import dataclasses
import datetime
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, constants
from huggingface_hub.repocard_data import model_index_to_eval_results
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

from fkd.board.entries import MAX_SYNCED, SYNCED, Benchmark, Claim, Synced, read_benchmarks, read_synced
from fkd.errors import FkdError
from fkd.files import one_line, typed, write_json
from fkd.hub.errors import in_a_sentence
from fkd.hub.repository import TIMEOUT
from fkd.metrics import METRICS, RMSE, Figures

TAG, MAX_MODELS, PAGE = "fkd", 20_000, 1000  # models in an answer of the Hub
MAX_PAGE_BYTES = 20_000_000
NETWORK = re.compile(r"fcnn|\w*resne\w*|mobilenet\w*")


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
    with in_a_sentence("the list of models"):
        claims = [claim for model in _models() for claim in _claims(model, benchmarks)]
    # Only as many as `read_synced` accepts.
    ends = itertools.accumulate(len(json.dumps(dataclasses.asdict(claim), indent=8)) for claim in claims)
    return [claim for claim, end in zip(claims, ends, strict=True) if end < MAX_SYNCED - 10_000]


def _models() -> Iterator[dict[str, Any]]:
    """Yield the Hub's models tagged fkd. Raises FkdError for a page of more than MAX_PAGE_BYTES.

    Without a token: a host's private models must not appear on a page. Plain JSON, not the client's types: one model
    with a broken card must not break the list.
    """
    expand = ["sha", "lastModified", "model-index", "safetensors", "tags"]
    where, headers = f"{constants.ENDPOINT}/api/models", build_hf_headers(token=False)
    params: dict[str, Any] | None = {"filter": TAG, "limit": PAGE, "expand": expand}
    for _ in range(MAX_MODELS // PAGE):
        with http_stream_backoff("GET", where, params=params, headers=headers, timeout=TIMEOUT) as response:
            hf_raise_for_status(response)
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > MAX_PAGE_BYTES:
                    raise FkdError(f"the Hub's list of models has more than {MAX_PAGE_BYTES / 1e6:.0f} MB in a page")
            where, params = response.links.get("next", {}).get("url", ""), None  # the address has them
        try:
            yield from itertools.islice(json.loads(content), PAGE)  # a card's NaN is refused with its claim
        except (ValueError, RecursionError):
            raise FkdError("the Hub's list of models is not readable as JSON: try again later") from None
        if not where:
            return


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
    try:
        _, results = model_index_to_eval_results(model.get("model-index") or [])
    except (AttributeError, KeyError, TypeError, ValueError):  # none, or any other JSON
        return [refused]
    by_benchmark: dict[str, list[EvalResult]] = {}
    for result in results:
        by_benchmark.setdefault(str(result.dataset_type), []).append(result)
    claims = [_claim(refused, benchmarks[name], by_benchmark[name]) for name in by_benchmark if name in benchmarks]
    return claims or [refused]


def _claim(refused: Claim, benchmark: Benchmark, results: list[EvalResult]) -> Claim:
    try:
        figures, reason = _figures(benchmark, results), ""
    except FkdError as error:
        figures, reason = {}, one_line(error, 300)
    return dataclasses.replace(refused, benchmark=benchmark.name, figures=figures, refused=reason)


def _figures(benchmark: Benchmark, results: list[EvalResult]) -> dict[str, float | None]:
    """Return the figures of a card on a benchmark. Raises FkdError if they cannot be right."""
    stated = {str(result.metric_type): result.metric_value for result in results}
    known = {metric.key: stated[metric.key] for metric in METRICS if metric.key in stated}
    figures = typed(known, Figures, "its figures")
    if not figures.get(RMSE.key):
        raise FkdError(f"it states no {RMSE.key}, or 0")
    for result in results:
        if result.dataset_revision != benchmark.fingerprint:
            found = one_line(result.dataset_revision, 40)
            raise FkdError(f"measured on other test data ({found}, not {benchmark.fingerprint})")
        match result.dataset_args:
            case {"faces": benchmark.faces, "values": benchmark.values}:
                pass
            case counts:
                raise FkdError(f"measured on {one_line(counts, 60)}, not {benchmark.values} coordinates")
    return figures
