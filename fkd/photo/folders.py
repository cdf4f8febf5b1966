"""Photos in folders of any size, one path at a time."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fkd.errors import FkdError
from fkd.photo.reading import PHOTOS


def walk_photos(paths: Sequence[Path | str]) -> Iterator[Path]:
    """Yield the given photos, and those in and below the given folders, in order of name.

    Holds only the names of one folder at a time. Skips hidden files and folders, and links to folders.
    Raises FkdError, at once, for a path that does not exist or a folder without photos.
    """
    for path in map(Path, paths):
        if not path.exists():
            raise FkdError(f"{path} does not exist")
        if path.is_dir() and next(_walk(path, ""), None) is None:
            raise FkdError(f"{path} holds no photos ({', '.join(PHOTOS)})")
    return _photos(paths)


def _photos(paths: Sequence[Path | str]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from (path / name for name in _walk(path, ""))
        else:
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
