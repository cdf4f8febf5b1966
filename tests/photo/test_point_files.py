import json

import numpy as np
import pandas as pd
import pytest

from fkd.data.sixty_eight import OF_68
from fkd.keypoints import COLUMNS, MEAN_FACE, NAMES
from fkd.photo.point_files import read_points, to_pts, to_table

POINTS = np.array(MEAN_FACE, np.float32) * 3 + 0.25


def write(path, text):
    path.write_text(text)
    return path


def test_points_come_back_from_each_kind_of_file(tmp_path):
    some = POINTS.copy()
    some[4] = np.nan
    for points in (POINTS, some):
        (back,) = read_points(write(tmp_path / "a.pts", to_pts(points)))
        assert np.allclose(back, points, atol=1e-3, equal_nan=True)
        table = to_table([("me.jpg", 1, "net", points), ("me.jpg", 2, "net", points + 1)])
        assert list(table.columns) == ["photo", "face", "model", *COLUMNS]
        one, two = read_points(write(tmp_path / "a.csv", table.to_csv(index=False)))
        assert np.allclose(one, points, atol=0.01, equal_nan=True) and np.allclose(two - 1, one, equal_nan=True)
    face = {"box": [0, 0, 1, 1], "points": {name: point.tolist() for name, point in zip(NAMES, POINTS, strict=True)}}
    for value in (face, [{"photo": "me.jpg", "faces": [face]}]):
        (back,) = read_points(write(tmp_path / "a.json", json.dumps(value)))
        assert np.allclose(back, POINTS)


def test_a_pts_file_counts_from_one_as_300w_does():
    assert to_pts(np.array([[0.0, 9.5]])) == "version: 1\nn_points: 1\n{\n1.000 10.500\n}\n"


def test_sixty_eight_points_become_fifteen(tmp_path):
    all_68 = np.arange(136, dtype=float).reshape(68, 2)
    (points,) = read_points(write(tmp_path / "a.pts", to_pts(all_68)))
    assert np.allclose(points[NAMES.index("nose_tip")], all_68[30])
    assert np.allclose(points[NAMES.index("left_eye_center")], all_68[42:48].mean(0))
    assert np.allclose(points[NAMES.index("mouth_center_bottom_lip")], all_68[[57, 66]].mean(0))
    assert set(OF_68) == set(NAMES)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", "is no .pts, .csv or .json file"),
        ("a.pts", "1 2 3", "expected `version: 1`"),
        ("a.pts", "{" + "1 x " * 15 + "}", "expected a number or nothing, not 'x'"),
        ("a.pts", "{" + "1 1e9 " * 15 + "}", "more than 1,000,000 px away"),
        ("a.pts", "{" + "1 -inf " * 15 + "}", "more than 1,000,000 px away"),
        ("a.pts", "{" + "1 1_0 " * 15 + "}", "not '1_0'"),
        ("a.pts", "{" + "1 nan " * 15 + "}", "only one of x and y"),
        ("a.pts", to_pts(POINTS[:5]), "has 5 points, expected 15 or the 68"),
        ("a.pts", to_pts(np.full((15, 2), np.nan)), "holds no point"),
        ("a.csv", "", "lacks 30"),
        ("a.csv", "a,b\n1,2\n", "lacks 30 of the competition's columns, left_eye_center_x"),
        ("a.csv", pd.DataFrame([["x"] * 30], columns=COLUMNS).to_csv(), "expected a number or nothing, not 'x'"),
        ("a.csv", ",".join([*COLUMNS, "nose_tip_x"]) + "\n" + ",".join("1" * 31), "nose_tip_x more than once"),
        ("a.csv", ",".join(COLUMNS) + "\n1,2,3\n", "row 1 has 3 cells, expected 30"),
        ("a.csv", ",".join(COLUMNS) + '\n"1,2', "not readable as csv"),
        ("a.csv", ",".join(COLUMNS) + "\n" + ",".join(["1\0"] * 30), "expected a number or nothing"),
        ("a.csv", ",".join(COLUMNS) + "\n" + ",".join(["x" * 140_000] * 30), "not readable as csv"),
        ("a.csv", ",".join(COLUMNS), "holds no point"),
        ("a.csv", "\n".join([",".join(COLUMNS), *[",".join(["1"] * 30)] * 1001]), "has more than 1,000 faces"),
        ("a.json", "{", "a.json"),
        ("a.json", "7", "expected {.points"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", '{"faces": 7}', "expected {.points"),
        ("a.json", '{"faces": true}', "expected {.points"),
        ("a.json", '{"faces": []}', "holds no point"),
        ("a.json", '{"points": []}', "expected {.points"),
        ("a.json", '{"points": {"nose_tip": [1, 2]}, "points": {}}', "twice"),
        ("a.json", '{"points": {"nose_tip": [NaN, 2]}}', "NaN is no JSON number"),
        ("a.json", '{"points": {"nose_tip": [true, 2]}}', "expected two numbers"),
        ("a.json", '{"points": {"nose_tip": ["1", "2"]}}', "expected two numbers"),
        ("a.json", '{"points": {"nose_tip": 7}}', "expected two numbers"),
        ("a.json", '{"points": {"nose_tip": [1e400, 2]}}', "more than 1,000,000 px away"),
        ("a.json", '{"points": {"nose_tip": [%s, 2]}}' % ("9" * 400), "more than 1,000,000 px away"),
        ("a.json", '{"points": {"nose_tip": [%s, 2]}}' % ("9" * 5000), "a.json: "),
        ("a.json", '{"points": {"nose_tip": [1, 2]}}' + " " * 5_000_000, "is larger than 5 MB"),
        ("a.json", "[1]", "expected {.points"),
        ("a.json", '{"points": {"chin": [1, 2]}}', "names of the 15 points"),
        ("a.json", '{"points": {"nose_tip": [1, 2, 3]}}', "expected two numbers"),
    ],
)
def test_what_is_no_file_of_points_is_said_in_a_sentence(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message) as error:
        read_points(write(tmp_path / name, text))
    assert "\n" not in str(error.value)
