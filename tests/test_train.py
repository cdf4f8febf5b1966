import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import draw_faces

from fkd import train as train_module
from fkd.augment import AugmentConfig
from fkd.checkpoint import load_checkpoint
from fkd.data import Faces, is_sparse
from fkd.evaluate import accuracy, predict_points
from fkd.models import ModelConfig
from fkd.resume import STATE
from fkd.split import Split
from fkd.train import TrainConfig, train

ROOT = Path(__file__).parent.parent
SHORT = TrainConfig(epochs=4, batch_size=16, warmup_epochs=1)


def whole_split(count: int) -> Split:
    """Trains and validates on the same faces, to see what fits."""
    rows = np.arange(count)
    return Split(rows, rows, rows)


@pytest.fixture(scope="module")
def small_split() -> Split:
    rows = np.arange(60)
    return Split(rows[rows % 5 > 1], rows[rows % 5 == 0], rows[rows % 5 == 1])


@pytest.mark.parametrize(("name", "epochs"), [("fcnn", 50), pytest.param("resnet18", 80, marks=pytest.mark.slow)])
def test_eight_faces_are_overfitted_to_under_half_a_pixel(name, epochs, tmp_path):
    faces = draw_faces(8, sparse_share=0.5)
    config = TrainConfig(
        epochs=epochs, batch_size=8, warmup_epochs=5, augment=None, ema=0.5, weight_decay=0, precision="fp32", lr=1e-3
    )
    done = train(ModelConfig(name), config, faces, whole_split(8), tmp_path / "m", "drawn")
    assert done.validation_rmse < 0.5
    loaded = load_checkpoint(tmp_path / "m")
    sparse = np.array([False] * 4 + [True] * 4)
    assert accuracy(predict_points([loaded.model], faces.images, sparse), faces.points).rmse < 0.5


def test_a_run_writes_what_it_promises(faces, small_split, tmp_path):
    done = train(ModelConfig("fcnn"), SHORT, faces, small_split, tmp_path / "m", "drawn", terms="ours")
    history = pd.read_csv(tmp_path / "m" / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3, 4] and np.isfinite(history).all(axis=None)
    assert done.validation_rmse == history["validation_rmse"].min()
    loaded = load_checkpoint(tmp_path / "m")
    assert loaded.training["best_epoch"] == done.best_epoch and loaded.training["augment"]["rotation"] > 0
    assert loaded.data["name"] == "drawn" and loaded.data["terms"] == "ours"
    assert len(set(loaded.data["fingerprints"].values())) == 3
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["config.json", "history.csv", "model.safetensors"]
    validation = faces[small_split.validation]
    sparse = np.isnan(validation.points[:, 2, 0])
    again = accuracy(predict_points([loaded.model], validation.images, sparse), validation.points)
    assert again.rmse == pytest.approx(done.validation_rmse, abs=1e-3)


@pytest.mark.parametrize("name", ["fcnn", "test_resnet"])
def test_interrupted_and_resumed_equals_uninterrupted(name, faces, small_split, tmp_path, monkeypatch):
    whole = train(ModelConfig(name), SHORT, faces, small_split, tmp_path / "whole", "drawn")

    calls, original = [], train_module.predict_points

    def interrupt(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:  # within the third epoch, after its steps and before it is saved
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(train_module, "predict_points", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(ModelConfig(name), SHORT, faces, small_split, tmp_path / "parts", "drawn")
    assert (tmp_path / "parts" / STATE).exists()
    assert len(pd.read_csv(tmp_path / "parts" / "history.csv")) == 2
    resumed = train(ModelConfig(name), SHORT, faces, small_split, tmp_path / "parts", "drawn", resume=True)
    assert resumed.history == whole.history
    for file in ("model.safetensors", "config.json", "history.csv"):
        assert (tmp_path / "parts" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_resume_refuses_what_does_not_fit(faces, small_split, tmp_path):
    with pytest.raises(ValueError, match="no unfinished run to resume"):
        train(ModelConfig("fcnn"), SHORT, faces, small_split, tmp_path / "m", "drawn", resume=True)
    train(ModelConfig("fcnn"), SHORT, faces, small_split, tmp_path / "m", "drawn")
    with pytest.raises(ValueError, match="already holds a run"):
        train(ModelConfig("fcnn"), SHORT, faces, small_split, tmp_path / "m", "drawn")


def test_resume_names_the_setting_that_changed(faces, small_split, tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        if (tmp_path / "m" / STATE).exists():
            raise KeyboardInterrupt
        return np.zeros((len(small_split.validation), 15, 2), np.float32)

    monkeypatch.setattr(train_module, "predict_points", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(ModelConfig("fcnn"), SHORT, faces, small_split, tmp_path / "m", "drawn")
    with pytest.raises(ValueError, match="lr = 0.001, not 0.01"):
        other = dataclasses.replace(SHORT, lr=0.01)
        train(ModelConfig("fcnn"), other, faces, small_split, tmp_path / "m", "drawn", resume=True)


def test_complete_rows_only_and_masked_differ(faces, small_split, tmp_path):
    done = {}
    for labels in ("all", "complete"):
        config = dataclasses.replace(SHORT, labels=labels, epochs=2)
        done[labels] = train(ModelConfig("fcnn"), config, faces, small_split, tmp_path / labels, "drawn").history
    assert done["all"] != done["complete"]
    sparse_only = Faces(faces.images[36:], faces.points[36:])
    with pytest.raises(ValueError, match="no labelled face to train on"):
        config = dataclasses.replace(SHORT, labels="complete")
        train(ModelConfig("fcnn"), config, sparse_only, whole_split(24), tmp_path / "none", "drawn")


def test_labels_beside_the_points_are_met_though_a_mirror_moves_them_to_the_other_side(tmp_path):
    faces = draw_faces(160, sparse_share=0.5)
    sparse = is_sparse(faces.points)
    faces.points[..., 0] += np.where(sparse, 4, 2)[:, None]
    rows = np.arange(160)
    split = Split(rows[rows % 4 > 0], rows[rows % 4 == 0], rows[:0])
    config = TrainConfig(
        epochs=12, batch_size=20, warmup_epochs=1, ema=0.9, augment=AugmentConfig().scaled(0.3), weight_decay=0
    )
    train(ModelConfig("fcnn"), config, faces, split, tmp_path / "m", "drawn")
    model, held = load_checkpoint(tmp_path / "m").model, faces[split.validation]
    assert model.label_offset.tolist() == pytest.approx([2, 4], abs=0.7)
    for mirror in (False, True):
        found = predict_points([model], held.images, is_sparse(held.points), mirror)
        for kind in (False, True):
            error = (found - held.points)[is_sparse(held.points) == kind, :, 0]
            assert abs(np.nanmean(error)) < 0.3


def test_a_run_begins_with_the_weights_of_another(faces, small_split, tmp_path):
    train(ModelConfig("fcnn"), SHORT, faces, small_split, tmp_path / "first", "drawn")
    first = load_checkpoint(tmp_path / "first")
    still = dataclasses.replace(SHORT, epochs=1, warmup_epochs=0, lr=1e-9)
    train(ModelConfig("fcnn"), still, faces, small_split, tmp_path / "second", "drawn", start=first)
    second = load_checkpoint(tmp_path / "second")
    for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert second.training["start"] == first.sha256
    with pytest.raises(ValueError, match="first is .*'fcnn'.* cannot start .*'resnet18'"):
        train(ModelConfig("resnet18"), SHORT, faces, small_split, tmp_path / "other", "drawn", start=first)


@pytest.mark.slow
def test_two_processes_end_with_the_weights_of_one(competition, tmp_path):
    """Within the rounding of sums that are taken in another order."""
    given = ["--model", "fcnn", "--data", competition, "--device", "cpu", "--epochs", 3, "--warmup-epochs", 1]
    given += ["--batch-size", 6, "--ema", 0.5]
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, starter in (("one", [sys.executable]), ("two", two)):
        command = [*starter, "-m", "fkd", "train", "--out", tmp_path / name, *given]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("best epoch") == 1
    one, two = (load_checkpoint(tmp_path / name) for name in ("one", "two"))
    assert one.training["validation_rmse"] == pytest.approx(two.training["validation_rmse"], abs=2e-3)
    for left, right in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.allclose(left, right, atol=1e-5)
    assert not (tmp_path / "two" / "training-state.safetensors").exists()


def test_the_seed_decides(faces, small_split, tmp_path):
    runs = [
        train(
            ModelConfig("fcnn"), dataclasses.replace(SHORT, epochs=2, seed=seed), faces, small_split, tmp_path / n, "d"
        ).history
        for n, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert runs[0] == runs[1] != runs[2]


def test_a_batch_without_labels_is_skipped(faces, small_split, tmp_path):
    points = faces.points.copy()
    points[small_split.train[:30]] = np.nan
    config = dataclasses.replace(SHORT, batch_size=2, epochs=2)
    done = train(ModelConfig("fcnn"), config, Faces(faces.images, points), small_split, tmp_path / "m", "drawn")
    assert np.isfinite(done.validation_rmse)


def test_bad_settings_are_said():
    for change, message in (
        ({"optimizer": "sgd"}, "optimizer is 'sgd', expected one of adam, adamw"),
        ({"labels": "some"}, "expected one of all, complete"),
        ({"epochs": 0}, "epochs is 0, expected more than 0"),
        ({"ema": 1.0}, "ema is 1.0"),
        ({"warmup_epochs": 100}, "warmup_epochs is 100, expected 0 to 99"),
    ):
        with pytest.raises(ValueError, match=message):
            TrainConfig(**change)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_trains_too(faces, small_split, tmp_path):
    train(ModelConfig("resnet18"), SHORT, faces, small_split, tmp_path / "m", "drawn", device="cuda")
