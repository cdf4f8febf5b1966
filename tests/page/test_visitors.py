"""Models of the Hub that visitors add, against a Hub on this machine."""

import tempfile
from pathlib import Path

import pytest
import torch
from conftest import contents
from hub_server import Fault
from huggingface_hub import constants
from safetensors.torch import load_file, save

from fkd.hub.repository import cached, pull
from fkd.page import visitors
from fkd.page.own import LazyDetectors
from fkd.page.visitors import Detectors


def put(hub, folder: Path, repo: str, **settings) -> None:
    hub.put(repo, {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors")}, **settings)


@pytest.fixture
def detectors(evaluated) -> Detectors:
    return Detectors(LazyDetectors([evaluated]))


@pytest.fixture
def folders(tmp_path, monkeypatch) -> None:
    """Temporary folders lie in tmp_path."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("asked", ["bea/net", " hf:bea/net ", "https://huggingface.co/bea/net/"])
def test_a_model_is_added_by_its_name_or_address(hub, detectors, evaluated, asked):
    put(hub, evaluated, "bea/net")
    assert detectors.add(asked) == "bea/net"
    assert set(detectors) == {"net", "bea/net"} and set(detectors.own) == {"net"}
    assert detectors["bea/net"].checkpoint.sha256 == detectors["net"].checkpoint.sha256


def test_what_only_the_owner_of_the_page_may_read_is_shown_to_nobody(hub, detectors, evaluated):
    put(hub, evaluated, "ada/secret", private=True)
    kept = pull("ada/secret")  # with ada's token, into the cache that the page reads too
    for asked in ("ada/secret", f"ada/secret@{kept.name}"):
        with pytest.raises(ValueError, match="no repository ada/secret"):
            detectors.add(asked)
    assert set(detectors) == {"net"}


def test_what_is_wrong_is_said_in_a_sentence(hub, detectors, evaluated, monkeypatch):
    put(hub, evaluated, "bea/net")
    hub.put("bea/broken", {"config.json": b"{}", "model.safetensors": b""})
    monkeypatch.setattr(visitors, "MAX_BYTES", 1000)
    for asked, said in {
        "  ": "Name a Hub model",
        "no name at all": "names no model on the Hub: expected user/repo",
        "bea/nothing": "no repository bea/nothing that everybody may read: check the name",
        "bea/broken": "has format",
        "bea/net": "more than the 1,000",
    }.items():
        with pytest.raises(ValueError, match=said):
            detectors.add(asked)
    assert set(detectors) == {"net"}


@pytest.mark.parametrize("fault", ["offline", "token"])
def test_what_is_meant_for_the_host_reaches_no_visitor(hub, detectors, evaluated, monkeypatch, fault):
    put(hub, evaluated, "bea/net")
    if fault == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    else:
        hub.faults.append(Fault("GET", "/api/models/bea/net", status=401))
    with pytest.raises(ValueError, match=r"^The Hub cannot be read from this page at the moment: try again later\.$"):
        detectors.add("bea/net")


def test_the_oldest_makes_room_in_memory_and_on_disk(hub, detectors, evaluated, tmp_path, folders, monkeypatch):
    monkeypatch.setattr(visitors, "MAX_MODELS", 2)
    for number in range(3):
        put(hub, evaluated, f"bea/net{number}")
        detectors.add(f"bea/net{number}")
        if number == 1:
            detectors.add("bea/net0")  # asked for again, so it is the younger
    assert set(detectors) == {"net", "bea/net0", "bea/net2"}
    assert {path.name for path in tmp_path.glob("fkd-model-*/models--*")} == {"models--bea--net0", "models--bea--net2"}
    assert detectors["bea/net0"].folder.is_dir()


def test_a_refused_model_leaves_nothing_on_disk(hub, detectors, evaluated, tmp_path, folders):
    weights = load_file(evaluated / "model.safetensors")
    for number in range(2):
        next(iter(weights.values())).view(-1)[number] = torch.nan
        hub.put("eve/nan", contents(evaluated) | {"model.safetensors": save(weights)})
        with pytest.raises(ValueError, match="not finite"):
            detectors.add("eve/nan")
    assert not list(tmp_path.glob("fkd-model-*")) and not set(detectors._added)


def test_visitors_cannot_take_away_what_the_host_pulled(hub, detectors, evaluated, monkeypatch):
    monkeypatch.setattr(visitors, "MAX_MODELS", 1)
    put(hub, evaluated, "bea/best")
    kept = pull("bea/best")  # as `fkd verify` does, so that its entry is ranked
    for repo in ("bea/best", "eve/net"):
        put(hub, evaluated, repo)
        detectors.add(repo)
    assert cached("bea/best", kept.name) == kept and (kept / "model.safetensors").is_file()
