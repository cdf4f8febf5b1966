import contextlib
import dataclasses
import errno
import itertools
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from ablation import predict_points
from conftest import THREE, draw_faces, draw_three_conventions, untrained

from fkd.data.conventions import COMPETITION
from fkd.data.faces import Faces
from fkd.data.split import Split, record_of
from fkd.errors import FkdError
from fkd.files import replacing
from fkd.keypoints import BOTTOM_LIP, NAMES, TOP_LIP
from fkd.learn import run_state
from fkd.learn import train as train_module
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.config import AugmentConfig, TrainConfig
from fkd.learn.models import ModelConfig, outputs
from fkd.learn.run_state import STATE
from fkd.learn.train import Trained, train
from fkd.metrics import accuracy

SHORT = TrainConfig(epochs=4, batch_size=16, warmup_epochs=1)


STILL = TrainConfig(batch_size=20, warmup_epochs=1, augment=None, weight_decay=0, precision="fp32")  # learns fast
ONE_STEP = TrainConfig(epochs=3, batch_size=4, warmup_epochs=1, precision="fp32")  # per epoch of tiny_run
TINY = ModelConfig("test_resnet", head="regression")
FILES = ("config.json", "history.csv", "model.safetensors", STATE)


def tiny_run(
    out: Path, resume: bool = False, config: TrainConfig = ONE_STEP, name: str = "drawn", seed: int = 0, **options: Any
) -> Trained:
    """A run of a fraction of a second on eight faces; in one thread, so that it has one outcome."""
    split = options.pop("split", Split(np.arange(4), np.arange(4, 6), np.arange(6, 8)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return train(TINY, config, draw_faces(8, seed), split, out, name, resume=resume, **options)
    finally:
        torch.set_num_threads(threads)


def whole_split(count: int) -> Split:
    """Trains and validates on the same faces."""
    rows = np.arange(count)
    return Split(rows, rows, rows)


@pytest.fixture(scope="module")
def small_split() -> Split:
    rows = np.arange(60)
    return Split(rows[rows % 5 > 1], rows[rows % 5 == 0], rows[rows % 5 == 1])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "epochs"), [("fcnn", 50), ("resnet18", 80)])
def test_eight_faces_are_overfitted_to_under_half_a_pixel(name, epochs, tmp_path):
    faces = draw_faces(8, four_point_share=0.5)
    config = dataclasses.replace(STILL, epochs=epochs, batch_size=8, warmup_epochs=5)
    done = train(ModelConfig(name), config, faces, whole_split(8), tmp_path / "m", "drawn")
    assert done.validation_rmse < 0.5
    loaded = load_checkpoint(tmp_path / "m")
    assert accuracy(predict_points(loaded.model, faces.images, faces.four_point), faces.points).rmse < 0.5


def test_a_run_writes_what_it_promises(faces, small_split, tmp_path):
    done = train(ModelConfig("fcnn"), SHORT, faces, small_split, tmp_path / "m", "drawn", terms="ours")
    history = pd.read_csv(tmp_path / "m" / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3, 4] and np.isfinite(history).all(axis=None)
    assert done.validation_rmse == history["validation_rmse"].min()
    loaded = load_checkpoint(tmp_path / "m")
    assert loaded.training.best_epoch == done.best_epoch and loaded.training.augment == SHORT.augment
    assert loaded.data == record_of("drawn", faces, small_split, "ours")
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == list(FILES)
    validation = faces[small_split.validation]
    again = predict_points(loaded.model, validation.images, validation.four_point)
    assert accuracy(again, validation.points).rmse == pytest.approx(done.validation_rmse, abs=1e-3)


@pytest.mark.parametrize("name", ["fcnn", "test_resnet"])
def test_interrupted_and_resumed_equals_uninterrupted(name, faces, small_split, tmp_path, monkeypatch):
    whole = train(ModelConfig(name), SHORT, faces, small_split, tmp_path / "whole", "drawn")

    calls, original = [], train_module.outputs

    def interrupt(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:  # within the third epoch, after its steps and before it is saved
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(train_module, "outputs", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(ModelConfig(name), SHORT, faces, small_split, tmp_path / "parts", "drawn")
    assert (tmp_path / "parts" / STATE).exists()
    assert len(pd.read_csv(tmp_path / "parts" / "history.csv")) == 2
    resumed = train(ModelConfig(name), SHORT, faces, small_split, tmp_path / "parts", "drawn", resume=True)
    assert resumed.history == whole.history
    for file in ("model.safetensors", "config.json", "history.csv"):
        assert (tmp_path / "parts" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_complete_rows_only_and_masked_differ(faces, small_split, tmp_path):
    done = [
        train(
            ModelConfig("fcnn"),
            dataclasses.replace(SHORT, epochs=2, labels=labels),
            faces,
            small_split,
            tmp_path / labels,
            "x",
        )
        for labels in ("all", "complete")
    ]
    assert done[0].history != done[1].history
    with pytest.raises(FkdError, match="no face to train on has a label"):
        config = dataclasses.replace(SHORT, labels="complete")
        train(ModelConfig("fcnn"), config, faces[36:], whole_split(24), tmp_path / "none", "drawn")


@pytest.mark.slow
def test_labels_beside_the_points_are_met_though_a_mirror_moves_them_to_the_other_side(tmp_path):
    faces = draw_faces(160, four_point_share=0.5)
    faces.points[..., 0] += np.where(faces.four_point, 4, 2)[:, None]
    rows = np.arange(160)
    split = Split(rows[rows % 4 > 0], rows[rows % 4 == 0], rows[:0])
    config = TrainConfig(epochs=12, batch_size=20, warmup_epochs=1, augment=AugmentConfig().scaled(0.3), weight_decay=0)
    train(ModelConfig("fcnn"), config, faces, split, tmp_path / "m", "drawn")
    model, held = load_checkpoint(tmp_path / "m").model, faces[split.validation]
    assert model.label_offset.tolist() == pytest.approx([2, 4], abs=0.7)
    for mirror in (False, True):
        found = predict_points(model, held.images, held.four_point, mirror)
        for kind in (False, True):
            error = (found - held.points)[held.four_point == kind, :, 0]
            assert abs(np.nanmean(error)) < 0.3


def test_an_epoch_without_a_label_is_reported(faces, small_split, tmp_path):
    points = np.full_like(faces.points, np.nan)
    points[small_split.train[0]], points[small_split.validation] = 47.5, faces.points[small_split.validation]
    size = len(small_split.train) // 2 + 1  # so nearly half of the faces are left out of an epoch
    config = dataclasses.replace(SHORT, batch_size=size, epochs=40, warmup_epochs=1, augment=None)
    with pytest.raises(FkdError, match=r"epoch \d+: augmentation moved every label out"):
        train(ModelConfig("fcnn"), config, Faces(faces.images, points), small_split, tmp_path / "m", "drawn")


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run; the metadata of its state may be written in any order."""
    return {path.name: b"" if path.name == STATE else path.read_bytes() for path in folder.iterdir()}


class Killed(BaseException):
    """An end that no code on the way catches."""


def test_a_run_killed_between_any_two_writes_resumes_or_starts_anew(tmp_path, monkeypatch):
    """Before each rename and removal; tests/fuzz/test_runs.py kills processes, at every call."""
    two = dataclasses.replace(ONE_STEP, epochs=2)
    tiny_run(tmp_path / "whole", config=two)
    whole = contents(tmp_path / "whole")
    assert sorted(whole) == list(FILES)
    countdown = [0]

    def dying(original):
        def call(*args, **kwargs):
            countdown[0] -= 1
            if countdown[0] == 0:
                raise Killed
            return original(*args, **kwargs)

        return call

    monkeypatch.setattr(os, "replace", dying(os.replace))
    monkeypatch.setattr(Path, "unlink", dying(Path.unlink))
    ended = []
    for moment in itertools.count(1):
        folder, countdown[0] = tmp_path / str(moment), moment
        try:
            tiny_run(folder, config=two)
            break
        except Killed:
            countdown[0] = 0
        try:
            tiny_run(folder, resume=True, config=two)
            ended.append("resumed")
        except ValueError as error:
            assert "start without --resume" in str(error)
            tiny_run(folder, config=two)
            ended.append("started")
        assert contents(folder) == whole, moment
    assert ended == ["started"] + ["resumed"] * 8  # four files per epoch, then the lock


def test_to_resume_a_finished_run_changes_nothing(tmp_path):
    done = tiny_run(tmp_path / "m")
    before = contents(tmp_path / "m")
    assert tiny_run(tmp_path / "m", resume=True) == done
    assert contents(tmp_path / "m") == before
    with pytest.raises(FkdError, match=r"started with train.seed = 0, not 1"):
        tiny_run(tmp_path / "m", resume=True, config=dataclasses.replace(ONE_STEP, seed=1))
    with pytest.raises(FkdError, match=r"started with train.epochs = 3, not 2"):
        tiny_run(tmp_path / "m", resume=True, config=dataclasses.replace(ONE_STEP, epochs=2))
    (tmp_path / "m" / STATE).unlink()
    with pytest.raises(FkdError, match="no run to resume"):
        tiny_run(tmp_path / "m", resume=True)


def test_a_finished_run_can_be_resumed_with_more_epochs(tmp_path):
    first = tiny_run(tmp_path / "m").history
    more = tiny_run(tmp_path / "m", resume=True, config=dataclasses.replace(ONE_STEP, epochs=5)).history
    assert more[:3] == first and [row["epoch"] for row in more] == [1, 2, 3, 4, 5]
    assert more[3]["lr"] > first[2]["lr"], "the schedule is that of five epochs"
    assert load_checkpoint(tmp_path / "m").training.best_epoch in range(1, 6)


def test_a_run_is_resumed_by_its_data_whatever_the_folder_is_called(tmp_path):
    tiny_run(tmp_path / "m", name="facial-keypoints (1)")
    tiny_run(tmp_path / "m", resume=True, name="content")
    with pytest.raises(FkdError, match="was started with data.f"):
        tiny_run(tmp_path / "m", resume=True, name="content", seed=1)


def test_training_on_the_validation_faces_too_keeps_the_last_epoch(tmp_path, monkeypatch):
    sizes = []
    permutation = torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda size, **options: sizes.append(size) or permutation(size, **options))
    done = tiny_run(tmp_path / "m", config=dataclasses.replace(ONE_STEP, validation_too=True))
    assert sizes == [6] * 3, "the held-out faces stay out"
    record = load_checkpoint(tmp_path / "m").training
    assert (done.best_epoch, record.best_epoch, record.validation_too) == (3, 3, True)


@pytest.mark.slow
def test_a_network_learns_each_convention_and_which_one_a_face_has(tmp_path):
    faces = draw_three_conventions(60)
    rows = np.arange(180)
    faces.images[60:120, :24] = 255  # so that the picture tells
    config = dataclasses.replace(STILL, epochs=40, batch_size=30, conventions="found", lr=3e-3)
    train(ModelConfig("fcnn"), config, faces, whole_split(180), tmp_path / "m", "drawn")
    model = load_checkpoint(tmp_path / "m").model
    assert [convention.name for convention in model.config.conventions] == ["outer lips", "inner lips", "four points"]
    logits = outputs(model, faces.images)[1]
    assert logits is not None and (logits[:120].argmax(1) == rows[:120] // 60).all()
    gap = [
        np.nanmean((found[:120, BOTTOM_LIP] - found[:120, TOP_LIP])[:, 1].reshape(2, 60), 1)
        for found in (predict_points(model, faces.images, faces.four_point), predict_points(model, faces.images))
    ]
    assert gap[0][0] - gap[0][1] == pytest.approx(7, abs=1.5), "labels: each face in its convention"
    assert gap[1][0] - gap[1][1] == pytest.approx(0, abs=3), "photos: all in one"


def test_a_run_starts_from_the_weights_of_another(tmp_path):
    tiny_run(tmp_path / "first")
    first = load_checkpoint(tmp_path / "first")
    still = dataclasses.replace(ONE_STEP, epochs=1, warmup_epochs=0, lr=1e-9, augment=None)
    tiny_run(tmp_path / "second", config=still, source=first)
    second = load_checkpoint(tmp_path / "second")
    for name, tensor in first.model.named_parameters():
        assert torch.allclose(tensor, second.model.get_parameter(name), atol=1e-6), name
    assert second.training.source == f"first {first.sha256}"
    assert load_checkpoint(tmp_path / "first").training.source is None
    with pytest.raises(FkdError, match="weights to start from are of name test_resnet, expected fcnn"):
        untrained(ModelConfig("fcnn")).start_from(first.model)


def test_a_new_convention_starts_as_the_nearest_one_that_the_source_knows():
    source = untrained(ModelConfig("test_resnet", COMPETITION, "heatmap"), seed=1)
    source.label_offset += torch.tensor([0.25, 0.5])
    model = untrained(ModelConfig("test_resnet", THREE, "heatmap"))
    model.start_from(source)
    images = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        ours, theirs = (each.eval().head.points(each(images)[0]) for each in (model, source))
    assert torch.allclose(ours[:, :15], theirs[:, :15]), "outer lips"
    assert torch.allclose(ours[:, 15:17], theirs[:, [TOP_LIP, BOTTOM_LIP]]), "inner lips, from the 15 points"
    assert torch.allclose(ours[:, 17:19], theirs[:, 15:17]), "four points"
    assert model.label_offset.tolist() == [0.25, 0.25, 0.5]


@pytest.mark.slow
def test_a_network_learns_from_its_teachers_what_no_label_says(tmp_path):
    faces, brows = (
        draw_faces(60, four_point_share=0),
        [NAMES.index(f"{side}_eyebrow_outer_end") for side in ("left", "right")],
    )
    config = dataclasses.replace(STILL, epochs=8, augment=AugmentConfig(wide=0).scaled(0))
    train(ModelConfig("fcnn"), config, faces, whole_split(60), tmp_path / "teacher", "drawn")
    teacher = load_checkpoint(tmp_path / "teacher")
    unlabelled = Faces(faces.images, faces.points.copy())
    unlabelled.points[:, brows] = np.nan
    ends = []
    for name, teachers in (("alone", []), ("taught", [teacher])):
        train(ModelConfig("fcnn"), config, unlabelled, whole_split(60), tmp_path / name, "others", teachers=teachers)
        taught = load_checkpoint(tmp_path / name)
        away = predict_points(taught.model, faces.images) - predict_points(teacher.model, faces.images)
        ends.append(np.abs(away[:, brows]).mean())
    assert ends[0] > 10 and ends[1] < 2
    assert taught.training.teachers == (f"teacher {teacher.sha256}",)


def test_a_source_that_may_have_seen_the_held_out_faces_is_refused(tmp_path):
    tiny_run(tmp_path / "first")
    first = load_checkpoint(tmp_path / "first")
    other = Split(np.arange(2, 6), np.arange(6, 8), np.arange(0, 2))
    with pytest.raises(FkdError, match="another split, so they may have seen the held-out faces of drawn"):
        tiny_run(tmp_path / "m", split=other, source=first)
    with pytest.raises(FkdError, match="another split, so they may have seen the held-out faces of drawn"):
        tiny_run(tmp_path / "m", split=other, teachers=[first])
    assert not (tmp_path / "m").exists()
    tiny_run(tmp_path / "m", name="another set", seed=3, split=other, source=first)


@pytest.fixture
def stopped(tmp_path, monkeypatch) -> Path:
    """The folder of a run that stopped after its second epoch's state."""
    original = train_module.save_state

    def stop(path, run, history, *models):
        original(path, run, history, *models)
        if len(history) == 2:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(train_module, "save_state", stop)
        tiny_run(tmp_path / "m")
    return tmp_path / "m"


@pytest.mark.parametrize("damage", [lambda state: b"", lambda state: state[:-100], lambda state: b"x" + state[1:]])
def test_a_damaged_state_is_refused(damage, stopped):
    (stopped / STATE).write_bytes(damage((stopped / STATE).read_bytes()))
    with pytest.raises(FkdError, match="is damaged: choose another folder and start again"):
        tiny_run(stopped, resume=True)


def test_a_run_without_its_best_weights_is_not_resumed(stopped, monkeypatch):
    (stopped / "model.safetensors").unlink()
    monkeypatch.setattr(run_state, "best_of", lambda history, config: history[0])
    with pytest.raises(FkdError, match="the best weights so far are missing in .*: choose another folder"):
        tiny_run(stopped, resume=True)


def test_a_second_run_into_a_folder_is_refused_while_the_first_is_alive(tmp_path, monkeypatch):
    def meanwhile(*args):
        for resume in (False, True):
            with pytest.raises(ValueError, match="another run is training into .*m: wait for its end"):
                tiny_run(tmp_path / "m", resume)
        return original(*args)

    original = train_module.outputs
    monkeypatch.setattr(train_module, "outputs", meanwhile)
    tiny_run(tmp_path / "m")
    assert sorted(contents(tmp_path / "m")) == list(FILES)


def test_what_killed_writes_left_goes_and_nothing_else(stopped):
    def half_written(name: str) -> str:
        with contextlib.suppress(InterruptedError), replacing(stopped / name) as beside:
            beside.write_text("half")
            left = shutil.copytree(beside.parent, f"{beside.parent}x")
            raise InterruptedError
        return Path(left).name

    for name in ("model.safetensors", STATE):
        half_written(name)
    (stopped / ".mine").mkdir()
    others = [half_written("README.md"), half_written("model.safetensors-of-another")]
    tiny_run(stopped, resume=True)
    assert sorted(path.name for path in stopped.iterdir()) == sorted([".mine", *others, *FILES])


def test_a_full_disk_is_reported_and_the_run_continues_when_there_is_room(tmp_path, monkeypatch):
    tiny_run(tmp_path / "whole")
    write, written = Path.write_bytes, []

    def write_bytes(path, content):
        written.append(path)
        if len(written) in (1, 4, 6):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    for resume in (False, False, True):
        with pytest.raises(
            OSError, match=r"m cannot be written \(No space left.*\): fix this, then continue with --res"
        ):
            tiny_run(tmp_path / "m", resume)
        assert (tmp_path / "m" / STATE).exists() == (len(written) > 1)
    tiny_run(tmp_path / "m", resume=True)
    assert contents(tmp_path / "m") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("out", "reason"), [("file/m", "Not a directory"), ("file", "File exists"), ("m" * 300, "File name too long")]
)
def test_a_folder_that_cannot_be_written_is_reported(out, reason, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=rf"{out} cannot be written \({reason}\): fix this"):
        tiny_run(tmp_path / out)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("optimizer", "sgd", "settings: optimizer is .sgd., expected 'adam' or 'adamw'"),
        ("warmup_epochs", 100, "warmup_epochs is 100, expected 0 to 99"),
        ("lr", float("nan"), "lr is NaN, expected a finite number"),
    ],
)
def test_bad_settings_are_reported(name, value, message):
    with pytest.raises(FkdError, match=message):
        TrainConfig(**{name: value})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_trains_too(faces, small_split, tmp_path):
    done = train(ModelConfig("resnet18"), SHORT, faces, small_split, tmp_path / "m", "drawn", device="cuda")
    assert len(done.history) == 4 and np.isfinite(done.validation_rmse)


def test_weights_decay_and_norms_and_biases_do_not(tmp_path):
    before = {}

    def build(config):
        model = untrained(config)
        before.update({name: parameter.detach().clone() for name, parameter in model.named_parameters()})
        return model

    config = dataclasses.replace(ONE_STEP, epochs=1, warmup_epochs=0, optimizer="adamw", lr=1e-3, weight_decay=500)
    tiny_run(tmp_path / "m", config=config, build=build)
    for name, after in load_checkpoint(tmp_path / "m").model.named_parameters():
        kept = 0.5 if after.ndim > 1 else 1  # 1 - lr * weight_decay
        assert (after - kept * before[name]).abs().max() < 0.0011, name  # AdamW's own step is at most lr


def test_the_learning_rate_falls_to_a_hundredth_along_a_cosine(tmp_path):
    config = dataclasses.replace(ONE_STEP, epochs=9, warmup_epochs=1, lr=1e-3)
    rates = [row["lr"] for row in tiny_run(tmp_path / "m", config=config).history]
    assert rates[0] < 1e-4, "the warm-up"
    assert max(rates) == rates[1] and all(np.diff(rates[1:]) < 0)
    middle = 0.99e-3 * (1 + np.cos(np.pi * np.arange(1, 9) / 9)) / 2 + 1e-5
    assert np.allclose(rates[1:], middle)


def test_augmentation_narrows_over_a_run_that_was_stopped_too(tmp_path, monkeypatch):
    used, stop = [], 3

    def augment(images, points, config, generator):
        if len(used) == stop:
            raise KeyboardInterrupt
        used.append(config.rotation)
        return images, points

    monkeypatch.setattr(train_module, "augment", augment)
    config = dataclasses.replace(ONE_STEP, epochs=4, augment=AugmentConfig(rotation=20, last=0.25))
    with pytest.raises(KeyboardInterrupt):
        tiny_run(tmp_path / "m", config=config)
    stop = None
    tiny_run(tmp_path / "m", resume=True, config=config)
    assert used == pytest.approx([20, 15, 10, 5])
