"""The page as a Space, and a benchmark as a dataset repository, on the Hugging Face Hub."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import yaml
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    DatasetCardData,
    DatasetLeaderboardEntry,
    HfApi,
)
from huggingface_hub.errors import HfHubHTTPError

from fkd.entries import BENCHMARK, Benchmark, file_name, read_entries
from fkd.files import write_json
from fkd.hub import SCHEME, in_a_sentence, pull, uploading
from fkd.known import PINNED

PAGE = ["app.py", "requirements.lock", "README.md", "LICENSE", "CITATION.cff"]
PAGE += ["fkd/**/*.py", "fkd/**/*.js", "fkd/**/*.css"]
PAGE += ["examples/*", "examples/page/*", "leaderboard/*/*.json", "benchmarks/paper.json", "benchmarks/paper.png"]
CHECKPOINTS, REFERENCES = "checkpoints/*/*", f"checkpoints/{PINNED}"
METRICS = {
    "rmse": "root mean squared error over all labelled coordinates, px of the 96 px frame; lower is better",
    "nme": "mean error in percent of the distance between the eye centres; lower is better",
    "failure_rate": "percent of faces whose mean error is above 10%; lower is better",
}


def deploy(home: Path, repo_id: str, private: bool = False, models: Sequence[str] = ()) -> str:
    """Makes or updates a Gradio Space that is the page, in one commit, and returns its address.

    home: the folder of app.py. models: models of the Hub, user/name, to show in place of home's `checkpoints`; each is
    pulled first, so that it is known to be safe, and pinned to that commit.
    Raises ValueError, with what to do, for a missing right, name or network.
    """
    patterns = PAGE if models else [*PAGE, CHECKPOINTS]
    paths = sorted(path for pattern in patterns for path in home.glob(pattern) if path.is_file())
    contents = {path.relative_to(home).as_posix(): path for path in paths if not path.name.startswith("training-state")}
    contents["requirements.txt"] = home / "requirements.lock"  # a Space reads this one file alone
    if models:
        pinned = [f"{SCHEME}{model}@{pull(model).name}" for model in models]
        contents[REFERENCES] = json.dumps(pinned, indent=2).encode()
    return _publish(repo_id, "space", contents, private)


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
    url = _publish(repo_id, "dataset", contents, private)
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


def _publish(repo_id: str, kind: str, contents: dict, private: bool) -> str:
    """Brings a repository to these contents (path -> bytes or file) in one commit, if anything differs.

    What else lies in the folders that they name is removed; other files are somebody's own, and stay.
    """
    with in_a_sentence(repo_id):
        api = HfApi()
        sdk = {"space_sdk": "gradio"} if kind == "space" else {}
        url = api.create_repo(repo_id, repo_type=kind, private=private, exist_ok=True, **sdk)
        folders = {path.partition("/")[0] for path in contents if "/" in path}
        there = {path for path in api.list_repo_files(repo_id, repo_type=kind) if path.partition("/")[0] in folders}
        operations = [CommitOperationAdd(path, content) for path, content in contents.items()]
        operations += [CommitOperationDelete(path) for path in sorted(there - set(contents))]
        with uploading(repo_id):
            api.create_commit(repo_id, operations, commit_message="Written by fkd", repo_type=kind)
    return str(url)


def _eval_yaml(benchmark: Benchmark) -> dict:
    return {
        "name": benchmark.name,
        "description": f"{benchmark.description}. {benchmark.faces} faces, {benchmark.values} labelled coordinates.",
        "evaluation_framework": "fkd",
        "tasks": [{"id": metric, "config": "default", "split": "test"} for metric in METRICS],
    }


def _dataset_card(benchmark: Benchmark, entries: int) -> str:
    front = DatasetCardData(pretty_name=benchmark.name, tags=["fkd", "leaderboard"], task_categories=["other"])
    metrics = "\n".join(f"- `{metric}`: {what}" for metric, what in METRICS.items())
    return f"""---
{front.to_yaml()}
---

# {benchmark.name}

{benchmark.description}: {benchmark.faces} faces, {benchmark.values} labelled coordinates, fingerprint
`{benchmark.fingerprint}`. The faces themselves are not here. `entries/` holds {entries} evaluations by fkd.

{metrics}
"""


def _json(value) -> bytes:
    return json.dumps(dataclasses.asdict(value), indent=2, allow_nan=False).encode()
