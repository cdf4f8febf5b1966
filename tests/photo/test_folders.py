import itertools
import os

import pytest

from fkd.photo.folders import Shard, walk_photos


def names(folder, *rest):
    return [path.relative_to(folder).as_posix() for path in walk_photos([folder], *rest)]


def test_photos_are_listed_from_folders_and_those_below_in_order(tmp_path):
    for name in ("b.jpg", "a.PNG", "_c.heic", "notes.txt", ".hidden.jpg", "in/deep/d.webp", "in/e.jpg", ".cache/f.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    assert names(tmp_path) == ["_c.heic", "a.PNG", "b.jpg", "in/deep/d.webp", "in/e.jpg"]
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


def test_shards_are_disjoint_complete_and_the_same_wherever_the_folder_is(tmp_path):
    for number in range(300):
        (tmp_path / "a" / str(number % 3)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / str(number % 3) / f"{number}.jpg").touch()
    shards = [names(tmp_path / "a", Shard(number, 7)) for number in range(1, 8)]
    assert sorted(itertools.chain(*shards)) == sorted(names(tmp_path / "a")) and min(map(len, shards)) > 20
    (tmp_path / "a").rename(tmp_path / "elsewhere")
    assert names(tmp_path / "elsewhere", Shard.parse("3/7")) == shards[2]


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "-1/4", "a/b", "1/0", "1/2/3"])
def test_a_shard_that_is_none_is_said(text):
    with pytest.raises(ValueError, match="expected the first of eight as 1/8"):
        Shard.parse(text)
