"""List the claims of Hub models, to be shown with our entries.

A claim is a figure in a model's card (its model-index, written by `fkd push`). It is not ranked: `fkd evaluate`
measures a model to rank it.
"""

import contextlib
import dataclasses
import datetime
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from huggingface_hub.repocard_data import model_index_to_eval_results
from huggingface_hub.utils import build_hf_headers, paginate

from fkd.board.entries import SYNCED, Benchmark, Claim, Synced, read_benchmarks
from fkd.errors import FkdError
from fkd.files import write_json
from fkd.hub.errors import in_a_sentence
from fkd.hub.repository import TIMEOUT
from fkd.metrics import METRICS

TAG, MAX_MODELS, PAGE = "fkd", 2000, 100  # models in all, and in an answer of the Hub
NETWORK = re.compile(r"fcnn|\w*resne\w*|mobilenet\w*")


def sync(root: Path | str) -> Synced:
    """List the Hub's models tagged fkd, and store their claims in ROOT/claims.json (`SYNCED`).

    Raises FkdError if the Hub does not answer; the stored claims are then kept.
    """
    benchmarks = read_benchmarks(root)
    with in_a_sentence("the list of models"):
        claims = [claim for model in _models() for claim in _claims(model, benchmarks)]
    synced = Synced(datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"), claims)
    write_json(Path(root) / SYNCED, dataclasses.asdict(synced))
    return synced


def _models() -> Iterable[dict[str, Any]]:
    """The Hub's models tagged fkd, without a token: a host's private models must not appear on a page.

    Plain JSON, not the client's types: one model with a broken card must not break the list.
    """
    expand = ["sha", "lastModified", "model-index", "safetensors", "tags"]
    params = {"filter": TAG, "limit": PAGE, "expand": expand}
    models = paginate(f"{constants.ENDPOINT}/api/models", params, build_hf_headers(token=False), TIMEOUT)
    return itertools.islice(models, MAX_MODELS)


def _claims(model: dict[str, Any], benchmarks: list[Benchmark]) -> Iterator[Claim]:
    """Yield a claim for each benchmark on which a card states figures that can be right."""
    try:
        _, results = model_index_to_eval_results(model.get("model-index") or [])
    except (AttributeError, KeyError, TypeError, ValueError):  # none, or any other JSON
        return
    for benchmark in benchmarks:
        test_set = benchmark.fingerprint, {"faces": benchmark.faces, "values": benchmark.values}
        stated = {
            str(result.metric_type): result.metric_value
            for result in results
            if result.dataset_type == benchmark.name and (result.dataset_revision, result.dataset_args) == test_set
        }
        with contextlib.suppress(FkdError):
            yield Claim(
                repo=str(model.get("id")),
                revision=str(model.get("sha")),
                benchmark=benchmark.name,
                network=min(filter(NETWORK.fullmatch, model.get("tags") or []), default=""),
                figures={metric.key: stated[metric.key] for metric in METRICS if metric.key in stated},
                parameters=(model.get("safetensors") or {}).get("total"),
                date=str(model.get("lastModified") or "")[:10],
            )
