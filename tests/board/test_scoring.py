"""Predictions of any framework: from the exported frames to a row without a rank."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, run
from forged import entry

from fkd.board import measuring
from fkd.board.entries import KAGGLE, Benchmark, read_entries, write_entry
from fkd.board.measuring import score
from fkd.board.record import read_evaluation
from fkd.data.held_out import export_test, held_out
from fkd.errors import FkdError
from fkd.keypoints import COLUMNS, MEAN_FACE
from fkd.metrics import accuracy
from fkd.photo.detectors.checkpoint import CheckpointDetector


def answer(folder, path, points):
    """Writes points [N, 15, 2] px as any program would answer an exported folder's lookup table."""
    lookup = pd.read_csv(folder / "IdLookupTable.csv")
    columns = [COLUMNS.index(name) for name in lookup["FeatureName"]]
    lookup["Location"] = points.reshape(len(points), -1)[lookup["ImageId"] - 1, columns]
    lookup[["RowId", "Location"]].to_csv(path, index=False)
    return path


def test_perfect_predictions_score_0_and_the_mean_face_its_error(competition, tmp_path, monkeypatch):
    faces = export_test(competition, tmp_path / "out")
    perfect = score(answer(tmp_path / "out", tmp_path / "s.csv", faces.points), competition, "perfect")
    assert perfect.accuracy.rmse == 0 and perfect.accuracy.values == np.isfinite(faces.points).sum()
    assert perfect.accuracy.figures == {"rmse": 0, "nme": 0, "failure_rate": 0}
    mean = np.tile(np.array(MEAN_FACE), (len(faces), 1, 1))
    by_value = score(answer(tmp_path / "out", tmp_path / "s.csv", mean), competition, "mean")
    assert by_value.accuracy.rmse == pytest.approx(np.sqrt(np.nanmean((mean - faces.points) ** 2)), abs=1e-5)
    assert by_value.fingerprint == perfect.fingerprint and by_value.robustness == {} and by_value.cost is None
    table = pd.DataFrame(mean.reshape(len(mean), -1), columns=COLUMNS)
    table.assign(ImageId=range(1, len(mean) + 1)).to_csv(tmp_path / "frames.csv", index=False)
    by_frame = score(tmp_path / "frames.csv", competition, "mean")
    assert (by_frame.accuracy, by_frame.detail) == (by_value.accuracy, by_value.detail)
    with pytest.raises(FkdError, match="has 60 training rows, but the competition's file has 7,049"):
        score(tmp_path / "frames.csv", competition, "theirs", "kaggle")
    monkeypatch.setattr(measuring, "COMPETITION_ROWS", 60)
    assert score(tmp_path / "frames.csv", competition, "theirs").benchmark == KAGGLE


def test_a_checkpoints_own_submission_scores_as_its_answers_do(competition, tmp_path, monkeypatch):
    """The whole path of somebody else's model: export, answer, score, rank."""
    monkeypatch.chdir(tmp_path)
    run("train", "--model", "fcnn", "--data", competition, "--out", "checkpoints/net", "--epochs", 2,
        "--warmup-epochs", 1, "--batch-size", 16)  # fmt: skip
    run("evaluate", "checkpoints/net", "--data", competition)
    run("data", "export-test", "--data", competition, "--out", "exported")
    run("submit", "--checkpoint", "checkpoints/net", "--data", "exported", "--out", "s.csv")
    output = run("score", "s.csv", "--data", competition, "--name", "theirs")
    assert "theirs on drawn: RMSE" in output and "not ranked: its model was not run here" in output
    net, theirs = (read_evaluation(Path(f"leaderboard/drawn/{name}.json")) for name in ("net", "theirs"))
    faces = held_out(competition)
    detector = CheckpointDetector.read(Path("checkpoints/net"))
    predicted = detector.on_frames(faces.images, faces.four_point).clip(0, 95)  # as a submission is
    assert theirs.accuracy.rmse == pytest.approx(accuracy(predicted, faces.points).rmse, abs=1e-3)
    shown = run("leaderboard").splitlines()
    assert shown[-2].split()[:3] == ["1", "verified", "net"] and shown[-1].split()[:3] == ["-", "submitted", "theirs"]
    output = run("leaderboard", "check", "--data", competition)
    assert "theirs: submitted, so it cannot be measured again" in output and "net: reproduced" in output
    for name in ("net", "theirs"):
        assert f"{name}.json already exists" in fails("score", "s.csv", "--data", competition, "--name", name)
    again = ["score", "s.csv", "--data", competition, "--overwrite", "--name"]
    assert "theirs.json: written" in run(*again, "theirs")
    assert "'net' already has a measured entry" in fails(*again, "net")
    assert read_evaluation(Path("leaderboard/drawn/net.json")) == net


def test_a_submitted_entry_replaces_only_its_like(tmp_path):
    benchmark, submitted = Benchmark("drawn", "drawn faces"), {"weights": [], "cost": None, "held_out": False}
    write_entry(tmp_path, entry("a", 2.0), "drawn faces")
    with pytest.raises(FkdError, match="'a' already has a measured entry: use another --name"):
        write_entry(tmp_path, entry("a", 1.0, **submitted), "drawn faces")
    for rmse in (3.0, 2.5):
        write_entry(tmp_path, entry("b", rmse, **submitted), "drawn faces")
    assert [one.accuracy.rmse for one in read_entries(tmp_path, benchmark).measured] == [2.0, 2.5]
    write_entry(tmp_path, entry("b", 2.2), "drawn faces")
    assert [one.submitted for one in read_entries(tmp_path, benchmark).measured] == [False, False]
