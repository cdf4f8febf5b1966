import json
import sys

import numpy as np
import pandas as pd
import pytest

from fkd.keypoints import COLUMNS, NAMES
from fkd.photo.answer_files import TABLE, Journal
from fkd.photo.face import Face
from fkd.photo.point_files import read_points

RUN = {"model": "net", "checkpoint": "checkpoints/net", "precise": False}


def face(seed, spread=True):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 500, (15, 2)).astype(np.float32)
    spreads = rng.uniform(1, 9, 15) if spread else None
    return Face((1.0, 2.0, 99.5, 100.25), points, np.zeros((96, 96), np.uint8), spreads).to_json()


ROWS = [
    {"photo": "a/one.jpg", "faces": [face(1)]},
    {"photo": "a/none, of it.jpg", "faces": []},
    {"photo": "a/two\udcff.jpg", "faces": [face(2, spread=False), face(3)]},  # a name of bytes that are no UTF-8
    {"photo": "a/bad.jpg", "faces": [], "error": 'bad.jpg is not a "readable" image'},
]


def write(out, rows=ROWS, resume=False):
    journal = Journal(out, RUN, resume)
    for row in rows:
        if row["photo"] not in journal.done:
            journal.write(row)
    journal.finish()
    return journal


def test_json_csv_and_parquet_have_the_same_rows_and_leave_no_journal(tmp_path):
    pytest.importorskip("pyarrow")
    for kind in ("json", "csv", "parquet"):
        journal = write(tmp_path / "in" / f"points.{kind}")
        assert (journal.photos, journal.faces, journal.failed, journal.errors) == (4, 3, 1, [ROWS[3]["error"]])
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["points.csv", "points.json", "points.parquet"]
    assert json.loads((tmp_path / "in" / "points.json").read_text()) == ROWS
    table = pd.read_csv(tmp_path / "in" / "points.csv")
    parquet = pd.read_parquet(tmp_path / "in" / "points.parquet")
    assert list(table) == list(TABLE) == list(parquet) and set(COLUMNS) < set(TABLE)
    pd.testing.assert_frame_equal(table, parquet, check_dtype=False, rtol=1e-6)
    assert table["photo"].tolist() == ["a/one.jpg", "a/none, of it.jpg", *["a/two\\udcff.jpg"] * 2, "a/bad.jpg"]
    assert table["face"].tolist()[2:4] == [1, 2] and table["face"].isna().tolist() == [False, True, False, False, True]
    assert table["left_eye_center_x"][3] == ROWS[2]["faces"][1]["points"]["left_eye_center"][0]
    assert table["nose_tip_spread"].isna().tolist() == [False, True, True, False, True]
    assert [table[column][0] for column in ("box_left", "box_top", "box_right", "box_bottom")] == [1, 2, 99.5, 100.25]
    assert table["error"].dropna().tolist() == ['bad.jpg is not a "readable" image']


def test_a_run_without_a_photo_is_an_empty_list(tmp_path):
    write(tmp_path / "points.json", [])
    assert json.loads((tmp_path / "points.json").read_text()) == []


def test_what_predict_writes_is_read_as_true_points(tmp_path):
    write(tmp_path / "points.json", ROWS[:3])
    faces = read_points(tmp_path / "points.json")
    assert len(faces) == 3
    np.testing.assert_allclose(faces[0], [ROWS[0]["faces"][0]["points"][name] for name in NAMES], rtol=1e-6)


def test_nothing_is_there_under_the_name_until_all_is(tmp_path):
    journal = Journal(tmp_path / "points.csv", RUN, resume=False)
    journal.write(ROWS[0])
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv.part"]
    with pytest.raises(ValueError, match=r"points.csv.part is of a run that did not end: --resume goes on"):
        Journal(tmp_path / "points.csv", RUN, resume=False)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_line_that_a_kill_left_unfinished_is_written_again(tmp_path, kept):
    whole = tmp_path / "whole.json"
    write(whole)
    journal = Journal(tmp_path / "cut.json", RUN, resume=False)
    for row in ROWS[: kept + 1]:
        journal.write(row)
    journal.file.truncate(journal.path.stat().st_size - 5)
    again = Journal(tmp_path / "cut.json", RUN, resume=True)
    assert again.done == {row["photo"] for row in ROWS[:kept]}
    again.file.close()
    journal = write(tmp_path / "cut.json", resume=True)
    assert (tmp_path / "cut.json").read_bytes() == whole.read_bytes() and journal.photos == 4


def test_a_journal_of_another_run_is_refused(tmp_path):
    Journal(tmp_path / "a.csv", RUN, resume=False).write(ROWS[0])
    with pytest.raises(ValueError, match=r"a.csv.part is of another run .*'precise': False.*'precise': True"):
        Journal(tmp_path / "a.csv", RUN | {"precise": True}, resume=True)


def test_another_format_is_refused_before_any_work(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"--out is a.txt, expected a name that ends in .json, .csv, .parquet"):
        Journal(tmp_path / "a.txt", RUN, resume=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"Parquet needs pyarrow: pip install 'fkd\[parquet\]'"):
        Journal(tmp_path / "a.parquet", RUN, resume=False)
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_rows(tmp_path):
    journal = Journal(tmp_path / "a.json", RUN, resume=False)
    for number in range(300):
        journal.write({"photo": str(number), "faces": [], "error": "x"})
    assert not journal.done and len(journal.errors) == 10 and journal.failed == 300
