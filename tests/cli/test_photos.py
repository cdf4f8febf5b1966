import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from commands import fails, run
from conftest import EXAMPLES
from PIL import Image
from served import wait_until

from fkd.hub import reference
from fkd.photo import finder, many_photos
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.landmarks import LandmarkDetector
from fkd.photo.many_photos import Answered
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo

FACE = EXAMPLES / "grace_hopper.jpg"


def test_predict_writes_json_and_drawings(tmp_path, tiny_checkpoint):
    photos = [FACE, EXAMPLES / "eileen_collins.png"]
    run("predict", *photos, "--checkpoint", tiny_checkpoint, "--out", tmp_path / "p.json", "--draw", tmp_path / "d")
    found = json.loads((tmp_path / "p.json").read_text())
    assert [item["photo"] for item in found] == list(map(str, photos))
    assert [len(item["faces"]) for item in found] == [1, 1]
    assert set(found[0]) == {"photo", "model", "faces"} and set(found[0]["faces"][0]) == {"box", "points", "spread"}
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["eileen_collins.png", "grace_hopper.png"]
    assert Image.open(tmp_path / "d" / "grace_hopper.png").size == (512, 600)


def test_an_unreadable_photo_is_a_row_and_the_others_are_answered(tmp_path, evaluated):
    (tmp_path / "bad.jpg").write_bytes(b"x")
    said = run("predict", tmp_path / "bad.jpg", FACE, "--checkpoint", evaluated, "--out", tmp_path / "p.csv", status=1)
    assert "1 face in 2 photos" in said and "bad.jpg is not a readable image" in said
    table = pd.read_csv(tmp_path / "p.csv")
    assert table["error"].notna().tolist() == [True, False] and table["face"].tolist()[1] == 1


def test_options_that_cannot_be_used_are_refused(tmp_path, evaluated):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (40, 40)).save(tmp_path / folder / "x.jpg")
    predict = ["predict", tmp_path, "--checkpoint", evaluated, "--out", tmp_path / "p.json"]
    for device in ("tpu", "cuda:99"):
        assert f"device {device} is not available here" in fails(*predict, "--device", device)
    assert "expected a name that ends in .json, .csv, .parquet" in fails(*predict[:-1], tmp_path / "p.txt")


def test_precise_points_are_those_of_the_library(tmp_path):
    checkpoint = EXAMPLES.parent / "checkpoints" / "fcnn"
    detector, photo = CheckpointDetector.read(checkpoint), read_photo(FACE)
    (plain,), (precise,) = (predict(detector, photo, precise=how) for how in (False, True))
    run("predict", FACE, "--checkpoint", checkpoint, "--out", tmp_path / "p.json", "--precise")
    (face,) = json.loads((tmp_path / "p.json").read_text())[0]["faces"]
    points = np.array(list(face["points"].values()))
    apart = np.abs(precise.points - plain.points).max()  # px
    assert apart > 0.04 and np.abs(points - precise.points).max() < apart / 2


def test_a_run_is_resumed_as_precise_as_it_began(tmp_path, evaluated):
    detector = CheckpointDetector.read(evaluated)
    begun = {"model": detector.name, "sha256": detector.sha256, "precise": True}
    out = tmp_path / "p.json"
    out.with_name("p.json.part").write_text(json.dumps(begun) + "\n")
    again = ["predict", FACE, "--checkpoint", evaluated, "--out", out, "--resume"]
    assert "is of another run" in fails(*again) and not out.exists()
    assert "1 face in 1 photo" in run(*again, "--precise")
    before = out.stat().st_mtime_ns
    assert "p.json already exists; nothing to resume" in run(*again) and out.stat().st_mtime_ns == before


def test_a_detector_without_precise_answers_is_refused_before_the_first_photo(tmp_path, monkeypatch):
    shape = LandmarkDetector("shape", lambda image: image, "")
    monkeypatch.setattr(reference, "load", lambda name, device: shape)
    with pytest.raises(ValueError, match="shape has no precise answers"):
        run("predict", FACE, "--checkpoint", "x", "--out", tmp_path / "p.csv", "--precise")
    assert not list(tmp_path.iterdir())


def test_a_stopped_run_says_how_to_continue(tmp_path, evaluated, monkeypatch):
    def one_answer(detectors, sources, precise, find):
        yield Answered(sources[0].name)
        raise KeyboardInterrupt

    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    command = ["predict", tmp_path / "a.png", FACE, "--checkpoint", evaluated, "--out", tmp_path / "p.json"]
    with monkeypatch.context() as patched:
        patched.setattr(many_photos, "answer_photos", one_answer)
        assert "stopped; the same command with --resume continues" in run(*command, status=130)
    assert "1 face in 2 photos" in run(*command, "--resume")


@pytest.mark.slow
def test_a_killed_run_resumes_without_one_photo_twice_or_missing(tmp_path, evaluated):
    photos, out, journal = tmp_path / "photos", tmp_path / "p.json", tmp_path / "p.json.part"
    photos.mkdir()
    for number in range(150):
        (photos / f"{number:03}.jpg").write_bytes(FACE.read_bytes())
    again = ["predict", photos, "--checkpoint", evaluated, "--out", out, "--resume"]
    process = subprocess.Popen([sys.executable, "-m", "fkd", *again], cwd=EXAMPLES.parent, stderr=subprocess.DEVNULL)
    wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 20, 120)
    process.kill()
    process.wait()
    assert not out.exists() and 20 < journal.read_bytes().count(b"\n") < 150
    assert "150 faces in 150 photos" in run(*again)
    assert [row["photo"] for row in json.loads(out.read_text())] == sorted(map(str, photos.iterdir()))
    assert not journal.exists()


def test_a_bug_in_the_face_finder_ends_in_a_traceback_and_not_in_the_results(tmp_path, evaluated, monkeypatch):
    monkeypatch.setattr(finder, "detect", lambda pixels: np.zeros(3) + np.zeros(2))
    with pytest.raises(ValueError, match="could not be broadcast"):
        run("predict", FACE, "--checkpoint", evaluated, "--out", tmp_path / "faces.json")
    assert not any("broadcast" in path.read_text() for path in tmp_path.iterdir())


def test_drawings_are_in_the_folders_of_their_photos_and_none_replaces_another(tmp_path, evaluated):
    for name in ("anna/a.jpg", "anna/a.png", "ben/a.jpg", "ben/A.JPG", "notes.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "in" / name, "PNG") if "notes" not in name else None
    (tmp_path / "in" / "notes.txt").touch()
    photos = [tmp_path / "in", FACE, FACE]
    said = run("predict", *photos, "--checkpoint", evaluated, "--out", tmp_path / "p.json", "--draw", tmp_path / "d")
    drawn = sorted(path.relative_to(tmp_path / "d").as_posix() for path in (tmp_path / "d").rglob("*.png"))
    assert drawn == ["anna/a-2.png", "anna/a.png", "ben/A.png", "ben/a-2.png", "grace_hopper.png"]
    assert "skipped, since not photos: 1 file, notes.txt" in said


def test_whole_takes_each_photo_as_one_face(tmp_path, evaluated):
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png")
    command = ["predict", tmp_path / "a.png", "--checkpoint", evaluated, "--out", tmp_path / "p.json"]
    assert "0 faces in 1 photo" in run(*command)
    assert "1 face in 1 photo" in run(*command, "--whole", "--overwrite")
    (face,) = json.loads((tmp_path / "p.json").read_text())[0]["faces"]
    assert face["box"] == [-0.5, -0.5, 59.5, 39.5]
