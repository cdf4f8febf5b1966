import json

import pytest
import yaml
from commands import run

from fkd.board.entries import read_benchmarks, write_entry
from fkd.board.record import from_json


@pytest.fixture
def board(tmp_path, evaluated):
    root = tmp_path / "leaderboard"
    write_entry(root, from_json(json.loads((evaluated / "evaluation.json").read_text())), "drawn faces")
    return root


def test_a_benchmark_becomes_a_dataset_that_models_name(hub, board, evaluated):
    said = run("leaderboard", "publish", "ada/faces", "--leaderboard", board)
    assert "/datasets/ada/faces" in said and "lists 0 results" in said
    files = hub.files("ada/faces", repo_type="dataset")
    assert [task["id"] for task in yaml.safe_load(files["eval.yaml"])["tasks"]] == ["rmse", "nme", "failure_rate"]
    assert from_json(json.loads(files["entries/net.json"])).accuracy.rmse == 2.5
    assert "fingerprint\n`f00d`" in files["README.md"].decode()
    assert read_benchmarks(board)[0].dataset == "ada/faces"

    run("push", evaluated, "ada/net", "--leaderboard", board)
    assert ".eval_results/drawn.yaml" in hub.files("ada/net")
    before = hub.commits("ada/faces", repo_type="dataset")
    said = run("leaderboard", "publish", "ada/faces", "--leaderboard", board)
    assert "lists 1 results" in said and "ada/net 2.5" in said
    assert hub.commits("ada/faces", repo_type="dataset") == before
