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
from fkd.checkpoint import load_checkpoint
from fkd.entries import read_benchmarks, write_entry
from fkd.evaluate import from_json
from fkd.page import leaderboard as tab
from fkd.page.model import _show

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_a_space_is_made_and_updated_with_all_that_the_page_needs(hub, tmp_path):
    assert run("deploy", "ada/page").endswith("/spaces/ada/page")
    files = hub.files("ada/page", repo_type="space")
    assert HfApi().space_info("ada/page").sdk == "gradio"
    assert RepoCard(files["README.md"].decode()).data.to_dict()["sdk_version"] in files["requirements.txt"].decode()
    assert files["requirements.txt"] == (ROOT / "requirements.lock").read_bytes(), "it installs what the tests run with"
    for path, content in files.items():
        (tmp_path / "space" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "space" / path).write_bytes(content)
    code = "from app import build_app; print(type(build_app()).__name__)"
    built = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "space", capture_output=True, text=True)
    assert built.stdout.strip() == "Page", built.stderr

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


def test_a_page_opens_beside_bad_files_and_its_api_names_them(board, evaluated, tmp_path):
    genuine = json.loads((board / "drawn" / "net.json").read_text())
    forged = genuine | {"name": "forged", "accuracy": genuine["accuracy"] | {"rmse": 0.5}}
    (board / "drawn" / "forged.json").write_text(json.dumps(forged))
    (board / "drawn" / "x.json").write_text('{"x": 1}')
    (board / "drawn" / "published.json").write_text('[{"rmse": 1}]')
    (board / "broken").mkdir()
    (board / "broken" / "benchmark.json").write_text("{")
    (board / "hub.json").write_text("[]")
    page = build_app(checkpoints=evaluated.parent, leaderboard=board)
    (rank,) = (one.fn for one in page.fns.values() if one.api_name == "leaderboard")
    rows = {row["model"]: row for row in rank("drawn")}
    assert rows["net"]["rank"] == 1 and rows["net"]["status"] == "verified"
    assert rows["forged"]["rank"] is None and rows["forged"]["status"] == "not verified"
    assert "rmse is 0.5, but its sums by face give 2.5" in rows["forged"]["unranked"]
    assert rows["x"]["status"] == "unreadable" and "lacks name" in rows["x"]["unranked"]
    said = tab._problems(board)
    assert all(name in said for name in ("broken/benchmark.json", "published.json", "hub.json"))
    benchmarks, folders = {one.name: one for one in read_benchmarks(board)}, {"net": evaluated}
    assert len([one for one in tab._draw(board, benchmarks, folders, "drawn", ["net", "forged"], True) if one]) > 6
    (board / "drawn" / "net.json").unlink()
    (board / "drawn" / "forged.json").unlink()
    about, ranking, *_ = tab._show(board, benchmarks, folders, "drawn", ["unreadable"], "all", "any size", [], [])
    assert "10 faces" in about and "lacks name" in str(ranking.value)


def test_a_model_whose_records_cannot_be_read_still_has_its_tab(evaluated, tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    for path in evaluated.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    models = {"net": load_checkpoint(folder)}
    text, ellipses, curves, *_ = _show(models, {"net": folder}, "net", True)
    assert "9216-500-30" in text and ellipses and curves
    (folder / "evaluation.json").write_text('{"x": 1}')
    (folder / "history.csv").write_text("epoch\nbest\n")
    text, ellipses, curves, *_ = _show(models, {"net": folder}, "net", True)
    assert "Its records cannot be read" in text and "lacks name" in text and not ellipses and not curves
