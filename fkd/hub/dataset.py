"""A benchmark as a dataset repository on the Hugging Face Hub."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import DatasetCardData, DatasetLeaderboardEntry, HfApi
from huggingface_hub.errors import HfHubHTTPError

from fkd.board.entries import BENCHMARK, Benchmark, file_name, read_entries
from fkd.board.record import Evaluation
from fkd.files import write_json
from fkd.hub.errors import in_a_sentence
from fkd.hub.writing import publish_files
from fkd.metrics import METRICS


def publish_benchmark(root: Path, benchmark: Benchmark, repo_id: str, private: bool = False) -> str:
    """Writes a benchmark's entries to a dataset repository, with the eval.yaml by which the Hub knows a benchmark.

    The test faces are not in it: only what they are (fingerprint, counts). From then on the benchmark knows its
    repository, and `fkd push` names it in a model's results.
    Raises ValueError, with what to do, for a missing right, name or network.
    """
    benchmark = dataclasses.replace(benchmark, dataset=repo_id)
    entries = read_entries(root, benchmark).measured
    contents = {
        "README.md": _dataset_card(benchmark, len(entries)).encode(),
        "eval.yaml": yaml.safe_dump(_eval_yaml(benchmark), sort_keys=False).encode(),
        BENCHMARK: _json(benchmark),
    }
    contents |= {f"entries/{file_name(entry)}": _json(entry) for entry in entries}
    url = publish_files(repo_id, "dataset", contents, private)
    write_json(root / benchmark.name / BENCHMARK, dataclasses.asdict(benchmark))
    return url


def hub_leaderboard(repo_id: str) -> list[DatasetLeaderboardEntry]:
    """The Hub's own leaderboard of a benchmark's repository; empty while it has none."""
    with in_a_sentence(repo_id):
        try:
            return HfApi().get_dataset_leaderboard(repo_id, base_model_only=False)
        except HfHubHTTPError as error:
            if error.response.status_code == 404 and HfApi().repo_exists(repo_id, repo_type="dataset"):
                return []
            raise


def _eval_yaml(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "description": f"{benchmark.description}. {benchmark.faces} faces, {benchmark.values} labelled coordinates.",
        "evaluation_framework": "fkd",
        "tasks": [{"id": metric.key, "config": "default", "split": "test"} for metric in METRICS],
    }


def _dataset_card(benchmark: Benchmark, entries: int) -> str:
    front = DatasetCardData(pretty_name=benchmark.name, tags=["fkd", "leaderboard"], task_categories=["other"])
    metrics = "\n".join(f"- `{metric.key}`: {metric.meaning}" for metric in METRICS)
    return f"""---
{front.to_yaml()}
---

# {benchmark.name}

{benchmark.description}: {benchmark.faces} faces, {benchmark.values} labelled coordinates, fingerprint
`{benchmark.fingerprint}`. The faces themselves are not here. `entries/` holds {entries} evaluations by fkd.

{metrics}
"""


def _json(value: Benchmark | Evaluation) -> bytes:
    return json.dumps(dataclasses.asdict(value), indent=2, allow_nan=False).encode()
