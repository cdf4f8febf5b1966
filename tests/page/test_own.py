"""The page's own detectors are read when they are needed, once."""

import json
import shutil
from pathlib import Path

import pytest

from fkd.page import own
from fkd.page.own import LazyDetectors


@pytest.fixture
def two(evaluated, tmp_path) -> list[str]:
    """Checkpoints `worse` and `better`, which differ in what they state."""
    for name, rmse in (("worse", 3.0), ("better", 2.0)):
        shutil.copytree(evaluated, tmp_path / name)
        config = json.loads((tmp_path / name / "config.json").read_text())
        config["training"]["validation_rmse"] = rmse
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    return [str(tmp_path / "worse"), str(tmp_path / "better")]


def test_a_network_is_read_when_it_is_first_asked_for_and_once(two, monkeypatch):
    read = []
    load = own.load
    monkeypatch.setattr(own, "load", lambda folder: read.append(folder.name) or load(folder))
    detectors = LazyDetectors(two)
    assert list(detectors) == ["worse", "better"] and "better" in detectors and "other" not in detectors
    assert detectors.by_error() == ["better", "worse"] and set(detectors.folders) == set(detectors) and not read
    assert detectors["better"] is detectors["better"] and read == ["better"]
    detectors.read(detectors)
    assert read == ["better", "worse"] and detectors["worse"].validation_rmse == 3.0
    assert {name: one.colour for name, one in detectors.items()} == detectors.colours


def test_what_cannot_be_read_is_the_hosts_to_hear(two):
    (Path(two[0]) / "model.safetensors").write_bytes(b"nothing")
    detectors = LazyDetectors(two)
    with pytest.raises(ValueError, match=r"worse/model.safetensors is damaged"):
        detectors.read(detectors)
    with pytest.raises(RuntimeError, match="^worse cannot be read$"):  # which a visitor hears of as a fault
        detectors["worse"]
    assert detectors["better"].name == "better"


def test_two_of_one_name_are_refused(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "other" / "worse")
    with pytest.raises(ValueError, match="two of the checkpoints have the name worse"):
        LazyDetectors([*two, str(tmp_path / "other" / "worse")])
    with pytest.raises(FileNotFoundError, match="has no config.json"):
        LazyDetectors([str(tmp_path / "missing")])
