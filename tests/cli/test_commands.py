import functools
import json
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from commands import fails, run
from conftest import EXAMPLES
from served import wait_until

import fkd
from fkd.cli import commands
from fkd.cli.commands import main
from fkd.data.split import split_data
from fkd.errors import FkdError
from fkd.learn.run_state import STATE

SHORT = ["--epochs", "2", "--batch-size", "16"]


def test_the_whole_path(competition, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = run("data", "check", "--data", competition)
    assert "60 rows, 36 complete" in report and re.search("four points +24 rows, from 37 to 60", report)
    for model in ("fcnn", "resnet18"):
        output = run("train", "--model", model, "--data", competition, "--out", f"checkpoints/{model}", *SHORT)
        assert "validation RMSE" in output
        output = run("evaluate", f"checkpoints/{model}", "--data", competition)
        assert f"{model} on drawn: RMSE" in output and "not ranked" not in output
        faces, split = split_data(competition)
        train, test = faces[split.train], faces[split.test]
        labels = [np.ma.masked_invalid(train.points[train.four_point == kind]) for kind in (False, True)]
        means = np.stack([each.mean(0).filled(np.nan) for each in labels])
        errors = test.points - means[test.four_point.astype(int)]
        assert f"the mean face, the simplest answer: RMSE {np.sqrt(np.nanmean(errors**2)):.3f} px" in output
        folder = tmp_path / "checkpoints" / model
        assert {p.name for p in folder.iterdir()} == {
            "config.json", "model.safetensors", "evaluation.json", "history.csv", "README.md", STATE
        }  # fmt: skip
        entry = json.loads((tmp_path / "leaderboard" / "drawn" / f"{model}.json").read_text())
        assert entry == json.loads((folder / "evaluation.json").read_text()) and entry["held_out"]
    assert "resnet18" in run("leaderboard") and "fcnn" in run("leaderboard")
    both = ["--checkpoint", "checkpoints/fcnn", "--checkpoint", "checkpoints/resnet18"]
    output = run("submit", *both, "--data", competition, "--out", "s.csv", "--mirror")
    assert "2 models" in output and "without rows of four points" not in output
    lookup = pd.read_csv(competition / "IdLookupTable.csv")
    assert pd.read_csv("s.csv")["RowId"].tolist() == lookup["RowId"].tolist()
    card = tmp_path / "checkpoints" / "fcnn" / "README.md"
    card.write_text(card.read_text() + "\nMine: tried on sheep.\n")
    run("evaluate", "checkpoints/fcnn", "--data", competition)
    assert "Mine: tried on sheep." in card.read_text() and card.read_text().count("# fcnn") == 1
    output = run("evaluate", "checkpoints/fcnn", "--data", competition, "--mirror")
    assert "fcnn-mirror" in output and (tmp_path / "leaderboard" / "drawn" / "fcnn-mirror.json").exists()
    ensemble = ["evaluate", "checkpoints/fcnn", "checkpoints/resnet18", "--data", competition, "--mirror"]
    assert "an ensemble needs a name" in fails(*ensemble)
    before = (tmp_path / "checkpoints" / "fcnn" / "evaluation.json").read_bytes()
    run(*ensemble, "--name", "both")
    entry = json.loads((tmp_path / "leaderboard" / "drawn" / "both.json").read_text())
    assert len(entry["weights"]) == 2 and entry["mirror"] and entry["held_out"]
    assert (tmp_path / "checkpoints" / "fcnn" / "evaluation.json").read_bytes() == before, "of the checkpoint alone"


def test_warnings_of_files_and_labels_that_lack_a_part(competition, tmp_path):
    train = ["train", "--model", "fcnn", "--data", competition, *SHORT, "--out"]
    assert "`fkd submit` will fail" not in run(*train, tmp_path / "all")
    fkd.train(competition, tmp_path / "m", "fcnn", labels="complete", epochs=1)
    output = run("submit", "--checkpoint", tmp_path / "m", "--data", competition, "--out", tmp_path / "s.csv")
    assert "trained without rows of four points" in output
    (competition / "IdLookupTable.csv").unlink()
    assert "`fkd submit` will fail" in run(*train, tmp_path / "part")


def test_other_data_than_it_was_split_from_is_not_ranked(competition, tmp_path, tiny_checkpoint):
    own = shutil.copytree(tiny_checkpoint, tmp_path / "tiny")
    output = run("evaluate", own, "--data", competition, "--leaderboard", tmp_path / "l")
    assert "not ranked: its checkpoint does not record that the test faces were kept out of training" in output
    assert "does not record that they were kept out" in (own / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--model", "resnet19", "--data", ".", "--out", "x"], "did you mean resnet18"),
        (["train", "--data", "nowhere", "--out", "x"], "fkd: nowhere does not exist"),
        (["train", "--data", ".", "--out", "x", "--lr", "0"], "settings: lr is 0.0, expected greater than 0"),
        (["train", "--data", ".", "--out", "x", "--augment", "nan"], "augmentation is nan, expected 0 to 10"),
        (["evaluate", "nowhere", "--data", "."], "nowhere is not a checkpoint folder: expected a folder such as"),
        (["data", "check", "--data", "."], "no training.csv in ., which holds"),
        (["leaderboard"], "/leaderboard holds no benchmark: run this in a clone of fkd, or give its folder"),
        (
            ["train", "--data", ".", "--out", "x", "--device", "tpu"],
            "device tpu is not available here: expected auto, cpu, cuda, cuda:N or mps",
        ),
    ],
)
def test_a_users_mistake_ends_in_one_sentence(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fkd", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    output = capsys.readouterr().err
    assert message in output and "Traceback" not in output and output.count("\n") == 1


def test_a_run_that_diverges_names_the_learning_rate(competition, tmp_path):
    train = ["train", "--model", "fcnn", "--data", competition, "--out", tmp_path / "m", *SHORT]
    assert "epoch 1: the training diverged; try a lower --lr (now 10)" in fails(*train, "--epochs", "1", "--lr", "10")


def test_a_run_stopped_before_its_first_state_is_to_be_started_anew(competition, tmp_path, monkeypatch):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("fkd.learn.train.train", stop)
    output = run("train", "--model", "fcnn", "--data", competition, "--out", tmp_path / "m", status=130)
    assert "stopped; the same command starts again" in output


@pytest.mark.slow
def test_a_stopped_run_says_how_to_continue(competition, tmp_path):
    command = ["train", "--model", "fcnn", "--data", competition, "--out", tmp_path / "m", *SHORT, "--epochs", "400"]
    # Children of a shell's background job ignore Ctrl-C: listen to it, however the suite is run.
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        [sys.executable, "-m", "fkd", *command], cwd=EXAMPLES.parent, stderr=subprocess.PIPE, preexec_fn=listen
    )
    wait_until(lambda: (tmp_path / "m" / "history.csv").exists() and (tmp_path / "m" / STATE).exists(), 60)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 130 and "--resume continues" in error and "Traceback" not in error


@pytest.mark.parametrize(
    ("error", "is_bug"),
    [
        (FkdError("row 17 has 9,215 pixels"), False),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), False),
        (OSError(5, "Input/output error"), True),
        (ValueError("operands could not be broadcast together"), True),
    ],
)
def test_a_mistake_is_one_sentence_and_a_bug_a_traceback(error, is_bug, monkeypatch, capsys):
    def app():
        raise error

    monkeypatch.setattr(commands, "app", app)
    with pytest.raises(type(error) if is_bug else SystemExit) as raised:
        main()
    assert (raised.value is error) == is_bug
    assert capsys.readouterr().err == (
        ""
        if is_bug
        else f"fkd: {error}\n".replace(
            "[Errno 2] No such file or directory: 'a.csv'", "a.csv: No such file or directory"
        )
    )
