import json
import os
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from fkd.data.record import DataRecord, FaceCounts, Fingerprints
from fkd.errors import FkdError
from fkd.learn.checkpoint import load_checkpoint, save_checkpoint
from fkd.learn.config import AugmentConfig, TrainingRecord
from fkd.learn.models import ModelConfig, build_model
from fkd.learn.record import WEIGHTS, weights_in

TRAINING = TrainingRecord(best_epoch=1, validation_rmse=3.0, fkd_version="0", augment=AugmentConfig(blur=0.25))
DATA = DataRecord("drawn", "ours", FaceCounts(8, 1, 1), Fingerprints("a", "b", "c"))


@pytest.fixture
def saved(tmp_path):
    model = build_model(ModelConfig("resnet18")).eval()
    model(torch.rand(1, 1, 96, 96))
    save_checkpoint(tmp_path / "m", model, TRAINING, DATA)
    return model, tmp_path / "m"


def test_save_and_load_is_bit_equal(saved):
    model, folder = saved
    loaded = load_checkpoint(folder)
    assert loaded.name == "m" and loaded.training == TRAINING and loaded.data == DATA
    before, after = model.state_dict(), loaded.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    face = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        assert torch.equal(model(face)[0], loaded.model(face)[0])


def test_half_precision_halves_the_file_and_survives_a_second_round(saved, tmp_path):
    model, _ = saved
    save_checkpoint(tmp_path / "half", model, TRAINING, DATA, half=True)
    loaded = load_checkpoint(tmp_path / "half").model
    assert next(loaded.parameters()).dtype == torch.float32
    save_checkpoint(tmp_path / "again", loaded, TRAINING, DATA, half=True)
    whole, half, again = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("m", "half", "again"))
    assert len(half) < 0.51 * len(whole) and again == half
    face = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        assert torch.allclose(model(face)[0], loaded(face)[0], atol=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("training"), "config.json: training: Field required"),
        (lambda c: c.update(format="fkd-9"), "format is .fkd-9., expected 'fkd-2'"),
        (lambda c: c["model"].update(depth=3), "model.depth: Unexpected keyword"),
        (lambda c: c["model"].update(name="resnet19"), "unknown model 'resnet19'.*did you mean"),
        (lambda c: c["model"].update(name="resnet34"), "does not fit resnet34: .*Missing key"),
        (lambda c: c["model"]["conventions"].pop(), r"size mismatch for label_offset: .*\[2\].*\[1\]"),
        (lambda c: c["model"].update(conventions=c["model"]["conventions"] * 20), "at most 16 items"),
        (lambda c: c["model"]["conventions"][1].update(own=["nose_tip"] * 2), "a point that it does not label"),
        (lambda c: c["model"]["conventions"][0].update(own=["nose_tip"]), "lists own outputs, expected none"),
        (lambda c: c["training"].update(optimizer="magic"), "optimizer is .magic., expected 'adam' or 'adamw'"),
        (lambda c: c["training"]["augment"].update(blur=90), "training.augment.blur is 90, expected less than"),
        (lambda c: c["training"].update(validation_rmse="2.5"), 'validation_rmse is "2.5", expected a valid number'),
        (lambda c: c.update(data=[]), r"data is \[\], expected an object"),
    ],
)
def test_a_changed_config_is_refused(saved, change, message):
    path = saved[1] / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    with pytest.raises(FkdError, match=message):
        load_checkpoint(saved[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(extra=torch.zeros(1)), 'Unexpected key.*"extra"'),
        (lambda t: t.pop("head.heat.bias"), 'Missing key.*"head.heat.bias"'),
        (lambda t: t.update({"head.heat.bias": torch.zeros(3)}), r"size mismatch for head.heat.bias: .*\[3\]"),
        (lambda t: t.update({"head.heat.bias": torch.full((17,), torch.nan)}), "bias has values that are not"),
    ],
)
def test_wrong_weights_are_refused(saved, change, message):
    path = saved[1] / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    with pytest.raises(FkdError, match=message):
        load_checkpoint(saved[1])


def test_damaged_and_missing_files_are_reported(saved, tmp_path):
    folder = saved[1]
    with pytest.raises(FileNotFoundError, match="no config.json.*expected a checkpoint folder"):
        load_checkpoint(tmp_path)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:1000])
    with pytest.raises(FkdError, match="damaged"):
        load_checkpoint(folder)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(FkdError, match="not readable as JSON"):
        load_checkpoint(folder)


def test_weights_that_are_swapped_under_the_same_size_and_date_have_another_hash(tmp_path):
    weights = tmp_path / WEIGHTS
    weights.write_bytes(b"one")
    state = weights.stat()
    (before,) = weights_in([weights])
    time.sleep(0.02)  # the clock of a file system ticks every few ms
    weights.write_bytes(b"two")
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert [*weights_in([weights])] != [before]
