"""The Space and the benchmark's dataset repository, on a Hub on this machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi, RepoCard
from test_hub import fails, run

from app import build_app
from fkd.entries import read_benchmarks, write_entry
from fkd.evaluate import from_json

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_a_space_is_made_and_updated_with_all_that_the_page_needs(hub, tmp_path):
    assert run("deploy", "ada/page").endswith("/spaces/ada/page")
    files = hub.files("ada/page", repo_type="space")
    assert HfApi().space_info("ada/page").sdk == "gradio"
    assert RepoCard(files["README.md"].decode()).data.to_dict()["sdk_version"] in files["requirements.txt"].decode()
    for path, content in files.items():
        (tmp_path / "space" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "space" / path).write_bytes(content)
    code = "from app import build_app; print(type(build_app()).__name__)"
    built = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "space", capture_output=True, text=True)
    assert built.stdout.strip() == "Blocks", built.stderr

    before = hub.commits("ada/page", repo_type="space")
    run("deploy", "ada/page")
    assert hub.commits("ada/page", repo_type="space") == before
    hub.put("ada/page", {"fkd/old.py": b"", "mine.txt": b"by hand", "app.py": b"broken"}, "space")
    run("deploy", "ada/page")
    assert hub.files("ada/page", repo_type="space") == files | {"mine.txt": b"by hand"}


def test_a_space_of_models_that_are_on_the_hub(hub, evaluated):
    run("push", evaluated, "ada/net")
    run("deploy", "ada/page", "--model", "ada/net")
    files = hub.files("ada/page", repo_type="space")
    assert [path for path in files if path.startswith("checkpoints/")] == ["checkpoints/hub.json"]
    assert json.loads(files["checkpoints/hub.json"]) == [f"hf:ada/net@{hub.commits('ada/net')[-1]}"]
    assert "shows you no repository ada/none" in fails("deploy", "ada/page", "--model", "ada/none")


def test_the_page_shows_models_of_the_hub(hub, evaluated, tmp_path):
    run("push", evaluated, "ada/net")
    (tmp_path / "hub.json").write_text(json.dumps([f"hf:ada/net@{hub.commits('ada/net')[-1]}"]))
    pinned = build_app(checkpoints=tmp_path, leaderboard=tmp_path)
    asked = build_app(checkpoints=tmp_path / "none", leaderboard=tmp_path, models=["hf:ada/net"])
    for page in (pinned, asked):
        assert '"ada/net"' in json.dumps(page.get_config_file(), default=str)
    with pytest.raises(ValueError, match="shows you no repository eve/net"):
        build_app(checkpoints=tmp_path, leaderboard=tmp_path, models=["hf:eve/net"])


def test_who_may_not_deploy_is_told(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.add_user("bob"))
    assert "your token may not write to ada/page" in fails("deploy", "ada/page")
    assert not hub.repos


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
