import json
import sys

import numpy as np
import pandas as pd
import pytest
from drawn import to_pts

from fkd.errors import FkdError
from fkd.keypoints import COLUMNS, MEAN_FACE, NAMES
from fkd.photo.face import Face
from fkd.photo.point_files import TABLE, FacesInPhoto, Journal, answer_row, read_points, to_table, write_rows

POINTS = np.array(MEAN_FACE, np.float32) * 3 + 0.25
SETTINGS = {"model": "net", "precise": False}


def face(move: float, spread: bool = True) -> Face:
    spreads = np.full(15, 2.5, np.float32) if spread else None
    return Face((1.0, 2.0, 99.5, 100.25), POINTS + np.float32(move), np.zeros((96, 96), np.uint8), spreads)


ROWS = [
    answer_row("a/one.jpg", "net", [face(0)]),
    answer_row("a/none, at all.jpg", "net", []),
    answer_row("a/two.jpg", "net", [face(1, spread=False), face(2)]),
    answer_row("a/bad.jpg", "net", [], 'bad.jpg is not a "readable" image'),
]


def write(path, text):
    path.write_text(text)
    return path


def test_json_csv_and_parquet_have_the_same_rows(tmp_path):
    pytest.importorskip("pyarrow")
    for kind in ("json", "csv", "parquet"):
        write_rows(tmp_path / f"points.{kind}", iter(ROWS))
    assert json.loads((tmp_path / "points.json").read_text()) == ROWS
    table, parquet = pd.read_csv(tmp_path / "points.csv"), pd.read_parquet(tmp_path / "points.parquet")
    assert list(table) == list(TABLE) == list(parquet)
    pd.testing.assert_frame_equal(table, parquet, check_dtype=False, rtol=1e-6)
    pd.testing.assert_frame_equal(table, to_table(ROWS), check_dtype=False)
    assert table["photo"].tolist() == ["a/one.jpg", "a/none, at all.jpg", *["a/two.jpg"] * 2, "a/bad.jpg"]
    assert table["face"].fillna(0).tolist() == [1, 0, 1, 2, 0]
    assert table["left_eye_center_x"][3] == ROWS[2]["faces"][1]["points"]["left_eye_center"][0]
    assert table["nose_tip_spread"].isna().tolist() == [False, True, True, False, True]
    assert [table[column][0] for column in ("box_left", "box_top", "box_right", "box_bottom")] == [1, 2, 99.5, 100.25]
    assert table["error"].dropna().tolist() == ['bad.jpg is not a "readable" image']
    for kind in ("json", "csv"):
        np.testing.assert_allclose(read_points(tmp_path / f"points.{kind}"), [POINTS, POINTS + 1, POINTS + 2])


def test_faces_become_a_table():
    faces = FacesInPhoto([face(0), face(1)])
    table = faces.to_frame("me.jpg", "net")
    assert list(table) == list(TABLE) and table["face"].tolist() == [1, 2] and table["photo"][0] == "me.jpg"
    assert np.allclose(table[list(COLUMNS)].to_numpy(float).reshape(2, 15, 2), [POINTS, POINTS + 1])
    assert FacesInPhoto().to_frame().shape == (0, len(TABLE))


def test_a_journal_shows_no_result_before_the_end(tmp_path):
    journal = Journal(tmp_path / "points.csv", SETTINGS, resume=False)
    journal.write(ROWS[0])
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv.part"]
    with pytest.raises(FkdError, match=r"points.csv.part is of an unfinished run: continue it with --resume"):
        Journal(tmp_path / "points.csv", SETTINGS, resume=False)
    with pytest.raises(FkdError, match=r"points.csv.part is of another run .*'precise': False.*'precise': True"):
        Journal(tmp_path / "points.csv", SETTINGS | {"precise": True}, resume=True)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_line_that_a_kill_left_unfinished_is_written_again(tmp_path, kept):
    journal = Journal(tmp_path / "a.json", SETTINGS, resume=False)
    for row in ROWS[: kept + 1]:
        journal.write(row)
    journal.file.truncate(journal.path.stat().st_size - 5)
    again = Journal(tmp_path / "a.json", SETTINGS, resume=True)
    assert again.done - {""} == {row["photo"] for row in ROWS[:kept]}
    for row in ROWS[kept:]:
        again.write(row)
    assert list(again.rows()) == ROWS


def test_another_format_is_refused_before_any_work(tmp_path, monkeypatch):
    with pytest.raises(FkdError, match=r"a.txt has an unknown format, expected a name that ends in .json, .csv, .par"):
        Journal(tmp_path / "a.txt", SETTINGS, resume=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FkdError, match=r"pyarrow is not installed: pip install '.\[parquet\]'"):
        Journal(tmp_path / "a.parquet", SETTINGS, resume=False)
    assert not list(tmp_path.iterdir())


def test_points_come_back_from_each_kind_of_file(tmp_path):
    some = POINTS.copy()
    some[4] = np.nan
    for points in (POINTS, some):
        (back,) = read_points(write(tmp_path / "a.pts", to_pts(points)))
        assert np.allclose(back, points, atol=1e-3, equal_nan=True)
    one = {"points": {name: point.tolist() for name, point in zip(NAMES, POINTS, strict=True)}}
    (back,) = read_points(write(tmp_path / "a.json", json.dumps(one)))
    assert np.allclose(back, POINTS)


def test_sixty_eight_points_become_fifteen(tmp_path):
    all_68 = np.arange(136, dtype=float).reshape(68, 2)
    (points,) = read_points(write(tmp_path / "a.pts", to_pts(all_68)))
    assert np.allclose(points[NAMES.index("nose_tip")], all_68[30])
    assert np.allclose(points[NAMES.index("left_eye_center")], all_68[42:48].mean(0))
    assert np.allclose(points[NAMES.index("mouth_center_bottom_lip")], all_68[[57, 66]].mean(0))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", "is not a .pts, .csv or .json file"),
        ("a.pts", "1 2 3", "expected 15 or 68 points"),
        ("a.pts", "{" + "1 x " * 15 + "}", "expected numbers .*'x'"),
        ("a.pts", "{" + "1 1e9 " * 15 + "}", "more than 1,000,000 px away"),
        ("a.pts", "{" + "1 nan " * 15 + "}", "only one of x and y"),
        ("a.pts", to_pts(np.full((15, 2), np.nan)), "has no points"),
        ("a.csv", "", "is empty"),
        ("a.csv", "a,b\n1,2\n", "the header lacks left_eye_center_x, .* and 26 more"),
        ("a.csv", pd.DataFrame([["x"] * 30], columns=COLUMNS).to_csv(), "row 1 has .* 'x', expected pixels"),
        ("a.csv", ",".join(COLUMNS) + "\n1,2,3\n", "only one of x and y"),
        ("a.csv", ",".join(COLUMNS) + '\n"1,2', "not a readable csv"),
        ("a.csv", ",".join(COLUMNS), "no rows"),
        ("a.csv", "\n".join([",".join(COLUMNS), *[",".join(["1"] * 30)] * 1001]), "has more than 1,000 faces"),
        ("a.json", "{", "a.json is not readable as JSON"),
        ("a.json", '{"faces": []}', "has no points"),
        ("a.json", '{"points": {"nose_tip": [NaN, 2]}}', "is not readable as JSON"),
        ("a.json", '{"points": {"nose_tip": [true, 2]}}', "nose_tip.0 is true, expected a valid number"),
        ("a.json", '{"points": {"nose_tip": [1, 2]}}' + " " * 5_000_000, "is larger than 5 MB"),
        ("a.json", "[1]", "0 is 1, expected"),
        ("a.json", '{"points": {"chin": [1, 2]}}', "points.chin"),
    ],
)
def test_what_is_no_file_of_points_is_said_in_a_sentence(tmp_path, name, text, message):
    with pytest.raises(FkdError, match=message) as error:
        read_points(write(tmp_path / name, text))
    assert "\n" not in str(error.value)


def test_a_csv_is_right_in_a_spreadsheet_and_read_back(tmp_path):
    face = Face((-1, -2, 3, 4), POINTS, np.zeros((96, 96), np.uint8))
    names = ["Zoë.jpg", "=1+1.jpg", "+a", "-b", "@c", "\t=d", "\n=e", "\uff1df"]
    write_rows(tmp_path / "a.csv", [answer_row(name, "m", [face]) for name in names])
    content = (tmp_path / "a.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfphoto,")
    table = pd.read_csv(tmp_path / "a.csv", encoding="utf-8-sig")
    assert (
        table["photo"].tolist() == [names[0], *(f"'{name}" for name in names[1:])] and (table["box_left"] == -1).all()
    )
    assert np.allclose(read_points(tmp_path / "a.csv"), POINTS, atol=0.01)


def test_answers_of_several_models_are_read_and_files_of_others_are_named(tmp_path):
    face = {"points": {name: point.tolist() for name, point in zip(NAMES, POINTS, strict=True)}, "box": [0, 0, 9, 9]}
    value = [{"model": "a", "faces": [face]}, {"model": "b", "faces": [face]}]
    assert np.allclose(read_points(write(tmp_path / "a.json", json.dumps(value))), POINTS)
    header = ", ".join(f"eye_lmk_{axis}_{n}" for axis in "xyXYZ" for n in range(60)) + ", "  # longer than a buffer
    header += ", ".join(f"{axis}_{n}" for axis in "xy" for n in range(68))
    for name, text, said in (
        ("a.json", {"images": [], "annotations": []}, "points: Field required: save the points as"),
        ("a.json", [{"image_id": 1, "keypoints": [1, 2, 2]}], "points: Field required: save"),
        ("a.json", {"version": "5", "shapes": []}, "points: Field required: save"),
        (
            "a.json",
            [{"annotations": [], "data": {}}],
            "0.points: Field required: save",
        ),  # Label Studio's
        ("a.json", [[1, 2]] * 15, "save the points as .pts"),
        ("a.csv", header + "\n1", "the header lacks left_eye_center_x"),
        ("a.pts", to_pts(np.ones((98, 2))), "a.pts has 98 points, expected 15 or 68 points"),
    ):
        with pytest.raises(FkdError, match=said):
            read_points(write(tmp_path / name, text if isinstance(text, str) else json.dumps(text)))
