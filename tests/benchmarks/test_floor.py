import json
import sys

import floor
import numpy as np
import pytest
from conftest import draw_faces, write_competition

from fkd.board.entries import find_benchmark, read_floor
from fkd.data.split import Split, split_data, split_faces
from fkd.files import write_json
from fkd.keypoints import NAMES
from fkd.learn import train as train_module
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.inference import predict_points


def test_the_halves_are_the_training_rows_and_share_no_look_alike():
    faces, groups = draw_faces(300), np.arange(300) // 3
    split = split_faces(faces, groups)
    first, second = floor.halves(faces, split, groups)
    assert sorted([*first.train, *second.train]) == split.train.tolist()
    assert not set(groups[first.train]) & set(groups[second.train])
    assert len(first.train) == pytest.approx(len(second.train), abs=6)
    for half in (first, second):
        assert faces[half.train].four_point.mean() == pytest.approx(0.4, abs=0.05)
        assert (half.validation == split.validation).all() and (half.test == split.test).all()


def test_the_errors_are_flip_averaged_and_aligned_for_each_label_convention(evaluated, faces):
    rows = np.arange(60)
    found = floor.errors(evaluated, faces, Split(rows[:0], rows, rows))
    model = load_checkpoint(evaluated).model
    expected = faces.points - predict_points(model, faces.images, faces.four_point, mirror=True)
    for part in (faces.four_point, ~faces.four_point):
        labelled = np.isfinite(expected[part]).any((0, 2))
        mean = np.nanmean(expected[part][:, labelled], 0)
        np.testing.assert_allclose(found[part][:, labelled], expected[part][:, labelled] - mean, atol=0.02)


def test_the_script_trains_both_halves_and_writes_what_their_errors_share(tmp_path, monkeypatch, capsys):
    data = write_competition(tmp_path / "drawn", draw_faces(150), draw_faces(4, seed=1))
    out = tmp_path / "leaderboard" / "drawn" / "floor.json"

    def run(*options: str) -> str:
        command = ["floor.py", "--data", data, "--out", out, "--runs", tmp_path / "runs", "--epochs", "1"]
        command += ["--networks", "fcnn", "test_resnet", *options]
        monkeypatch.setattr(sys, "argv", [*map(str, command)])
        floor.main()
        return capsys.readouterr().out

    assert "1-fcnn: validation RMSE" in run("--only", "1")
    assert not out.exists() and [path.name for path in (tmp_path / "runs").iterdir()] == ["1-fcnn"]
    trained: list[int] = []
    monkeypatch.setattr(train_module, "_epochs", noting(train_module._epochs, trained))
    table = run()
    faces, split = split_data(data)
    written = json.loads(out.read_text())
    assert trained == [written["faces"][1]], "the first network had been trained"
    assert written["networks"] == ["fcnn", "test_resnet"] and sum(written["faces"]) == len(split.train)
    assert written["overall"]["values"] == np.isfinite(faces.points[split.test]).sum()
    assert [line.split(" | ")[0] for line in table.splitlines() if " px" not in line][-15:] == [
        f"| {name.replace('_', ' ')}" for name in NAMES
    ]
    counts = {"faces": len(split.test), "values": written["overall"]["values"]}
    about = {"name": "drawn", "description": "", "fingerprint": written["fingerprint"], **counts}
    write_json(out.parent / "benchmark.json", about)
    assert read_floor(tmp_path / "leaderboard", find_benchmark(tmp_path / "leaderboard", "drawn"))


def noting(epochs, trained: list[int]):
    def noted(run, training, *others):
        trained.append(len(training))
        return epochs(run, training, *others)

    return noted
