"""What others claim of their models on the Hub: listed, checked one by one, kept, and shown beside our entries.

A claim is what a model's card says of it (its model-index, which `fkd push` writes). It is not ranked: whoever
wants it ranked has it measured (`fkd verify`).
"""

import dataclasses
import datetime
import itertools
import math
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.repocard_data import model_index_to_eval_results
from huggingface_hub.utils import build_hf_headers, paginate

from fkd.files import write_json
from fkd.hub import TIMEOUT, in_a_sentence
from fkd.leaderboard import SYNCED, Benchmark, Claim, Synced, read_benchmarks, read_synced
from fkd.models import model_names

TAG, MOST = "fkd", 20_000
RANGES = {"rmse": (0.0, 96.0), "nme": (0.0, 1000.0), "failure_rate": (0.0, 100.0)}  # px, percent, percent


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
        return [claim for model in itertools.islice(models, MOST) for claim in _claims(model, benchmarks)]


def _claims(model: dict, benchmarks: dict[str, Benchmark]) -> list[Claim]:
    """One claim a benchmark; a card that cannot be read is one, refused."""
    try:
        index = model.get("model-index") or []
        results = model_index_to_eval_results(index)[1] if index else []
        found: dict[str, list] = {}
        for result in results:
            found.setdefault(str(result.dataset_type)[:100], []).append(result)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return [_claim(model, "", {}, f"its model-index cannot be read ({type(error).__name__}: {error})"[:200])]
    if not found:
        return [_claim(model, "", {}, "its card has no model-index with results")]
    claims = []
    for name, results in found.items():
        figures = {result.metric_type: result.metric_value for result in results if result.metric_type in RANGES}
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
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return f"its {metric} is no number"
        if not low <= value <= high or (metric == "rmse" and value == 0):
            return f"its {metric} of {value:g} cannot be: expected {low:g} to {high:g}"
    for result in results:
        if result.dataset_revision != benchmark.fingerprint:
            return f"measured on other test data ({str(result.dataset_revision)[:40]}, not {benchmark.fingerprint})"
        counts = result.dataset_args if isinstance(result.dataset_args, dict) else {}
        if (counts.get("faces"), counts.get("values")) != (benchmark.faces, benchmark.values):
            return f"measured on {str(counts.get('values'))[:20]} of {benchmark.values} coordinates"
    return ""


def _claim(model: dict, benchmark: str, figures: dict, refused: str) -> Claim:
    safetensors = model.get("safetensors")
    parameters = safetensors.get("total") if isinstance(safetensors, dict) else None
    networks = {str(tag) for tag in model.get("tags") or []} & set(model_names())

    def number(metric: str) -> float | None:
        return float(figures[metric]) if metric in figures and not refused else None

    return Claim(
        repo=str(model.get("id"))[:200],
        revision=str(model.get("sha"))[:40],
        benchmark=benchmark,
        network=min(networks, default=""),
        rmse=number("rmse"),
        nme=number("nme"),
        failure_rate=number("failure_rate"),
        parameters=parameters if isinstance(parameters, int) else None,
        date=str(model.get("lastModified"))[:10],
        refused=refused,
    )
