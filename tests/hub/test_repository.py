"""Push and pull with the real client, against a Hub on this machine."""

import dataclasses
import json
import pickle
import shutil
import struct
from pathlib import Path

import pytest
from commands import fails, run
from conftest import contents
from hub_server import Fault
from huggingface_hub import ModelCard, constants, list_models
from huggingface_hub.utils.logging import get_logger, set_verbosity_warning
from PIL import Image

from fkd.board.record import read_evaluation
from fkd.errors import FkdError
from fkd.hub.card import card_files, remote_card
from fkd.hub.reference import load
from fkd.hub.repository import pull, push
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.models import KeypointModel

INFO = "/api/models/ada/net"


def test_a_model_is_pushed_listed_and_pulled_unchanged(hub, evaluated):
    run("push", evaluated, "ada/net")
    (listed,) = list_models(filter="fkd")
    assert listed.id == "ada/net"
    assert hub.files("ada/net").keys() >= {"README.md", "overlay.png", "evaluation.json", "history.csv"}
    folder = Path(run("pull", "ada/net"))
    assert run("pull", f"hf:ada/net@{folder.name}") == str(folder)
    assert contents(folder) == contents(evaluated) and folder.name == hub.commits("ada/net")[-1]
    detector = load("hf:ada/net")
    assert (detector.name, detector.owner) == ("ada/net", "ada")
    assert detector.sha256 == load_checkpoint(evaluated).sha256
    before = len(hub.requests)
    load(f"hf:ada/net@{folder.name}")
    assert len(hub.requests) == before, "a commit that is in the cache needs no network"


def test_a_second_push_commits_nothing_unless_something_changed(hub, evaluated):
    assert "commit" in run("push", evaluated, "ada/net")
    before = hub.commits("ada/net")
    assert "nothing has changed" in run("push", evaluated, "ada/net")
    assert hub.commits("ada/net") == before
    files = hub.files("ada/net")
    hub.put("ada/net", {"notes.txt": b"by hand", "history.csv": b"epoch\n"})
    run("push", evaluated, "ada/net")
    assert hub.files("ada/net") == files | {"notes.txt": b"by hand"}


def test_a_private_push_and_a_pull_request(hub, evaluated, monkeypatch):
    run("push", evaluated, "ada/secret", "--private")
    assert hub.repo("ada/secret").private
    hub.put("ada/net", {"README.md": b"# Mine\n"})
    monkeypatch.setenv("HF_TOKEN", "hf_bob")
    assert "discussions/1" in run("push", evaluated, "ada/net", "--pr")
    assert set(hub.files("ada/net")) == {"README.md"} and "model.safetensors" in hub.files("ada/net", "refs/pr/1")
    assert "the Hub shows you no repository ada/secret" in fails("pull", "ada/secret")


def test_the_card_reads_back_and_keeps_its_owners_text(hub, evaluated):
    run("push", evaluated, "ada/net")
    card = ModelCard.load("ada/net")
    assert card.data.library_name == "fkd" and card.data.pipeline_tag == "keypoint-detection"
    figures = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert figures == {"rmse": 2.5, "nme": 5.0, "failure_rate": 0.0}
    assert card.data.eval_results[0].dataset_revision == "f00d"
    assert 'load("hf:ada/net")' in card.text and "drawn by tests" in card.text
    assert "2.500 px |" in card.text and "failures: faces with a mean error" in card.text
    assert hub.files("ada/net")["overlay.png"].startswith(b"\x89PNG") and "](overlay.png)" in card.text
    assert "python -m fkd train --data DATA --out checkpoints/NAME --model fcnn --epochs " in card.text

    text = remote_card("ada/net").replace("tags:\n", "language: en\ntags:\n- by-hand\n")
    text = text.replace("# net", "# our net") + "\nWritten by hand.\n"
    hub.put("ada/net", {"README.md": text.encode()})
    run("push", evaluated, "ada/net")
    card = ModelCard.load("ada/net")
    assert card.text.endswith("Written by hand.\n") and "# net" in card.text and "# our net" not in card.text
    assert card.data.language == "en" and set(card.data.tags) == {"fkd", "facial-keypoints", "fcnn", "by-hand"}

    hub.put("ada/old", {"README.md": b"---\nlicense: mit\n---\nAll of it mine.\n"})
    run("push", evaluated, "ada/old")
    assert ModelCard.load("ada/old").text.count("All of it mine.") == 1


def test_a_card_shows_only_known_figures_and_present_pictures(evaluated):
    evaluation = read_evaluation(evaluated / "evaluation.json")
    figures = evaluation.accuracy.figures | {"nme": None, "failure_rate": None}
    accuracy = dataclasses.replace(evaluation.accuracy, figures=figures, nme_faces=0)
    files = card_files(load(evaluated), dataclasses.replace(evaluation, accuracy=accuracy), "ada/net", None)
    card = files["README.md"].decode()
    assert files.keys() == {"README.md"} and "overlay.png" not in card
    assert "(0 with both eyes labelled)" in card and "inter-ocular distance | - |" in card
    assert [result.metric_type for result in ModelCard(card).data.eval_results] == ["rmse"]


def test_pushes_that_are_refused(hub, evaluated, tmp_path, monkeypatch):
    assert "expected user/name" in fails("push", evaluated, "not a name")
    assert "has no config.json" in fails("push", tmp_path, "ada/net")
    other = shutil.copytree(evaluated, tmp_path / "other")
    (other / "evaluation.json").unlink()
    assert "has no evaluation.json: run `fkd evaluate" in fails("push", other, "ada/net")
    stale = json.loads((evaluated / "evaluation.json").read_text()) | {"weights": ["0" * 64]}
    (other / "evaluation.json").write_text(json.dumps(stale))
    assert "is of other weights" in fails("push", other, "ada/net")
    blank = tmp_path / "blank.png"
    Image.new("RGB", (200, 200)).save(blank)
    assert "no face is found" in fails("push", evaluated, "ada/net", "--photo", blank)
    monkeypatch.delenv("HF_TOKEN")
    assert "run `hf auth login`, or set HF_TOKEN" in fails("push", evaluated, "ada/net")
    assert not hub.repos


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("POST", "/commit/main", status=401), "gives no right to ada/net: run `hf auth login`"),
        (Fault("POST", "/commit/main", status=403), "gives no right to ada/net"),
        (Fault("POST", "/preupload/main", status=404), "ada/net"),
        (Fault("POST", "/commit/main", status=412), "the Hub refused ada/net .412.: "),
        (Fault("POST", "/commit/main", status=429, headers={"Retry-After": "7"}), "the Hub refused ada/net .429.: "),
        (Fault("POST", "/commit/main", cut=True), "the Hub cannot be reached"),
        (Fault("PUT", "", status=500), "the Hub refused ada/net .500.: "),
    ],
    ids=lambda value: f"{getattr(value, 'status', '')}",
)
def test_a_push_that_fails_says_why_and_the_next_one_works(hub, evaluated, fault, message, is_known):
    if is_known:
        hub.put("ada/net", {"README.md": b"# Before\n"})
    hub.faults.append(fault)
    with pytest.raises(FkdError, match=message):
        push(evaluated, "ada/net", {"README.md": b"# After\n"})
    before = len(hub.commits("ada/net"))
    assert "model.safetensors" not in hub.files("ada/net") or fault.cut  # then only the answer was lost
    hub.faults.clear()
    push(evaluated, "ada/net", {"README.md": b"# After\n"})
    assert hub.files("ada/net")["README.md"] == b"# After\n" and len(hub.commits("ada/net")) <= before + 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("GET", INFO, status=401), "gives no right to ada/net|shows you no repository"),
        (Fault("GET", INFO, status=404, headers={"X-Error-Code": "RepoNotFound"}), "shows you no"),
        (Fault("GET", INFO, status=403, headers={"X-Error-Code": "GatedRepo"}), "shows you no"),
        (Fault("GET", INFO, status=403), "gives no right to ada/net"),
        (Fault("GET", "model.safetensors", status=500), "the Hub|cannot be reached"),
        (Fault("GET", "config.json", cut=True), "cannot be reached"),
    ],
)
def test_a_pull_that_fails_says_why_and_the_next_one_works(hub, evaluated, fault, message):
    hub.put("ada/net", contents(evaluated) | {"old/weights.pkl": b"", "model.onnx": b""})
    hub.faults.append(fault)
    with pytest.raises(FkdError, match=message):
        pull("ada/net")
    hub.faults.clear()
    assert contents(pull("ada/net")) == contents(evaluated)


def test_without_a_network_the_message_says_so_and_nothing_else_is_printed(hub, evaluated, monkeypatch, caplog):
    for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE"):
        monkeypatch.setattr(constants, name, getattr(constants, name).replace(hub.url, "http://127.0.0.1:9"))
    set_verbosity_warning()
    monkeypatch.setattr(get_logger("huggingface_hub"), "propagate", True)
    for work in (lambda: pull("ada/net"), lambda: push(evaluated, "ada/net", {})):
        with pytest.raises(FkdError, match="the Hub cannot be reached.*check the network"):
            work()
    assert remote_card("ada/net") == ""
    assert not [record for record in caplog.records if "Retrying" in record.message]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.json", lambda old: b"[" * 90_000, "not readable as JSON"),
        ("config.json", lambda old: b" " * 9_000_000, "config.json has 9,000,000 bytes"),
        ("config.json", lambda old: old.replace(b'"fcnn"', b'"hf-hub:eve/net"'), "unknown model 'hf-hub:eve/net'"),
        ("config.json", lambda old: old.replace(b'"fcnn"', b'"resnet18"'), "Missing key"),
        (
            "config.json",
            lambda old: b'{"auto_map": {"AutoModel": "net.Net"},' + old[1:],
            "auto_map: Unexpected",
        ),
        ("model.safetensors", lambda old: pickle.dumps(Path()), "safetensors is damaged"),
        ("model.safetensors", lambda old: old[:5000], "safetensors is damaged"),
        ("model.safetensors", lambda old: struct.pack("<Q", 2**60) + b"{}", "safetensors is damaged"),
        ("model.safetensors", lambda old: struct.pack("<Q", 90_000) + b"[" * 90_000, "safetensors is damaged"),
    ],
)
def test_a_hostile_repository_is_refused_before_any_weight_is_built(
    hub, evaluated, name, change, message, tmp_path, monkeypatch
):
    files = contents(evaluated) | {"pytorch_model.bin": pickle.dumps(Path())}
    hub.put("eve/net", files | {name: change(files[name])})
    load_state_dict = KeypointModel.load_state_dict

    def check_only(self, tensors, assign=False):
        assert assign, "weights were built"
        return load_state_dict(self, tensors, assign=True)

    monkeypatch.setattr(KeypointModel, "load_state_dict", check_only)
    for revision in ("main", hub.commits("eve/net")[-1]):  # refused once, it is refused again
        with pytest.raises(FkdError, match=message) as error:
            load(f"hf:eve/net@{revision}")
        assert str(error.value).startswith("hf:eve/net")
    assert not list((tmp_path / "home" / "hub").rglob("*.bin"))
    assert not list((tmp_path / "home" / "hub").glob("*/snapshots/*"))
