"""The photos in folders of any size, one path after the other, and the shards that they are split into."""

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fkd.photo.reading import PHOTOS


@dataclass(frozen=True)
class Shard:
    """The `number`-th, from 1, of `of` parts that share the photos out by their paths."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard that "2/8" names; raises ValueError with what was expected."""
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise ValueError(f"--shard is {text!r}, expected the first of eight as 1/8 and the last as 8/8")
        return cls(int(number), int(of))

    def has(self, path: str) -> bool:
        """Whether a path within its folder belongs to it: the same on every machine, wherever the folder is mounted."""
        return zlib.crc32(os.fsencode(path)) % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def walk_photos(paths: Sequence[Path | str], shard: Shard = Shard()) -> Iterator[Path]:
    """The photos named, and those in the folders named and below, in order of name; only those of a shard.

    Only the names of one folder at a time are in memory. What is hidden is left out, and folders that are links.
    Raises ValueError, at once, for a path that does not exist or a folder without photos.
    """
    for path in map(Path, paths):
        if not path.exists():
            raise ValueError(f"{path} does not exist")
        if path.is_dir() and next(_walk(path, ""), None) is None:
            raise ValueError(f"{path} holds no photos ({', '.join(PHOTOS)})")
    return _sharded(paths, shard)


def _sharded(paths: Sequence[Path | str], shard: Shard) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from (path / name for name in _walk(path, "") if shard.has(name))
        elif shard.has(path.name):
            yield path


def _walk(folder: Path, below: str) -> Iterator[str]:
    """The photos in a folder, as paths from it with / between their parts."""
    for name in sorted(os.listdir(folder / below)):
        path = f"{below}{name}"
        if name.startswith("."):
            continue
        if os.path.splitext(name)[1].lower() in PHOTOS:
            yield path
        elif os.path.isdir(folder / path) and not os.path.islink(folder / path):
            yield from _walk(folder, f"{path}/")
