"""The Batch tab's answers: worst first, errors against true points, and nothing of a file's name as HTML."""

import json
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn import to_pts
from PIL import Image

from fkd.data.record import DataRecord
from fkd.keypoints import MEAN_FACE, NAMES
from fkd.page import batch
from fkd.photo import sources
from fkd.photo.face import Face, FaceBox
from fkd.photo.point_files import BY_HAND, answer_row, write_rows

MEAN = np.array(MEAN_FACE, np.float32)
OCULAR = 35.8  # px, of MEAN


@dataclass
class Drawn:
    """Answers the mean face for photos of 96 px, moved right by `move` times what the photo is wider than high."""

    name: str
    move: float
    colour: str = "#ff0000"
    spread: float | None = None
    owner: str = ""
    data: DataRecord = DataRecord("")  # noqa: RUF009 - it is frozen

    def on_photos(self, photos, boxes, precise=False):
        spread = None if self.spread is None else np.full(15, self.spread, np.float32)
        faces = []
        for photo, box in zip(photos, boxes, strict=True):
            move = self.move * (photo.width - photo.height)
            points = MEAN + np.float32([move, 0])
            points[NAMES.index("nose_tip"), 1] += move
            faces.append(Face(box.box, points, np.zeros((96, 96), np.uint8), spread))
        return faces


STILL, MOVED = Drawn("still", 0), Drawn("moved", 1, "#0000ff")


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Write a file; photos are named by how much wider than high they are."""
    monkeypatch.setattr(batch, "new_folder", lambda: Path(tempfile.mkdtemp(dir=tmp_path)))

    def write(name, content):
        path = tmp_path / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            Image.new("RGB", (96 + content, 96), "grey").save(path)
        elif isinstance(content, list):
            write_rows(path, content)
        else:
            path.write_text(content)
        return str(path)

    return write


def answer(files, *detectors):
    *_, last = batch.answer_files(detectors or [STILL, MOVED], files, lambda: True, whole=True)
    return last


def names(view):
    return re.findall(r"<b>(.*?)</b><br>", view.photos)


def row(photo, points=MEAN, model=""):
    return answer_row(photo, model, [Face((0, 0, 96, 96), points, np.zeros((96, 96), np.uint8))])


def test_the_photos_come_worst_first_and_the_sentence_names_the_worst_and_the_point(put):
    files = [put("little.png", 1), put("much.png", 4), put("some.png", 2)]
    view = answer(files)
    assert names(view) == ["much.png", "some.png", "little.png"]
    mean, nose = 100 * 4 / OCULAR, 100 * 4 * 2**0.5 / OCULAR
    differ = f"{(14 * mean + nose) / 15:.1f}% of the eye distance, most at the nose tip ({nose:.1f}%)"
    assert f"disagree most in <b>much.png</b>: {differ}." in view.status and f"differ by {differ}" in view.photos
    *running, _ = batch.answer_files([STILL, MOVED], files, lambda: True, whole=True)
    assert names(running[1]) == ["little.png"], "the order while it runs is that of the files"


def test_with_one_model_the_order_is_by_its_error_then_by_its_uncertainty(put):
    files = [put("a.png", 0), put("b.png", 1), put("c.png", 2), put("c.pts", to_pts(MEAN)), put("b.pts", to_pts(MEAN))]
    view = answer(files, Drawn("one", 1, spread=0.358))
    assert names(view) == ["c.png", "b.png", "a.png"] and "disagree" not in view.status
    assert "<b>one is off by 4.3% of the eye distance</b>, on average of 2 faces" in view.status
    assert view.photos.count("1.0%") == 3, "uncertainty, in % of the eye distance"
    assert names(answer(files[:3], STILL)) == ["a.png", "b.png", "c.png"], "nothing to sort by"


@pytest.mark.parametrize("kind", ["pts", "csv", "json", "keypoints"])
def test_true_points_in_each_kind_of_file_give_each_models_error_and_the_closer_one(put, kind):
    files = [put("IMG 1.png", 2), put("two.png", 4)]
    if kind == "pts":
        files += [put("img 1.PTS", to_pts(MEAN)), put("two.pts", to_pts(MEAN))]
    elif kind == "keypoints":  # Compare's download, renamed: its photo is "photo", and it has the models' answers too
        rows = [row("photo", MEAN + 30, "still"), row("photo", MEAN, BY_HAND)]
        files += [put("IMG 1.csv", rows), put("two.json", rows)]
    else:
        files.append(put(f"true.{kind}", [row("/home/me/IMG 1.png"), row("two.png")]))
    view = answer(files)
    errors = [100 * n * (14 + 2**0.5) / 15 / OCULAR for n in (2, 4)]
    assert (
        f"<b>still is closer: 0.0% of the eye distance, against {sum(errors) / 2:.1f}% (moved)</b>, "
        "on average of 2 faces with true points." in view.status
    )
    (second, first) = re.findall(r"moved</th>\s*<td>(.*?)</td>", view.photos)
    assert [first, second] == [f"{error:.1f}%" for error in errors] and "left out" not in view.status


def test_with_more_models_the_closest_is_named_first(put):
    files = [put("a.png", 2), put("a.pts", to_pts(MEAN))]
    status = answer(files, MOVED, Drawn("worse", 2), STILL).status
    assert re.search(r"still is closest: 0.0% .* against 5.7% \(moved\) and 11.5% \(worse\)</b>", status)


def test_points_that_fit_no_photo_or_no_face_or_cannot_be_read_are_named_in_one_sentence(put):
    files = [put("a.png", 1), put("far.png", 1), put("a.pts", to_pts(MEAN)), put("far.pts", to_pts(MEAN + 500))]
    files += [put("lost.pts", to_pts(MEAN)), put("bad.csv", "x,y\n1,2\n"), put("notes.txt", "x")]
    files.append(put("points.csv", [row("a.png", MEAN, "still"), row("a.png", MEAN, "moved")]))
    status = answer(files).status
    (sentence,) = re.findall(r"<p class=\"reason\">True points left out: (.*?)</p>", status)
    assert "lost.pts (no such photo here), bad.csv: the header lacks left_eye_center_x" in sentence
    assert "a.png (which of several models&#39; points are true?)" in sentence
    assert sentence.endswith("far.png (no face was found there).") and "on average of 1 face " in status
    assert "Files skipped, since not photos: 1 file, notes.txt" in status


def test_in_a_zip_points_go_to_the_photo_in_their_folder(put, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for folder, move in (("x", 0), ("y", 3)):
            archive.write(put("1.png", 3), f"{folder}/1.png")
            archive.writestr(f"{folder}/1.pts", to_pts(MEAN + [move, 0]))
    view = answer([str(tmp_path / "a.zip")])
    errors = dict(zip(names(view), re.findall(r"still</th>\s*<td>(.*?)</td>", view.photos), strict=True))
    assert errors == {"x/1.png": "0.0%", "y/1.png": "8.4%"}


def test_the_files_hold_every_model_and_the_picture_their_points(put):
    files = [put("a.png", 20), put("broken.jpg", "no picture"), put("a.pts", to_pts(MEAN + [10, 0]))]
    view = answer(files)
    rows = json.loads((view.folder / "points.json").read_text())
    assert [(each["photo"], each["model"], len(each["faces"])) for each in rows] == [
        ("a.png", "still", 1), ("a.png", "moved", 1), ("broken.jpg", "still", 0), ("broken.jpg", "moved", 0),
    ]  # fmt: skip
    assert pd.read_csv(view.folder / "points.csv")["model"].tolist() == ["still", "moved"] * 2
    picture = Image.open(view.folder / "001.jpg")
    assert picture.size == (560, 463)
    mouth = MEAN[NAMES.index("mouth_center_bottom_lip")]
    scale = 560 / 116
    red, blue = (picture.getpixel((round((mouth[0] + move) * scale), round(mouth[1] * scale))) for move in (0, 20))
    assert red[0] > blue[0] + 60 and blue[2] > red[2] + 60
    white = [np.asarray(Image.open(one.folder / "001.jpg")).min(2) > 200 for one in (view, answer(files[:2]))]
    assert white[0].sum() > 500 and not white[1].any(), "crosses at the true points"


def test_a_card_shows_the_face_on_which_the_models_differ_most(put, monkeypatch):
    boxes = [(0, 0, 40, 40), (50, 50, 90, 90)]
    monkeypatch.setattr(batch, "whole_photo", lambda photo: [FaceBox(box, 1.0) for box in boxes])
    monkeypatch.setattr(Drawn, "on_photos", lambda self, photos, boxes, precise=False: [
        Face(box.box, MEAN + np.float32([self.move * box.box[0], 0]), np.zeros((96, 96), np.uint8)) for box in boxes
    ])  # fmt: skip
    shown = []
    monkeypatch.setattr(batch, "draw_comparison", lambda photo, _, box, size: shown.append(box) or photo)
    view = answer([put("two.png", 0)])
    assert shown[0].box == boxes[1] and "Of its 2 faces, this one is shown." in view.photos


def test_no_name_of_a_file_or_model_is_html(put, tmp_path):
    evil = "<img src=x onerror=alert(1)>\"'&"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(put("1.png", 1), f"{evil}.png")
        archive.writestr("bad.jpg<b>.png", "x")
        archive.writestr(f"{evil}lost.pts", to_pts(MEAN))
        archive.writestr(f"{evil}.pts", to_pts(MEAN))
    *views, last = batch.answer_files([Drawn(evil, 0), MOVED], [str(tmp_path / "a.zip")], lambda: True, whole=True)
    for text in (each for view in (*views, last) for each in view[:2]):
        assert "<img src=x" not in text and "<b>.png" not in text
    assert last.photos.count("&lt;img src=x onerror=alert(1)&gt;") >= 2 and "left out" in last.status


def test_more_files_of_points_than_photos_fit_a_batch_are_refused(put, monkeypatch):
    monkeypatch.setattr(sources, "MOST_PHOTOS", 2)
    files = [put("a.png", 1), *(put(f"{n}.pts", to_pts(MEAN)) for n in range(3))]
    assert "1 photos and 3 files of points" in answer(files).status and "closer" not in answer(files[:3]).status
    assert "found no photo" in answer(files[1:3]).status
