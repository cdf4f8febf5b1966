"""The page as a Space, on a Hub on this machine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import fails, run
from hub_server import Fault
from onnx_files import mean_face

from app import build_app
from fkd.errors import FkdError
from fkd.hub.space import deploy

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_space_is_made_and_updated_with_all_that_the_page_needs(hub, tmp_path):
    assert run("deploy", "ada/page").endswith("/spaces/ada/page")
    files = hub.files("ada/page", repo_type="space")
    assert files["requirements.txt"] == (ROOT / "requirements.lock").read_bytes(), "it installs what the tests run with"
    for path, content in files.items():
        (tmp_path / "space" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "space" / path).write_bytes(content)
    links = re.findall(r"\]\(([^)#:]+)[^):]*\)", files["README.md"].decode())
    assert "docs/hub.md" in links and files.keys() >= set(links), "the README's links lead somewhere on the Space too"
    code = "from app import build_app; print(type(build_app()).__name__)"
    built = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "space", capture_output=True, text=True)
    assert built.stdout.split() == ["Blocks"], built.stderr

    before = hub.commits("ada/page", repo_type="space")
    run("deploy", "ada/page")
    assert hub.commits("ada/page", repo_type="space") == before
    hub.put("ada/page", {"fkd/old.py": b"", "mine.txt": b"by hand", "app.py": b"broken"}, "space")
    run("deploy", "ada/page")
    assert hub.files("ada/page", repo_type="space") == files | {"mine.txt": b"by hand"}


@pytest.mark.slow
def test_a_static_space_is_the_site_and_a_hub_that_wants_money_names_the_ways(hub, evaluated, tmp_path):
    assert run("deploy", "ada/faces", "--static").endswith("/spaces/ada/faces")
    files = hub.files("ada/faces", repo_type="space")
    head = files["README.md"].decode().split("---")[1]
    assert "sdk: static" in head and "gradio" not in head and "app_file" not in head
    assert "https://ada-faces.static.hf.space/card.jpg" in files["index.html"].decode()
    assert {"static.js", "engine/ort.wasm.gz", "viewer/start.js"} <= files.keys()
    run("push", evaluated, "ada/net")
    run("deploy", "ada/faces", "--static", "--model", "ada/net")
    listed = json.loads(hub.files("ada/faces", repo_type="space")["engine/models.json"])
    assert [model["name"] for model in listed] == ["ada/net"]
    hub.faults = [Fault("POST", "/api/repos/create", status=402)]
    reason = fails("deploy", "ada/page")
    assert "--static needs no server" in reason and "--hardware zero-a10g" in reason
    assert "needs no hardware" in fails("deploy", "ada/page", "--static", "--hardware", "zero-a10g")


def test_a_space_and_a_page_of_models_that_are_on_the_hub(hub, evaluated, tmp_path):
    run("push", evaluated, "ada/net")
    run("deploy", "ada/page", "--model", "ada/net")
    files = hub.files("ada/page", repo_type="space")
    assert [path for path in files if path.startswith("checkpoints/")] == ["checkpoints/pinned.json"]
    assert json.loads(files["checkpoints/pinned.json"]) == [f"hf:ada/net@{hub.commits('ada/net')[-1]}"]
    assert "shows you no repository ada/none" in fails("deploy", "ada/page", "--model", "ada/none")
    (tmp_path / "pinned.json").write_bytes(files["checkpoints/pinned.json"])
    page = build_app(checkpoints=tmp_path, leaderboard=tmp_path)
    assert '"ada/net"' in json.dumps(page.get_config_file(), default=str)
    with pytest.raises(FkdError, match="shows you no repository eve/net"):
        build_app(checkpoints=tmp_path, leaderboard=tmp_path, references=["hf:eve/net"])


def test_a_space_gets_the_files_of_its_folder_and_what_runs_them(hub, tmp_path):
    for name in ("app.py", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mean.onnx").write_bytes(mean_face().SerializeToString())
    deploy(tmp_path, "ada/page")
    files = hub.files("ada/page", repo_type="space")
    assert "checkpoints/mean.onnx" in files and "openvino==" in files["requirements.txt"].decode()
    (tmp_path / "checkpoints" / "mean.onnx").write_bytes(b"broken")
    with pytest.raises(ValueError, match="mean.onnx is not an ONNX file"):
        deploy(tmp_path, "ada/other")
    assert not hub.repos.keys() & {"ada/other"}
