"""The photos of files, folders and zips, and the files of true points among them, not yet read."""

import io
import itertools
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import normalize

import numpy as np
from PIL import Image

from fkd.errors import FkdError
from fkd.files import counted, one_line, open_regular
from fkd.photo.decoder import read_apart
from fkd.photo.point_files import BY_HAND, MAX_BYTES, READERS, read_named_points
from fkd.photo.reading import MOST_FILE_BYTES, PHOTOS, read_photo
from fkd.zips import open_member, open_zip

MOST_PHOTOS, MOST_BYTES = 200, 500_000_000  # of one batch on the page; bytes as unpacked
MOST_FACES = 100  # of one photo on the page
MOST_NAMES = 10  # of skipped files, in a message

POINTS = tuple(READERS)  # endings of files of points
Reader = Callable[..., Image.Image]  # `read_photo` or another


@dataclass(frozen=True)
class Source:
    """A photo that has not been read: its name, its size in bytes, how to read it, its path below the folder given."""

    name: str
    size: int
    read: Callable[[], Any]
    inside: str = ""


def find_photos(paths: Sequence[Path | str], skipped: list[str] | None = None) -> Iterator[Source]:
    """Yield the photos of files, folders and zips, named by their paths; a damaged zip is a photo that is damaged.

    In a folder by name, then those below it. Skips hidden files and folders, and links to folders; the names of other
    files without a photo's ending are added to `skipped`. Raises FkdError for a missing path or a folder without
    photos.
    """
    skipped = [] if skipped is None else skipped
    for top in map(Path, paths):
        if not top.exists():
            raise FkdError(f"{top} does not exist")
        name = str(top).encode(errors="backslashreplace").decode()  # a file's name may not be valid Unicode
        if top.suffix.lower() == ".zip":
            for source in _in_zip(top, skipped, read_photo, PHOTOS):
                yield replace(source, name=f"{name}/{source.inside}" if source.inside else name)
        elif top.is_dir():
            yield from _in_folder(top, skipped)
        else:
            yield Source(name, top.stat().st_size, partial(read_photo, top), top.name)


def list_sources(files: Sequence[Path | str], skipped: list[str] | None = None) -> list[Source]:
    """The photos of a visitor, then the files of points: without folders, MOST_PHOTOS of each, MOST_BYTES together."""
    sources: list[Source] = []
    skipped = [] if skipped is None else skipped
    for file in map(Path, files):
        if file.suffix.lower() == ".zip":
            sources += _in_zip(file, skipped, _read, PHOTOS + POINTS)
        elif file.name.lower().endswith(PHOTOS + POINTS) and not _is_hidden(file.name):
            sources.append(Source(_harmless(file.name), file.stat().st_size, partial(_read, file)))
        else:
            skipped.append(one_line(file.name))
        size = sum(source.size for source in sources)
        points = sum(_is_points(source.name) for source in sources)
        number = len(sources) - points
        if max(number, points) > MOST_PHOTOS or size > MOST_BYTES:  # a request may repeat one zip
            most = f"{MOST_PHOTOS} photos and as many files of points, {MOST_BYTES / 1e6:.0f} MB"
            total = f"{number:,} photos and {points:,} files of points, {size / 1e6:,.0f} MB,"
            raise FkdError(f"{total} are more than one batch takes ({most}): split them")
    if not number:
        raise FkdError(f"found no photo ({', '.join(PHOTOS)}) among these files")
    return sorted(sources, key=lambda source: _is_points(source.name))


def drawing_names(sources: Iterable[Source]) -> dict[str, str]:
    """A name for the drawing of each photo, by its name: below the same folders, and no two alike on any system."""
    names: dict[str, str] = {}
    taken = set[str]()
    for source in sources:
        if source.name not in names:
            stem = PurePosixPath(source.inside).with_suffix("")
            numbered = itertools.chain([f"{stem}.png"], (f"{stem}-{number}.png" for number in itertools.count(2)))
            name = next(name for name in numbered if normalize("NFC", name.casefold()) not in taken)
            taken.add(normalize("NFC", name.casefold()))
            names[source.name] = name
    return names


def skipped_note(skipped: Sequence[str]) -> str:
    """How many files were skipped, with the first names; empty if none was."""
    names = ", ".join(PurePosixPath(name).name for name in skipped[:MOST_NAMES])
    more = f" and {len(skipped) - MOST_NAMES:,} more" if len(skipped) > MOST_NAMES else ""
    return f"skipped, since not photos: {counted(len(skipped), 'file')}, {names}{more}" if skipped else ""


def read_truth(sources: Sequence[Source]) -> tuple[dict[str, list[np.ndarray]], list[str]]:
    """The true points by photo, whose name has the same stem and folders; and what was left out, in words."""
    truth: dict[str, list[np.ndarray]] = {each.name: [] for each in sources if not _is_points(each.name)}
    paths = {name: _path(name) for name in truth}
    left_out: list[str] = []
    for source in (each for each in sources if _is_points(each.name)):
        try:
            faces = source.read()
        except FkdError as error:
            left_out.append(str(error))
            continue
        models = {model for _, model, _ in faces}
        for name, model, points in faces:
            path = _path(name)
            fitting = [each for each, own in paths.items() if own.endswith(path) or path.endswith(own)]
            if len(models) > 1 and BY_HAND not in models:
                left_out.append(f"{one_line(name)} (which of several models' points are true?)")
            elif not fitting:
                left_out.append(f"{one_line(name)} (no such photo here)")
            elif model == BY_HAND or BY_HAND not in models:
                for each in fitting:
                    truth[each] = [*truth[each], points][:MOST_FACES]
    return truth, list(dict.fromkeys(left_out))


def _path(name: str) -> str:
    """A photo's path without its ending, however a system or a spreadsheet's guard spells it."""
    return "/" + re.sub(r"\.\w+$", "", normalize("NFC", name.casefold()).lstrip("'").replace("\\", "/"))


def _in_folder(top: Path, skipped: list[str]) -> Iterator[Source]:
    is_empty = True
    for parent, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(parent, name) for name in sorted(names) if not _is_hidden(name)):
            if path.name.lower().endswith(PHOTOS):
                is_empty = False
                name = str(path).encode(errors="backslashreplace").decode()
                yield Source(name, path.stat().st_size, partial(read_photo, path), path.relative_to(top).as_posix())
            else:
                skipped.append(one_line(path))
    if is_empty:
        raise FkdError(f"{top} has no photos ({', '.join(PHOTOS)})")


def _in_zip(path: Path, skipped: list[str], read: Reader, endings: tuple[str, ...]) -> Iterator[Source]:
    """The files in a zip with these endings, named by their paths in it; one that cannot be read if it is damaged."""
    try:
        with open_regular(path, MOST_BYTES) as file, open_zip(file, one_line(path.name)) as archive:
            members = [each for each in archive.infolist() if not (each.is_dir() or _is_hidden(_name_of(each)))]
    except FkdError as error:
        yield Source(_harmless(path.name), 0, partial(_fail, error))
        return
    for member in members:
        name = _harmless(_name_of(member)) or "photo"
        if _name_of(member).lower().endswith(endings):
            yield Source(name, member.file_size, partial(_read_member, path, member, name, read), name)
        else:
            skipped.append(name)


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts)


def _name_of(member: zipfile.ZipInfo) -> str:
    """A member's name, by UTF-8 if its bytes are, though macOS and others do not set the flag for it."""
    if not member.flag_bits & 0x800:
        with suppress(UnicodeError):
            return member.filename.encode("cp437").decode()
    return member.filename


def _harmless(name: str) -> str:
    """A name without folders above it and control characters."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return one_line("/".join(part for part in parts if part not in ("/", "//", "..")))


def _is_points(name: str) -> bool:
    return name.lower().endswith(POINTS)


def _read(file: Path | io.BytesIO, name: str = "") -> Any:
    """Read a photo, or a file of points."""
    name = name or str(getattr(file, "name", ""))
    if not _is_points(name):
        return read_apart(file, name)
    with open_regular(file, MAX_BYTES) if isinstance(file, Path) else io.BufferedReader(file) as opened:
        return read_named_points(opened, name)


def _fail(error: FkdError) -> Image.Image:
    raise error


def _read_member(path: Path, member: zipfile.ZipInfo, name: str, read: Reader) -> Any:
    with (
        open_regular(path, MOST_BYTES) as file,
        open_zip(file, name) as archive,
        open_member(archive, member, MAX_BYTES if _is_points(name) else MOST_FILE_BYTES, name) as opened,
    ):
        return read(io.BytesIO(opened.read()), name)
