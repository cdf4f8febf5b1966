"""The page's own detectors are loaded on first use; visitors add models of the Hub."""

import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import EXAMPLES, contents
from hub_server import Fault
from huggingface_hub import constants
from safetensors.torch import load_file, save

from fkd.errors import FkdError
from fkd.hub.reference import load
from fkd.hub.repository import cached, pull
from fkd.page import detectors as module
from fkd.page.answers import Options, answer_photo
from fkd.page.detectors import Detectors, LazyDetectors


@pytest.fixture
def two(evaluated, tmp_path) -> list[str]:
    """Checkpoints `worse` and `better`, with different validation errors."""
    folders = [shutil.copytree(evaluated, tmp_path / name) for name in ("worse", "better")]
    config = json.loads((folders[0] / "config.json").read_text())
    config["training"]["validation_rmse"] += 1
    (folders[0] / "config.json").write_text(json.dumps(config))
    return [*map(str, folders)]


def test_a_network_is_loaded_once_when_it_is_first_needed(two, monkeypatch):
    loaded, load = [], module.load
    monkeypatch.setattr(module, "load", lambda folder: loaded.append(folder.name) or load(folder))
    detectors = LazyDetectors(two)
    assert list(detectors) == ["worse", "better"] and "better" in detectors and "other" not in detectors
    assert detectors.by_error() == ["better", "worse"] and set(detectors.folders) == set(detectors) and not loaded
    assert detectors["better"] is detectors["better"] and loaded == ["better"]


def test_the_host_learns_what_is_damaged_and_visitors_do_not(two):
    (Path(two[0]) / "model.safetensors").write_bytes(b"nothing")
    detectors = LazyDetectors(two)
    with pytest.raises(FkdError, match=r"worse/model.safetensors is damaged"):
        detectors.load("worse")
    with pytest.raises(RuntimeError, match="^worse cannot be read$"):  # visitors get an apology for it
        detectors["worse"]


def test_two_detectors_need_two_names(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "other" / "worse")
    with pytest.raises(FkdError, match="two of the checkpoints have the name worse"):
        LazyDetectors([*two, str(tmp_path / "other" / "worse")])
    with pytest.raises(FileNotFoundError, match="is not a checkpoint folder"):
        LazyDetectors([str(tmp_path / "missing")])


@pytest.fixture
def put(hub, evaluated):
    """Puts a model on the Hub."""
    files = {name: (evaluated / name).read_bytes() for name in ("config.json", "model.safetensors")}
    return lambda repo, **settings: hub.put(repo, files, **settings)


@pytest.fixture
def detectors(evaluated, tmp_path, monkeypatch) -> Detectors:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Detectors(LazyDetectors([evaluated]))


@pytest.mark.parametrize("reference", ["bea/net", " hf:bea/net ", "https://huggingface.co/bea/net/"])
def test_a_model_is_added_by_its_name_or_address(put, detectors, reference):
    put("bea/net")
    assert detectors.add(reference) == "bea/net"
    assert set(detectors) == {"net", "bea/net"} and set(detectors.own) == {"net"}
    assert detectors["bea/net"].checkpoint.sha256 == detectors["net"].checkpoint.sha256


def test_a_private_model_of_the_host_stays_private(put, detectors):
    put("ada/secret", private=True)
    pulled = pull("ada/secret")  # with ada's token, into the cache that the page reads too
    for reference in ("ada/secret", f"ada/secret@{pulled.name}"):
        with pytest.raises(FkdError, match="no repository ada/secret"):
            detectors.add(reference)
    assert set(detectors) == {"net"}


def test_a_mistake_gets_a_sentence(hub, put, detectors, monkeypatch):
    put("bea/net")
    hub.put("bea/broken", {"config.json": b"{}", "model.safetensors": b""})
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    for reference, sentence in {
        "  ": "Name a Hub model", "no name at all": "names no model on the Hub: expected user/repo",
        "bea/nothing": "no repository bea/nothing that everybody may read: check the name",
        "bea/broken": "has format", "bea/net": "more than the 1,000",
    }.items():  # fmt: skip
        with pytest.raises(FkdError, match=sentence):
            detectors.add(reference)
    assert set(detectors) == {"net"}


@pytest.mark.parametrize("fault", ["offline", "token"])
def test_the_hosts_own_trouble_with_the_hub_is_not_shown(hub, put, detectors, monkeypatch, fault):
    put("bea/net")
    if fault == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    else:
        hub.faults.append(Fault("GET", "/api/models/bea/net", status=401))
    with pytest.raises(FkdError, match=r"^The Hub cannot be read from this page at the moment: try again later\.$"):
        detectors.add("bea/net")


def test_the_oldest_model_is_dropped_from_memory_and_disk(put, detectors, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_MODELS", 2)
    for repo in ("bea/net0", "bea/net1", "bea/net0", "bea/net2"):  # net0 is added again, so net1 is the oldest
        put(repo)
        detectors.add(repo)
    assert set(detectors) == {"net", "bea/net0", "bea/net2"}
    assert {path.name for path in tmp_path.glob("fkd-model-*/models--*")} == {"models--bea--net0", "models--bea--net2"}
    assert detectors["bea/net0"].folder.is_dir()


def test_models_of_visitors_share_one_budget_of_parameters(put, detectors, monkeypatch):
    for repo in ("bea/net0", "bea/net1", "bea/net2"):
        put(repo)
        detectors.add(repo)
    monkeypatch.setattr(module, "MAX_PARAMETERS", 10_000_000)  # each of them has 4,623,532
    put("bea/net3")
    detectors.add("bea/net3")
    assert set(detectors) == {"net", "bea/net2", "bea/net3"}


@pytest.mark.parametrize("value", [1e4, 1e30])
def test_absurd_weights_make_a_sentence(evaluated, tmp_path, value):
    folder = shutil.copytree(evaluated, tmp_path / "far")
    weights = load_file(folder / "model.safetensors")
    weights["head.bias"][:] = value
    (folder / "model.safetensors").write_bytes(save(weights))
    with pytest.raises(FkdError, match=f"^{folder}: points is not finite, or far outside the frame$"):
        load(folder)
    detector = load(evaluated)
    detector.run = lambda images: {"points": np.full((len(images), 15, 2), value, np.float32)}
    view = answer_photo({"net": detector}, str(EXAMPLES / "grace_hopper.jpg"), Options(["net"]))
    assert view.status == "**net: points is not finite, or far outside the frame**"
    assert not view.answered.comparison.answers


def test_a_long_header_of_weights_is_refused_at_once(hub, detectors, evaluated):
    header = "{" + ",".join(['"k":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'] * 20_000) + "}"
    files = contents(evaluated) | {"model.safetensors": len(header).to_bytes(8, "little") + header.encode()}
    hub.put("eve/long", files)
    start = time.monotonic()
    with pytest.raises(FkdError, match="does not fit fcnn"):
        detectors.add("eve/long")
    assert time.monotonic() - start < 10


def test_a_refused_model_leaves_nothing_on_disk(hub, detectors, evaluated, tmp_path):
    weights = load_file(evaluated / "model.safetensors")
    next(iter(weights.values())).view(-1)[0] = torch.nan
    hub.put("eve/nan", contents(evaluated) | {"model.safetensors": save(weights)})
    with pytest.raises(FkdError, match="not finite"):
        detectors.add("eve/nan")
    assert not list(tmp_path.glob("fkd-model-*")) and set(detectors) == {"net"}


def test_visitors_do_not_remove_what_the_host_pulled(put, detectors, monkeypatch):
    monkeypatch.setattr(module, "MAX_MODELS", 1)
    put("bea/best")
    put("eve/net")
    pulled = pull("bea/best")  # as `fkd evaluate` does, so that its entry is ranked
    for repo in ("bea/best", "eve/net"):
        detectors.add(repo)
    assert cached("bea/best", pulled.name) == pulled and (pulled / "model.safetensors").is_file()
