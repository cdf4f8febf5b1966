import itertools
import json
import os
import tempfile
import time
import weakref
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES
from PIL import Image

from fkd.errors import FkdError
from fkd.page import batch as page_batch
from fkd.photo import decoder, many_photos, predict
from fkd.photo import sources as listing
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.face import FaceBox
from fkd.photo.many_photos import FOUND_AHEAD, answer_photos
from fkd.photo.predict import TOGETHER
from fkd.photo.reading import read_photo
from fkd.photo.sources import Source, drawing_names, find_photos, list_sources
from fkd.zips import open_zip

GRACE = EXAMPLES / "grace_hopper.jpg"
PHOTO = GRACE.read_bytes()


def pack(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def faces_of(answered):
    """The faces in a photo that one detector answered."""
    return next(iter(answered.comparison.answers.values())) if answered.comparison else []


def test_photos_are_listed_from_folders_and_those_below_in_order(tmp_path):
    for name in ("b.jpg", "a.PNG", "_c.heic", "notes.txt", ".hidden.jpg", "in/deep/d.webp", "in/e.jpg", ".cache/f.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    names = [source.inside for source in find_photos([tmp_path])]
    assert names == ["_c.heic", "a.PNG", "b.jpg", "in/e.jpg", "in/deep/d.webp"]
    os.mkfifo(tmp_path / "pipe")
    files = [Path(source.name).name for source in find_photos([tmp_path / "pipe", tmp_path / "in"])]
    assert files == ["pipe", "e.jpg", "d.webp"]
    (tmp_path / "empty").mkdir()
    for path, said in ((tmp_path / "empty", "has no photos"), (tmp_path / "nowhere", "does not exist")):
        with pytest.raises(FkdError, match=said):
            list(find_photos([tmp_path, path]))


def test_photos_of_files_and_zips_are_answered_in_order_and_bad_ones_are_said(tmp_path, tiny_checkpoint):
    inside = {
        "b/one.jpg": PHOTO,
        "__MACOSX/b/._one.jpg": b"",
        "notes.txt": b"",
        "b/cut.jpg": PHOTO[:150],
        "b/half.jpg": PHOTO[:30000],
    }
    (tmp_path / "bad.zip").write_bytes(b"PK no")
    files = [EXAMPLES / "eileen_collins.png", pack(tmp_path / "more.zip", inside), tmp_path / "bad.zip"]
    assert [source.name for source in find_photos(files)] == [
        str(files[0]), f"{files[1]}/b/one.jpg", f"{files[1]}/b/cut.jpg", f"{files[1]}/b/half.jpg", str(files[2])
    ]  # fmt: skip
    sources = list_sources(files)
    assert [source.name for source in sources] == [
        "eileen_collins.png",
        "b/one.jpg",
        "b/cut.jpg",
        "b/half.jpg",
        "bad.zip",
    ]
    first, second, third, half, fourth = answer_photos([CheckpointDetector.read(tiny_checkpoint)], sources)
    assert len(faces_of(first)) == len(faces_of(second)) == 1 and not first.problem and second.photo.size == (512, 600)
    assert third.photo is None and "b/cut.jpg is damaged" in third.problem
    assert half.photo and "b/half.jpg ends early: a part" in half.note and not second.note
    assert "bad.zip is a damaged zip" in fourth.problem


def test_the_limits_of_a_batch_are_said(tmp_path, monkeypatch):
    (one,) = list_sources([pack(tmp_path / "one.zip", {"a.jpg": PHOTO})])
    monkeypatch.setattr(listing, "MOST_FILE_BYTES", 1000)
    with pytest.raises(FkdError, match="a.jpg unpacks to more than"):
        one.read()
    with pytest.raises(FkdError, match="found no photo"):
        list_sources([pack(tmp_path / "none.zip", {"a.txt": b""})])


@pytest.mark.parametrize(
    ("offset", "value"), [(100, bytes(300)), (6, b"\1"), (8, b"\x63")]
)  # damaged, encrypted, unknown
def test_a_member_that_cannot_be_unpacked_leaves_the_others(offset, value, tmp_path):
    path = pack(tmp_path / "a.zip", {"bad.jpg": PHOTO, "good.jpg": PHOTO}, zipfile.ZIP_LZMA)
    content = bytearray(path.read_bytes())
    content[offset : offset + len(value)] = value
    if offset < 30:  # the header is repeated in the table of contents
        at = content.index(b"PK\1\2") + offset + 2
        content[at : at + 1] = value
    path.write_bytes(content)
    bad, good = list_sources([path])
    with pytest.raises(FkdError, match="^bad.jpg cannot be unpacked.*$"):
        bad.read()
    assert good.read().size == (512, 600)


def test_a_zip_of_a_hundred_thousand_members_is_refused_at_once(tmp_path):
    (source,) = list_sources([pack(tmp_path / "many.zip", dict.fromkeys(map(str, range(100_000)), b""))])
    with pytest.raises(FkdError, match="many.zip is a damaged zip .its table of contents is longer than 2 MB"):
        source.read()


def test_names_lead_nowhere_and_fit_a_line(tmp_path):
    names = ["../../up.jpg", "/etc/a.jpg", "..\\..\\b.jpg", "two\nlines\x1b[31m.jpg", "x" * 5000 + ".jpg"]
    sources = list_sources([pack(tmp_path / "a.zip", dict.fromkeys(names, b"no picture"))])
    assert [s.name for s in sources[:4]] == ["up.jpg", "etc/a.jpg", "b.jpg", "two lines [31m.jpg"]
    assert len(sources[4].name) <= 100
    for source in sources:
        with pytest.raises(FkdError, match="is not a readable image") as error:
            source.read()
        assert str(error.value).isprintable()


def test_a_zip_named_a_thousand_times_is_opened_a_few(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(listing, "open_zip", lambda *given: opened.append(1) or open_zip(*given))
    path = pack(tmp_path / "a.zip", {f"{number}.jpg": b"" for number in range(100)})
    with pytest.raises(FkdError, match="300 photos .* more than one batch takes .200 photos"):
        list_sources([path] * 1000)
    assert len(opened) == 3


def boxes_of(photo):
    """One face for each pixel of the width beyond 100; every third one is weak."""
    rng = np.random.default_rng(photo.width)
    corners = rng.uniform(0, 30, (photo.width - 100, 2))
    return [FaceBox((x, y, x + 60, y + 60), -0.5 if number % 3 == 2 else 1.0) for number, (x, y) in enumerate(corners)]


def noise(faces: int) -> Source:
    pixels = np.random.default_rng(faces).integers(0, 256, (100, 100 + faces, 3), np.uint8)
    return Source(f"{faces}.png", 0, partial(Image.fromarray, pixels))


BAD = Source("bad.jpg", 0, partial(read_photo, EXAMPLES / "README.md", "bad.jpg"))


def test_answers_are_those_of_one_photo_after_the_other(tiny_checkpoint, monkeypatch):
    detector = CheckpointDetector.read(tiny_checkpoint)
    sources = [noise(1), noise(0), BAD, noise(4), noise(1), noise(5)]
    weak = [detector.on_photos([photo], boxes_of(photo)[2:3])[0].doubt for photo in (noise(4).read(), noise(5).read())]
    monkeypatch.setattr(predict, "CONFIRMED", sum(weak) / 2)  # one of the two is confirmed
    monkeypatch.setattr(predict, "TOGETHER", 4)  # with faces of a photo in two batches
    answers = list(answer_photos([detector], sources, find=boxes_of))
    assert [answered.name for answered in answers] == [source.name for source in sources]
    assert [len(faces_of(answered)) for answered in answers].count(0) == 2 and sum(
        len(faces_of(a)) for a in answers
    ) == 10
    assert answers[2].problem == "bad.jpg is not a readable image: use a JPEG, PNG, WebP or HEIC file"
    for source, answered in zip(sources, answers, strict=True):
        alone = [] if source is BAD else predict.predict(detector, source.read(), find=boxes_of)
        for ours, other in zip(faces_of(answered), alone, strict=True):
            assert ours.box == other.box
            np.testing.assert_allclose(ours.points, other.points, atol=0.02)
            np.testing.assert_allclose(ours.spread, other.spread, atol=0.02)


def test_faces_of_many_photos_go_through_the_network_together(evaluated):
    batches = []

    class Counted(CheckpointDetector):
        def on_photos(self, photos, boxes, precise=False):
            batches.append(len(boxes))
            return super().on_photos(photos, boxes, precise)

    list(answer_photos([Counted.read(evaluated)], [noise(1)] * 2 * TOGETHER, find=boxes_of))
    assert batches == [TOGETHER, TOGETHER]
    list(answer_photos([Counted.read(evaluated)], [noise(1), noise(20), noise(5)], find=boxes_of))
    assert max(batches) <= TOGETHER, "a crowd is more than one batch"


def test_photos_are_kept_only_until_their_faces_fill_a_batch(evaluated, monkeypatch):
    detector = CheckpointDetector.read(evaluated)

    def most_in_memory(source, count):
        read, most = [], [0]

        def watched():
            photo = source.read()
            read.append(weakref.ref(photo))
            most.append(sum(photo() is not None for photo in read))
            return photo

        for _ in answer_photos([detector], itertools.repeat(Source("a", 0, watched), count), find=boxes_of):
            pass
        return max(most)

    assert most_in_memory(noise(1), 3 * TOGETHER) <= TOGETHER + FOUND_AHEAD + 1
    monkeypatch.setattr(many_photos, "MAX_WAITING", 3 * 100 * 100)
    assert most_in_memory(noise(0), 30) <= 3 + FOUND_AHEAD + 1, "photos without a face, or large ones, pile up"


def test_one_photo_that_no_answer_comes_for_leaves_the_others(evaluated):
    class Fails(CheckpointDetector):
        def on_photos(self, photos, boxes, precise=False):
            if any(photo.width == 104 for photo in photos):
                raise FkdError("a similarity needs two different points on both sides")
            return super().on_photos(photos, boxes, precise)

    answers = list(answer_photos([Fails.read(evaluated)], [noise(1), BAD, noise(4), noise(2)], find=boxes_of))
    assert [answered.problem[:12] for answered in answers] == ["", "bad.jpg is n", "a similarity", ""]
    assert faces_of(answers[0]) and faces_of(answers[-1])


def test_the_page_writes_the_points_and_ends_with_what_it_has_when_stopped(tmp_path, monkeypatch, tiny_checkpoint):
    monkeypatch.setattr(page_batch, "new_folder", lambda: Path(tempfile.mkdtemp(dir=tmp_path)))
    *_, last = page_batch.answer_files([CheckpointDetector.read(tiny_checkpoint)], [str(GRACE)] * 4, lambda: True)
    points = json.loads((last.folder / "points.json").read_text())
    assert "4 faces" in last.status and len(points) == 4 and (last.folder / "points.csv").exists()
    assert last.photos.count("<img") == 4
    *_, last = page_batch.answer_files([CheckpointDetector.read(tiny_checkpoint)], [str(GRACE)] * 4, lambda: False)
    assert "Stopped after 1 of 4 photos" in last.status and last.folder
    Image.new("L", (90, 80), 128).save(tmp_path / "cropped.png")
    detector, files = CheckpointDetector.read(tiny_checkpoint), [str(tmp_path / "cropped.png")]
    for whole, faces in ((False, "0 faces"), (True, "1 face")):
        *_, last = page_batch.answer_files([detector], files, lambda: True, whole)
        assert f"<b>{faces}</b> in 1 photo" in last.status
    assert json.loads((last.folder / "points.json").read_text())[0]["faces"][0]["box"] == [-0.5, -0.5, 89.5, 79.5]


def test_a_batch_never_waits_for_the_room_that_it_takes_itself(tmp_path, monkeypatch, tiny_checkpoint):
    """The real limits, scaled down: 128 megapixels in all, 40 waiting, photos of 64 (GRACE) and 31."""
    monkeypatch.setattr(decoder, "MAX_MEGAPIXELS", 0.62)
    monkeypatch.setattr(decoder, "MAX_WAIT", 4)
    monkeypatch.setattr(many_photos, "MAX_WAITING", 190_000)
    monkeypatch.setattr(page_batch, "new_folder", lambda: Path(tempfile.mkdtemp(dir=tmp_path)))
    Image.open(GRACE).resize((356, 417)).save(tmp_path / "b.jpg")
    files, detector = [str(GRACE), str(tmp_path / "b.jpg")] * 5, CheckpointDetector.read(tiny_checkpoint)
    *_, last = page_batch.answer_files([detector], files, lambda: True)
    assert "in 10 photos" in last.status and "waited" not in last.status
    start = time.monotonic()
    *_, last = page_batch.answer_files([detector], [str(GRACE)] * 9, lambda: False)
    assert "Stopped after 1 of 9 photos" in last.status and time.monotonic() - start < 3


def test_endings_decide_what_a_photo_is_and_other_files_are_named(tmp_path):
    inside = {name: PHOTO for name in ("a.jfif", "b.JPE")} | {"d.txt": PHOTO, "e.txt": b"text", ".g.jpg": PHOTO}
    for name, content in inside.items():
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    packed = pack(tmp_path / "a.zip", inside)
    for sources in (find_photos, list_sources):
        skipped = []
        found = list(sources([packed] if sources is list_sources else [packed, tmp_path / "in"], skipped))
        assert [Path(source.name).name for source in found] == ["a.jfif", "b.JPE"] * (len(found) // 2)
        assert [Path(name).name for name in skipped] == ["d.txt", "e.txt"] * (len(found) // 2)
        assert all(source.read().size == (512, 600) for source in found)
    skipped = []
    assert len(list_sources([*(tmp_path / "in").iterdir()], skipped)) == 2
    assert sorted(skipped) == [".g.jpg", "d.txt", "e.txt"]


def test_names_in_utf_8_are_read_as_such_without_the_zips_flag_for_it(tmp_path):
    path = pack(tmp_path / "a.zip", dict.fromkeys(["AAAAAAA.jpg", "BBB.jpg", "oldC.jpg"], PHOTO))
    content = path.read_bytes().replace(b"AAAAAAA", "Zoëüo".encode())
    content = content.replace(b"BBB", "\u3042".encode()).replace(b"oldC", b"old\x82")
    path.write_bytes(content)
    assert [source.name for source in list_sources([path])] == ["Zoëüo.jpg", "\u3042.jpg", "oldé.jpg"]


def test_names_that_differ_in_normal_form_alone_have_two_drawings():
    sources = [Source(name, 0, Image.Image, name) for name in ("Zo\u00eb.jpg", "Zoe\u0308.jpg")]  # macOS decomposes
    assert list(drawing_names(sources).values()) == ["Zo\u00eb.png", "Zoe\u0308-2.png"]
