"""Models of the Hub that visitors add, against a Hub on this machine."""

from pathlib import Path

import pytest
from hub_server import Fault
from huggingface_hub import constants

from fkd.hub.repository import pull
from fkd.page import visitors
from fkd.page.own import Own
from fkd.page.visitors import Detectors


def put(hub, folder: Path, repo: str, **settings) -> None:
    hub.put(repo, {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors")}, **settings)


@pytest.fixture
def detectors(evaluated) -> Detectors:
    return Detectors(Own([evaluated]))


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
    hub.put("bea/pickle", {"model.pkl": b"", "config.json": b"{}", "model.safetensors": b""})
    monkeypatch.setattr(visitors, "LARGEST", 1000)
    for asked, said in {
        "  ": "Name a Hub model",
        "no name at all": "names no model on the Hub: expected user/repo",
        "bea/nothing": "no repository bea/nothing that everybody may read: check the name",
        "bea/pickle": "can run code",
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


def test_the_oldest_makes_room_in_memory_and_on_disk(hub, detectors, evaluated, monkeypatch):
    monkeypatch.setattr(visitors, "MOST", 2)
    for number in range(3):
        put(hub, evaluated, f"bea/net{number}")
        detectors.add(f"bea/net{number}")
        if number == 1:
            detectors.add("bea/net0")  # asked for again, so it is the younger
    assert set(detectors) == {"net", "bea/net0", "bea/net2"}
    cache = {path.name for path in (Path(pull("bea/net0")).parents[2]).glob("models--*")}
    assert cache == {"models--bea--net0", "models--bea--net2"}
