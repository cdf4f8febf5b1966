import zipfile

import pytest
from conftest import EXAMPLES

from fkd import batch
from fkd.batch import answer, list_sources
from fkd.checkpoint import load_checkpoint

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
    first, second, third = answer(load_checkpoint(tiny_checkpoint), sources)
    assert len(first.faces) == len(second.faces) == 1 and not first.problem and second.photo.size == (512, 600)
    assert third.photo is None and "b/cut.jpg is damaged" in third.problem


def test_limits_and_damaged_zips_are_said(tmp_path, monkeypatch, tiny_checkpoint):
    with pytest.raises(ValueError, match="there is no photo"):
        list_sources([pack(tmp_path / "none.zip", {"a.txt": b""})])
    (tmp_path / "bad.zip").write_bytes(b"PK no")
    with pytest.raises(ValueError, match="bad.zip is a damaged zip"):
        list_sources([tmp_path / "bad.zip"])
    many = pack(tmp_path / "many.zip", {f"{n}.jpg": b"x" for n in range(201)})
    with pytest.raises(ValueError, match="201 photos .* more than one batch takes .200 photos"):
        list_sources([many])
    one = list_sources([pack(tmp_path / "one.zip", {"a.jpg": PHOTO})])
    monkeypatch.setattr(batch, "MOST_BYTES", 1000)
    (answered,) = answer(load_checkpoint(tiny_checkpoint), one)
    assert "unpacks to more than" in answered.problem


def test_a_caller_may_stop(tiny_checkpoint):
    answers = answer(load_checkpoint(tiny_checkpoint), list_sources([EXAMPLES / "grace_hopper.jpg"] * 100))
    assert next(answers).faces
    answers.close()
