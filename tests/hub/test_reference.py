"""kind:FILE wherever a checkpoint is expected."""

import json
from pathlib import Path

import pytest
from commands import run
from conftest import EXAMPLES, TRAINING, draw_faces, untrained, write_competition
from onnx_files import mean_face

from app import build_app
from fkd.board.entries import read_benchmarks, read_entries
from fkd.data.split import record_of, split_data
from fkd.errors import FkdError
from fkd.hub.reference import load
from fkd.learn.checkpoint import save_checkpoint
from fkd.learn.models import ModelConfig


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "checkpoints" / "mean.onnx"
    path.parent.mkdir()
    path.write_bytes(mean_face(name="mean face", owner="ada", licence="MIT").SerializeToString())
    return path


def test_a_reference_to_a_file_names_its_kind(file, evaluated, tmp_path, monkeypatch):
    detector = load(f"onnx:{file}")
    assert (detector.name, detector.owner, detector.data.terms, detector.folder) == ("mean face", "ada", "MIT", file)
    assert load(f"onnx:{file}", "other").name == "other"
    with pytest.raises(FkdError, match="none.onnx does not exist"):
        load("onnx:none.onnx")
    (tmp_path / "onnx").symlink_to(evaluated)
    monkeypatch.chdir(tmp_path)
    assert load("onnx").name == evaluated.name, "a folder may have the name of a kind"


def test_predict_submit_evaluate_and_the_page_take_a_file(file, competition, tmp_path):
    options = ("--checkpoint", f"onnx:{file}", "--out", tmp_path / "points.json")
    assert "points.json: 1 face in 1 photo" in run("predict", EXAMPLES / "grace_hopper.jpg", *options)
    run("submit", "--checkpoint", f"onnx:{file}", "--data", competition, "--out", tmp_path / "submission.csv")
    assert len((tmp_path / "submission.csv").read_text().splitlines()) > 20
    output = run("evaluate", f"onnx:{file}", "--data", competition, "--leaderboard", tmp_path / "leaderboard")
    assert "mean-face on drawn: RMSE" in output
    assert "not ranked: its checkpoint does not record that the test faces were kept out of training" in output
    for page in (build_app(file.parent, tmp_path), build_app(tmp_path / "none", tmp_path, [f"onnx:{file}"])):
        assert '"mean face"' in json.dumps(page.get_config_file(), default=str)
    (file.parent / "broken.onnx").write_bytes(b"not one")
    with pytest.raises(FkdError, match="broken.onnx is not an ONNX file"):
        build_app(file.parent, tmp_path)


@pytest.mark.slow
def test_an_export_is_measured_ranked_and_checked_like_its_checkpoint(tmp_path, monkeypatch, faces):
    data = write_competition(tmp_path / "drawn", faces, draw_faces(3, seed=1))
    record = record_of("drawn", *split_data(data), "ours")
    net = tmp_path / "checkpoints" / "net"
    save_checkpoint(net, untrained(ModelConfig("resnet10t")), TRAINING, record)
    run("export", net, "--out", tmp_path / "checkpoints" / "net.onnx")
    monkeypatch.chdir(tmp_path)
    for reference in ("checkpoints/net", "onnx:checkpoints/net.onnx"):
        assert "not ranked" not in run("evaluate", reference, "--data", data)
    (benchmark,) = read_benchmarks(Path("leaderboard"))
    second, first = read_entries(Path("leaderboard"), benchmark).measured
    assert (first.name, second.name) == ("net", "net-onnx") and first.weights != second.weights
    assert first.accuracy.rmse == pytest.approx(second.accuracy.rmse, abs=0.05)
    assert (second.model, second.data, second.held_out) == ("onnx", record, True)
    assert run("leaderboard", "check", "--data", data).splitlines() == ["net-onnx: reproduced", "net: reproduced"]
    (tmp_path / "checkpoints" / "net.onnx").unlink()
    assert "checkpoint (" in run("leaderboard"), "a missing checkpoint cannot be measured again"
