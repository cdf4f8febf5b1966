import json
import tempfile
import threading
import weakref
import zipfile
from pathlib import Path

import pytest
from conftest import EXAMPLES
from PIL import Image

from fkd.page import batch as page_batch
from fkd.photo import many_photos
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.face import FaceBox
from fkd.photo.many_photos import answer, list_sources
from fkd.photo.reading import read_photo
from fkd.zips import open_zip

PHOTO = (EXAMPLES / "grace_hopper.jpg").read_bytes()


def pack(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_photos_of_files_and_zips_are_answered_in_order_and_bad_ones_are_said(tmp_path, tiny_checkpoint):
    inside = {"b/one.jpg": PHOTO, "__MACOSX/b/._one.jpg": b"", "notes.txt": b"", "b/cut.jpg": PHOTO[:3000]}
    sources = list_sources([EXAMPLES / "eileen_collins.png", pack(tmp_path / "more.zip", inside)])
    assert [source.name for source in sources] == ["eileen_collins.png", "b/one.jpg", "b/cut.jpg"]
    first, second, third = answer(CheckpointDetector.read(tiny_checkpoint), sources)
    assert len(first.faces) == len(second.faces) == 1 and not first.problem and second.photo.size == (512, 600)
    assert third.photo is None and "b/cut.jpg is damaged" in third.problem


def test_limits_and_damaged_zips_are_said(tmp_path, monkeypatch, tiny_checkpoint):
    with pytest.raises(ValueError, match="there is no photo"):
        list_sources([pack(tmp_path / "none.zip", {"a.txt": b""})])
    (tmp_path / "bad.zip").write_bytes(b"PK no")
    with pytest.raises(ValueError, match="bad.zip is a damaged zip"):
        list_sources([tmp_path / "bad.zip"])
    bad, good = list_sources([tmp_path / "bad.zip", EXAMPLES / "grace_hopper.jpg"])
    assert "bad.zip is a damaged zip" in bad.problem and not good.problem
    many = pack(tmp_path / "many.zip", {f"{n}.jpg": b"x" for n in range(201)})
    with pytest.raises(ValueError, match="201 photos .* more than one batch takes .200 photos"):
        list_sources([many])
    one = list_sources([pack(tmp_path / "one.zip", {"a.jpg": PHOTO})])
    monkeypatch.setattr(many_photos, "MOST_FILE_BYTES", 1000)
    (answered,) = answer(CheckpointDetector.read(tiny_checkpoint), one)
    assert "a.jpg unpacks to more than" in answered.problem


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, "encrypted", "unknown"])
def test_a_member_that_cannot_be_unpacked_leaves_the_others(method, tmp_path, tiny_checkpoint):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bad.jpg", PHOTO, method if isinstance(method, int) else zipfile.ZIP_STORED)
        archive.writestr("good.jpg", PHOTO)
        places = archive.infolist()[0].header_offset, archive.start_dir
    content = bytearray(path.read_bytes())
    if method == "encrypted":
        for at in (places[0] + 6, places[1] + 8):
            content[at] |= 1
    elif method == "unknown":
        for at in (places[0] + 8, places[1] + 10):
            content[at] = 99
    else:
        content[100:400] = bytes(range(30, 230)) + bytes(100)
    path.write_bytes(content)
    bad, good = answer(CheckpointDetector.read(tiny_checkpoint), list_sources([path]))
    assert "bad.jpg cannot be unpacked" in bad.problem and "\n" not in bad.problem
    assert good.faces and not good.problem


def test_a_zip_of_a_hundred_thousand_members_is_refused_at_once(tmp_path):
    pack(tmp_path / "many.zip", dict.fromkeys(map(str, range(100_000)), b""))
    with pytest.raises(ValueError, match="many.zip is a damaged zip .its table of contents is longer than 2 MB"):
        list_sources([tmp_path / "many.zip"])


def test_names_lead_nowhere_and_fit_a_line(tmp_path, tiny_checkpoint):
    names = ["../../up.jpg", "/etc/a.jpg", "..\\..\\b.jpg", "two\nlines\x1b[31m.jpg", "x" * 5000 + ".jpg"]
    sources = list_sources([pack(tmp_path / "a.zip", dict.fromkeys(names, b"no picture"))])
    assert [s.name for s in sources[:4]] == ["up.jpg", "etc/a.jpg", "b.jpg", "two lines [31m.jpg"]
    assert len(sources[4].name) <= 100
    for answered in answer(CheckpointDetector.read(tiny_checkpoint), sources):
        assert "is not a readable image" in answered.problem and answered.problem.isprintable()


def test_the_page_keeps_no_photo_and_writes_each_drawing_as_it_comes(tmp_path, monkeypatch, tiny_checkpoint):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page_batch, "new_folder", lambda: Path(tempfile.mkdtemp(dir=tmp_path)))
    photos, most = [], 0

    def watched(detector, sources):
        nonlocal most
        for answered in answer(detector, sources):
            photos.append(weakref.ref(answered.photo))
            yield answered
            del answered
            most = max(most, sum(photo() is not None for photo in photos))

    monkeypatch.setattr(page_batch, "answer", watched)
    files = [str(EXAMPLES / "grace_hopper.jpg")] * 4
    detector = CheckpointDetector.read(tiny_checkpoint)
    *_, last = page_batch._run(detector, files, threading.Event())
    assert most <= 1, "photos are kept while others are read"
    points = json.loads((last.folder / "points.json").read_text())
    assert "4 faces" in last.status and len(points) == 4 and (last.folder / "points.csv").exists()
    with zipfile.ZipFile(last.folder / "drawn.zip") as archive:
        assert archive.namelist() == [f"{n:03}-grace_hopper.jpg" for n in range(1, 5)]
        assert Image.open(archive.open("001-grace_hopper.jpg")).size == (512, 600)
    assert len(last.pictures) == 4


def test_a_zip_named_a_thousand_times_is_opened_a_few(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(many_photos, "open_zip", lambda *given: opened.append(1) or open_zip(*given))
    path = pack(tmp_path / "a.zip", {f"{number}.jpg": b"" for number in range(100)})
    with pytest.raises(ValueError, match="more than one batch takes"):
        list_sources([path] * 1000)
    assert len(opened) == 3


def test_of_a_photo_of_hundreds_the_largest_are_answered_for(tiny_checkpoint, monkeypatch):
    boxes = [FaceBox((0, 0, side, side), 9.0) for side in range(400, 200, -1)]
    monkeypatch.setattr(many_photos, "find_faces", lambda photo: boxes)
    (answered,) = answer(CheckpointDetector.read(tiny_checkpoint), list_sources([EXAMPLES / "grace_hopper.jpg"]))
    assert [face.box for face in answered.faces] == [box.box for box in boxes[: many_photos.MOST_FACES]]


def test_a_batch_that_is_stopped_ends_with_what_it_has(tiny_checkpoint):
    stop = threading.Event()
    stop.set()
    files = [str(EXAMPLES / "grace_hopper.jpg")] * 4
    *_, last = page_batch._run(CheckpointDetector.read(tiny_checkpoint), files, stop)
    assert "Stopped after 1 of 4 photos" in last.status and last.folder


def test_a_caller_may_stop(tiny_checkpoint, monkeypatch):
    read = []
    monkeypatch.setattr(many_photos, "read_photo", lambda *given: read.append(1) or read_photo(*given))
    answers = answer(CheckpointDetector.read(tiny_checkpoint), list_sources([EXAMPLES / "grace_hopper.jpg"] * 100))
    assert next(answers).faces
    answers.close()
    assert len(read) <= 2, "at most the next photo was read ahead"
