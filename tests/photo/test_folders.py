import os

import pytest

from fkd.photo.folders import walk_photos


def test_photos_are_listed_from_folders_and_those_below_in_order(tmp_path):
    for name in ("b.jpg", "a.PNG", "_c.heic", "notes.txt", ".hidden.jpg", "in/deep/d.webp", "in/e.jpg", ".cache/f.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in walk_photos([tmp_path])]
    assert names == ["_c.heic", "a.PNG", "b.jpg", "in/deep/d.webp", "in/e.jpg"]
    os.mkfifo(tmp_path / "pipe")
    assert [path.name for path in walk_photos([tmp_path / "pipe", tmp_path / "in"])] == ["pipe", "d.webp", "e.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no photos"):
        walk_photos([tmp_path, tmp_path / "empty"])
    with pytest.raises(ValueError, match="does not exist"):
        walk_photos([tmp_path, tmp_path / "nowhere"])


def test_folders_are_opened_only_when_their_turn_comes(tmp_path, monkeypatch):
    for number in range(50):
        (tmp_path / f"{number:02}").mkdir()
        (tmp_path / f"{number:02}" / "a.jpg").touch()
    opened = []
    monkeypatch.setattr(os, "listdir", lambda folder, real=os.listdir: opened.append(folder) or real(folder))
    paths = walk_photos([tmp_path])
    next(paths)
    assert len(opened) <= 4
