import json
import sys

import floor
import numpy as np
import pytest
from ablation import predict_points
from conftest import draw_faces, write_competition

from fkd.data.split import Split, deal, in_order, split_data
from fkd.keypoints import NAMES
from fkd.learn.checkpoint import load_checkpoint


def test_what_is_shared_is_the_labels_noise_and_not_the_networks():
    rng = np.random.default_rng(0)
    sizes = np.linspace(0.5, 3, 15)[:, None]  # of the labels' noise, px
    labels, first, second = (rng.normal(0, size, (2000, 15, 2)) for size in (sizes, 1.0, 2.0))
    labels[rng.random((2000, 15)) < 0.5] = np.nan
    four_point = np.zeros(2000, bool)
    found = floor.measure_parts(labels - first, labels - second, four_point, np.arange(2000))
    assert "four-point faces" not in found and found["15-point faces"] == found["all labels"]
    by_keypoint = [found[name.replace("_", " ")] for name in NAMES]
    assert [part.shared for part in by_keypoint] == pytest.approx(sizes[:, 0].tolist(), abs=0.15)
    last = by_keypoint[-1]
    assert last.rmse == pytest.approx([np.sqrt(3**2 + 1), np.sqrt(3**2 + 2**2)], abs=0.1)
    assert last.share == pytest.approx(9 / 11.5, abs=0.05) and last.low < last.shared < last.high
    assert last.values == np.isfinite(labels[:, -1]).sum()


def test_opposite_errors_share_nothing_and_where_there_is_no_label_there_is_no_figure():
    errors = np.ones((4, 15, 2))
    assert (opposite := floor.shared_error(errors, -errors, np.arange(4))) and opposite.shared == opposite.share == 0
    assert floor.shared_error(errors * np.nan, errors, np.arange(4)) is None


def test_near_duplicates_do_not_narrow_the_interval():
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 1, (50, 15, 2)) * rng.uniform(0.2, 3, (50, 1, 1))
    once = floor.shared_error(errors, errors, np.arange(50))
    nine = floor.shared_error(np.repeat(errors, 9, 0), np.repeat(errors, 9, 0), np.repeat(np.arange(50), 9))
    assert (nine.low, nine.high) == pytest.approx((once.low, once.high)) and nine.shared == once.shared


def test_the_halves_are_the_training_rows_and_share_no_look_alike():
    faces, groups = draw_faces(300), np.arange(300) // 3
    split = Split(*deal(faces, groups, (0.8, 0.9, 1)))
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
    faces = faces[in_order(faces, rows)]
    expected = faces.points - predict_points(model, faces.images, faces.four_point, mirror=True)
    for part in (faces.four_point, ~faces.four_point):
        labelled = np.isfinite(expected[part]).any((0, 2))
        mean = np.nanmean(expected[part][:, labelled], 0)
        np.testing.assert_allclose(found[part][:, labelled], expected[part][:, labelled] - mean, atol=0.02)


def test_the_script_trains_both_halves_and_writes_what_their_errors_share(tmp_path, monkeypatch, capsys):
    data = write_competition(tmp_path / "drawn", draw_faces(150), draw_faces(4, seed=1))
    out = tmp_path / "out" / "floor.json"
    command = ["floor.py", "--data", data, "--out", out, "--runs", tmp_path / "runs", "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", [*map(str, command), "--networks", "fcnn", "test_resnet"])
    floor.main()
    table = capsys.readouterr().out
    faces, split = split_data(data)
    written = json.loads(out.read_text())
    assert written["networks"] == ["fcnn", "test_resnet"] and sum(written["faces"]) == len(split.train)
    assert written["parts"]["all labels"]["values"] == np.isfinite(faces.points[split.test]).sum()
    assert [line.split(" | ")[0] for line in table.splitlines() if " px" not in line][-15:] == [
        f"| {name.replace('_', ' ')}" for name in NAMES
    ]
    assert floor.as_printed(floor.read_floor(out)) in table
