import numpy as np
import pytest
from commands import run
from conftest import draw_faces, write_competition

from fkd.data import split
from fkd.data.check import check, misalignment, odd_labels
from fkd.data.faces import Faces


def test_check_reports_odd_rows_by_kind(tmp_path):
    faces = draw_faces(60)
    images, points = faces.images.copy(), faces.points.copy()
    images[1] = images[0]
    points[2, [0, 1]] = points[2, [1, 0]]
    points[3] = np.nan
    images[4] = 90
    points[5, 11] = (5, 76.4)
    points[6] = 40 + (points[6] - 40) * 0.08  # several faces in the frame, labelled at its centre
    points[50] = 30 + points[49] / 2
    points[51, 10] = (50, 96)
    write_competition(tmp_path, Faces(images, points), draw_faces(2, seed=1))
    report = check(tmp_path)
    assert (
        report.rows == 60 and np.bincount(report.conventions.rows).tolist() == [36, 24] and report.exact_duplicates == 1
    )
    assert report.labels["nose_tip"] == 59
    assert report.test_images == 2 and report.values == 38 and not report.problems
    found = {finding.kind.split(",")[0].split(" that")[0]: finding.rows for finding in report.findings}
    assert found == {
        "almost blank image": {5: ""},
        "no label": {4: ""},
        "left eye on the left": {3: ""},
        "unusually small or large face": {7: "0.08 times the usual size", 51: "0.51 times the usual size"},
        "point far from the place": {6: "mouth_left_corner at (5.0, 76.4)", 52: "nose_tip at (50.0, 96.0)"},
        "point outside the frame": {52: "nose_tip at (50.0, 96.0)"},
    }


def test_good_faces_give_no_finding_in_any_convention(faces):
    for points in (faces.points, faces.points[:36], faces.points[36:], faces.points[:5], faces.points[-3:]):
        assert odd_labels(points) == []
    assert misalignment(faces) is None


SPOILT = {
    "half as large": (None, lambda points: points / 2),
    "twice as large": (None, lambda points: points * 2),
    "x and y are swapped": (None, lambda points: points[..., ::-1]),
    "0..1": (None, lambda points: points / 96),
    "-1..1": (None, lambda points: points / 48 - 1),
    "lying images": (lambda images: images.transpose(0, 2, 1), None),
    "images upside down": (lambda images: images[:, ::-1], None),
    "grey images": (lambda images: images * 0 + 90, None),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_labels_off_the_face_are_noticed(kind, faces):
    images, points = SPOILT[kind]
    spoilt = Faces(images(faces.images) if images else faces.images, points(faces.points) if points else faces.points)
    assert "the labels belong to other images, or they are not frame pixels" in str(misalignment(spoilt))


@pytest.mark.parametrize("missing", ["test.csv", "IdLookupTable.csv"])
def test_a_missing_file_is_a_finding(missing, competition):
    (competition / missing).unlink()
    assert f"problem: no {missing} in " in run("data", "check", "--data", competition)


def test_findings_are_grouped_and_cut(faces, tmp_path):
    faces.points[:9, 13:] = np.nan
    faces.points[:9, 11] = (76.4, 5)
    write_competition(tmp_path, faces, draw_faces(2, seed=1))
    printed = run("data", "check", "--data", tmp_path)
    assert "9 suspicious rows\n" in printed and "and 4 more" in printed
    assert "    row 1: mouth_left_corner at (76.4, 5.0)\n" in printed and "row 6" not in printed


def test_the_look_alikes_of_a_check_serve_the_training(competition, monkeypatch):
    check(competition)
    monkeypatch.setattr(split, "look_alikes", None)
    split.split_data(competition)
