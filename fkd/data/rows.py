"""The rows of a csv file in the competition's layout, plain or zipped, read within bounds."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fkd.data.kaggle import BUNDLE, WHERE_TO_GET
from fkd.files import one_line, open_regular
from fkd.zips import open_member, open_zip

Opened = io.BufferedReader | io.BytesIO
# The competition's training.csv has 7,049 rows, 240 MB and 35,000 letters a line, its lookup table 27,124 rows.
MOST_BYTES, MOST_LINES, MOST_LETTERS = 1_000_000_000, 1_000_000, 100_000
MOST_INSIDE = 400_000_000  # bytes of a file in the one big zip, which is unpacked into memory


def open_csv(data: Path, stem: str) -> tuple[str, Opened]:
    """Finds STEM.csv under `data`: its name for messages, and the csv, or a zip with nothing else in it, opened.

    Raises FileNotFoundError if there is no such file, ValueError for one that cannot be opened.
    """
    if data.is_file():
        candidates = [data]
    elif data.is_dir():
        candidates = [data / f"{stem}.csv", data / f"{stem}.zip", data / BUNDLE]
    else:
        raise FileNotFoundError(f"{data} does not exist: {WHERE_TO_GET}")
    for path in candidates:
        if not path.is_file():
            continue
        if path.suffix == ".csv":
            if path.stem == stem:
                return one_line(path.name), open_regular(path, MOST_BYTES)
            continue
        member = _member(path, stem)
        if member:
            return member
    raise FileNotFoundError(f"no {stem}.csv, {stem}.zip or {BUNDLE} in {data}: {WHERE_TO_GET}")


def _member(path: Path, stem: str) -> tuple[str, Opened] | None:
    """Looks into a zip for STEM.csv, or for STEM.zip inside it (as the competition's one big file has)."""
    label = one_line(path.name)
    with open_regular(path, MOST_BYTES) as file, open_zip(file, label) as archive:
        members = {Path(info.filename).name: info for info in archive.infolist() if "__MACOSX" not in info.filename}
        if list(members) == [f"{stem}.csv"]:  # hashed as it lies; it is unpacked only if the cache does not know it
            return label, open_regular(path, MOST_BYTES)
        for name in (f"{stem}.csv", f"{stem}.zip"):
            if name in members:
                inside = f"{label}/{name}"
                with open_member(archive, members[name], MOST_INSIDE, inside) as member:
                    return inside, io.BytesIO(member.read())
    return None


def read_rows(label: str, file: Opened) -> Iterator[list[str]]:
    """The header of a csv, or of the one csv in a zip, then its rows, each with as many cells; at least one.

    Raises ValueError for a defect, with `label` and where it has one the row (counted from 1 after the header).
    """
    file.seek(0)
    zipped = file.read(2) == b"PK"
    file.seek(0)
    if not zipped:
        yield from csv_rows(label, file)
        return
    with open_zip(file, label) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".csv")]
        members = [info for info in members if "__MACOSX" not in info.filename]
        if len(members) != 1:
            raise ValueError(f"{label} holds {len(members)} csv files, expected one")
        with open_member(archive, members[0], MOST_BYTES, label) as member:
            yield from csv_rows(label, member)


def csv_rows(label: str, file: BinaryIO, remedy: str = "download it again") -> Iterator[list[str]]:
    """The rows of a csv that is not zipped, as `read_rows` gives them. remedy: what its sentences tell to do."""
    lines = _lines(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    width, count = 0, 0
    try:
        for cells in _split(lines):
            if not width:
                width = len(cells)
            else:
                count += 1
                if len(cells) != width:
                    raise ValueError(f"{label}: row {count} has {len(cells):,} cells, expected {width:,}")
            yield cells
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{label} is not a readable csv file ({one_line(error)}): {remedy}") from None
    if not width:
        raise ValueError(f"{label} is empty: {remedy}")
    if not count:
        raise ValueError(f"{label} has a header but no rows: {remedy}")


def _split(lines: Iterator[str]) -> Iterator[list[str]]:
    """The cells of each line that is not blank. csv.reader takes only rows with quotation marks: it is slow."""
    for line in lines:
        if '"' in line:
            yield next(csv.reader(itertools.chain([line], lines), strict=True))
        elif line := line.rstrip("\r\n"):
            yield line.split(",")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    count = 0
    while line := text.readline(MOST_LETTERS + 1):
        count += 1
        if count > MOST_LINES:
            raise csv.Error(f"it has more than {MOST_LINES:,} lines")
        if len(line) > MOST_LETTERS:
            raise csv.Error(f"a line is longer than {MOST_LETTERS:,} letters")
        yield line
