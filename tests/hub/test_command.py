import dataclasses
import shlex

import pytest
from commands import run

from fkd import __version__
from fkd.data.record import DataRecord
from fkd.hub.command import training_command
from fkd.learn.augment import AugmentConfig
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.config import TrainConfig, TrainingRecord
from fkd.learn.models import ModelConfig, build_model
from fkd.learn.record import Checkpoint


def trained(model: ModelConfig, config: TrainConfig, data: DataRecord, version: str = __version__) -> Checkpoint:
    record = TrainingRecord(**vars(config), best_epoch=1, validation_rmse=1.0, fkd_version=version)
    return Checkpoint("net", build_model(model), record, data, "0" * 64)


def arguments(command: str) -> list[str]:
    """As a shell reads them, which drops a backslash and the end of its line."""
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:3] == ["python", "-m", "fkd"]
    return words[3:]


@pytest.mark.parametrize(
    ("model", "config"),
    [
        (ModelConfig("fcnn"), TrainConfig()),
        (
            ModelConfig("test_resnet", 1, "regression", 2),
            TrainConfig(7, 12, "adam", 3e-4, 0.01, 2, "complete", AugmentConfig().scaled(0.4), "fp32", True, 5),
        ),
        (ModelConfig("test_resnet"), TrainConfig(epochs=2, augment=None)),
    ],
)
def test_the_command_asks_for_the_same_settings(model, config, competition, monkeypatch):
    asked = []

    def train(model_config, train_config, faces, split, out, data, terms, *rest):
        asked.append((model_config, train_config, str(out), terms))
        raise KeyboardInterrupt

    monkeypatch.setattr("fkd.cli.training.train", train)
    terms = "the faces' own; research only"
    run(*arguments(training_command(trained(model, config, DataRecord(str(competition), terms)))), status=130)
    assert asked == [(model, config, "checkpoints/net", terms)]


def test_what_the_command_trains_are_the_same_weights(competition, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("train", "--model", "fcnn", "--data", competition, "--out", "net", "--epochs", 1, "--batch-size", 16)
    first = load_checkpoint(tmp_path / "net")
    run(*arguments(training_command(first)))
    assert load_checkpoint(tmp_path / "checkpoints" / "net").sha256 == first.sha256


@pytest.mark.parametrize("length", range(1, 40, 3))
def test_an_option_stays_on_the_line_of_its_value(length):
    command = training_command(trained(ModelConfig("resnet50"), TrainConfig(half=True), DataRecord("d" * length)))
    for line in command.split("\n"):
        last = line.removesuffix("\\").split()[-1]
        assert not last.startswith("--") or last == "--half", line


def test_settings_that_no_command_says_have_none():
    plain, data = ModelConfig("test_resnet"), DataRecord("drawn")
    assert training_command(trained(plain, TrainConfig(), data, version="0.0.1")) == ""
    own = dataclasses.replace(AugmentConfig(), blur=0.0)
    assert training_command(trained(plain, TrainConfig(augment=own), data)) == ""
