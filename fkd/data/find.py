"""Find the competition's csv files in the layouts that people have: folders, zips, renamed downloads."""

import io
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from fkd.data.kaggle import BUNDLE, WHERE_TO_GET
from fkd.errors import FkdError
from fkd.files import one_line, open_regular
from fkd.zips import open_gzip, open_member, open_zip

MAX_BYTES = 1_000_000_000  # of a csv; the competition's training.csv has 240 MB
MAX_NESTED = 400_000_000  # bytes of a zip in a zip, which is unpacked into memory
MAX_DEPTH, MAX_ENTRIES, MAX_ZIPS = 2, 10_000, 20  # how far a folder is searched
ENDINGS = (".csv", ".csv.gz", ".csv.zip", ".zip")  # the first that exists is read


def find_csv(data: Path, stem: str) -> Path:
    """Finds STEM.csv: a csv, or a zip or gzip that holds it.

    `data` may be the file itself, or a folder with the file at most MAX_DEPTH folders below it. The exact name comes
    before a variant (another case, "STEM (1).csv"), and either before a zip of another name.

    Raises:
        FkdError: the file was not found; the message lists the folder's contents.
    """
    if data.is_file():
        if _rank(data.name, stem) is not None or (_is_zip(data) and _holds(data, stem)):
            return data
        raise FkdError(f"{one_line(data.name)} is neither {stem}.csv nor a zip that holds it: {WHERE_TO_GET}")
    if not data.is_dir():
        raise FkdError(f"{data} does not exist: {WHERE_TO_GET}")
    exact = next((path for ending in ENDINGS if (path := data / f"{stem}{ending}").is_file()), None)
    if exact:
        return exact
    files = list(_walk(data))
    if named := _best([path.relative_to(data).as_posix() for path in files], stem):
        return data / named
    zips = sorted((path for path in files if path.suffix.lower() == ".zip"), key=lambda path: path.name != BUNDLE)
    unreadable = None
    for path in zips[:MAX_ZIPS]:
        try:
            if _holds(path, stem):
                return path
        except FkdError as error:
            unreadable = unreadable or error
    if unreadable:
        raise unreadable
    entries = listing(sorted(path.name for path in itertools.islice(data.iterdir(), MAX_ENTRIES)))
    raise FkdError(
        f"no {stem}.csv in {data}, which holds {entries or 'nothing'}; expected {stem}.csv, {stem}.zip or {BUNDLE}: "
        f"{WHERE_TO_GET}"
    )


@contextmanager
def open_csv(path: Path, stem: str) -> Iterator[tuple[str, io.BufferedReader]]:
    """Opens the csv that `find_csv` found, unpacked as it is read.

    Yields:
        Its name for messages, and the csv's bytes. Reading raises FkdError where a zip is damaged or too large.
    """
    with ExitStack() as stack:
        label = one_line(path.name)
        file = stack.enter_context(open_regular(path, MAX_BYTES))
        if path.suffix.lower() == ".zip" or _starts_with(file, b"PK"):
            archive = stack.enter_context(open_zip(file, label))
            name = _member(archive.namelist(), stem, label)
            label = f"{label}/{one_line(PurePosixPath(name).name)}"
            file = open_member(archive, archive.getinfo(name), MAX_BYTES, label)
            if _starts_with(file, b"PK"):
                file = open_member(archive, archive.getinfo(name), MAX_NESTED, label)
                archive = stack.enter_context(open_zip(io.BytesIO(file.read()), label))
                name = _member([name for name in archive.namelist() if not name.lower().endswith(".zip")], stem, label)
                file = open_member(archive, archive.getinfo(name), MAX_BYTES, label)
        if _starts_with(file, b"\x1f\x8b"):
            file = open_gzip(file, MAX_BYTES, label)
        yield label, file


def listing(names: Iterable[object]) -> str:
    """The first four names, and how many more there are."""
    lines = [one_line(name, 40) for name in names]
    return ", ".join(lines[:4]) + (f" and {len(lines) - 4:,} more" if len(lines) > 4 else "")


def _rank(name: str, stem: str) -> int | None:
    """How well a file name fits STEM.csv, 0 best; None if it does not."""
    plain = re.sub(r" ?\(\d+\)", "", name).casefold()
    exact = [stem + ending for ending in ENDINGS]
    if name in exact:
        return exact.index(name)
    variants = [each.casefold() for each in exact]
    return len(ENDINGS) + variants.index(plain) if plain in variants else None


def _best(paths: Iterable[str], stem: str) -> str | None:
    """The path, with slashes, that fits STEM.csv best: an exact name, then the fewest folders, then by ENDINGS."""
    ranked = [(rank, path) for path in paths if (rank := _rank(PurePosixPath(path).name, stem)) is not None]
    return min(ranked, key=lambda each: (each[0] >= len(ENDINGS), each[1].count("/"), *each), default=(0, None))[1]


def _walk(folder: Path) -> Iterator[Path]:
    """Regular files in a folder and MAX_DEPTH folders down, without hidden ones: bounded, even if links form a loop."""
    level, left = [folder], MAX_ENTRIES
    for _ in range(MAX_DEPTH + 1):
        below: list[Path] = []
        for place in level:
            try:
                with os.scandir(place) as entries:
                    paths = sorted(Path(entry.path) for entry in itertools.islice(entries, left))
            except OSError:  # a folder without permission
                continue
            left -= len(paths)
            for path in filter(_visible, paths):
                if path.is_file():
                    yield path
                elif path.is_dir():
                    below.append(path)
        level = below


def _visible(path: Path | PurePosixPath) -> bool:
    return not path.name.startswith(".") and "__MACOSX" not in path.parts


def _member(names: Iterable[str], stem: str, label: str) -> str:
    """The member of a zip that is STEM.csv, or else its only csv."""
    names = [name for name in names if _visible(PurePosixPath(name)) and not name.endswith("/")]
    if best := _best(names, stem):
        return best
    tables = [name for name in names if name.lower().endswith((".csv", ".csv.gz"))]
    if len(tables) != 1:
        raise FkdError(f"{label} holds {len(tables)} csv files, expected {stem}.csv")
    return tables[0]


def _holds(path: Path, stem: str) -> bool:
    label = one_line(path.name)
    with open_regular(path, MAX_BYTES) as file, open_zip(file, label) as archive:
        return _best((name for name in archive.namelist() if _visible(PurePosixPath(name))), stem) is not None


def _is_zip(path: Path) -> bool:
    with open_regular(path, MAX_BYTES) as file:
        return _starts_with(file, b"PK")


def _starts_with(file: io.BufferedReader, magic: bytes) -> bool:
    return file.peek(len(magic))[: len(magic)] == magic
