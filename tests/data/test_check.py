import numpy as np
import pytest
from commands import run
from conftest import draw_faces, write_competition

from fkd.data import split
from fkd.data.check import check, misplacement, suspicious_rows
from fkd.data.faces import Faces


def test_check_reports_odd_rows_by_kind(tmp_path):
    faces = draw_faces(60)
    images, points = faces.images.copy(), faces.points.copy()
    images[1] = images[0]
    points[2, [0, 1]] = points[2, [1, 0]]
    points[3] = np.nan
    images[4] = 90
    points[51, 10] = (50, 96)
    write_competition(tmp_path, Faces(images, points), draw_faces(2, seed=1))
    report = check(tmp_path)
    assert (
        report.rows == 60 and np.bincount(report.conventions.rows).tolist() == [36, 24] and report.exact_duplicates == 1
    )
    assert report.labels["nose_tip"] == 59
    assert report.test_images == 2 and report.values == 38 and not report.problems
    assert report.findings == {
        "almost blank image": [5],
        "no label": [4],
        "left eye on the left, as if the sides were swapped": [3],
        "point outside the frame": [52],
    }


def test_good_faces_give_no_finding(faces):
    assert suspicious_rows(faces) == {} and misplacement(faces.points) is None
    assert misplacement(np.full((3, 15, 2), np.nan)) is None


SPOILT = {
    "half as large": lambda points: points / 2,
    "twice as large": lambda points: points * 2,
    "x and y are swapped": lambda points: points[..., ::-1],
    "upside down": lambda points: 95 - points,
    "0..1": lambda points: points / 96,
    "-1..1": lambda points: points / 48 - 1,
}


@pytest.mark.parametrize("kind", SPOILT)
def test_labels_that_are_not_frame_pixels_are_noticed(kind, faces):
    assert "frame pixels are expected" in str(misplacement(SPOILT[kind](faces.points)))


@pytest.mark.parametrize("missing", ["test.csv", "IdLookupTable.csv"])
def test_a_missing_file_is_a_finding(missing, competition):
    (competition / missing).unlink()
    assert f"problem: no {missing} in " in run("data", "check", "--data", competition)


def test_findings_are_grouped_and_cut(faces, tmp_path):
    faces.points[:9, 11] = (76.4, 100)
    write_competition(tmp_path, faces, draw_faces(2, seed=1))
    assert "point outside the frame: 9 rows (1, 2, 3, 4, 5 and 4 more)" in run("data", "check", "--data", tmp_path)


def test_the_look_alikes_of_a_check_serve_the_training(competition, monkeypatch):
    check(competition)
    monkeypatch.setattr(split, "look_alikes", None)
    split.split_data(competition)
