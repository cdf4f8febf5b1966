"""Competition files -> Faces: reading row by row, with checks."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from fkd.data.cache import cached
from fkd.data.faces import Faces, TestSet
from fkd.data.kaggle import BUNDLE, WHERE_TO_GET
from fkd.files import one_line, open_regular
from fkd.keypoints import COLUMNS, FRAME_SIZE, NAMES
from fkd.zips import open_member, open_zip

Opened = io.BufferedReader | io.BytesIO
PIXELS = FRAME_SIZE * FRAME_SIZE
# Half a frame outside is no label any more but a mistake.
LOWEST, HIGHEST = -FRAME_SIZE / 2, FRAME_SIZE * 1.5
# The competition's training.csv has 7,049 rows, 240 MB and 35,000 letters a line, its lookup table 27,124 rows.
MOST_BYTES, MOST_LINES, MOST_LETTERS = 1_000_000_000, 1_000_000, 100_000
MOST_INSIDE = 400_000_000  # bytes of a file in the one big zip, which is unpacked into memory
MOST_WHOLE = 2**53  # up to here a float64 holds every whole number


def read_training(data: Path | str) -> Faces:
    """Reads training.csv from a folder (or zip) in the competition's layout; cached by content.

    Raises FileNotFoundError if there is no such file, ValueError for a defect, with the file and the row
    (counted from 1 after the header).
    """
    label, file = _open(Path(data), "training")
    with file:
        arrays = cached("training", file, lambda: _parse_training(label, file))
    return Faces(arrays["images"], arrays["points"])


def read_test(data: Path | str) -> TestSet:
    """Reads test.csv from a folder (or zip) in the competition's layout; cached by content.

    Raises as `read_training` does.
    """
    label, file = _open(Path(data), "test")
    with file:
        arrays = cached("test", file, lambda: _parse_test(label, file))
    return TestSet(arrays["images"], arrays["image_ids"])


def read_lookup(data: Path | str) -> pd.DataFrame:
    """Reads IdLookupTable.csv: columns RowId, ImageId (int), FeatureName (a keypoint's column name).

    Raises as `read_training` does.
    """
    label, file = _open(Path(data), "IdLookupTable")
    with file:
        header, *rows = _rows(label, file)
    expected = ["RowId", "ImageId", "FeatureName", "Location"]
    if header != expected:
        raise ValueError(f"{label}: columns are {_some(header)}, expected {_some(expected)}")
    row_ids, image_ids, names, _ = zip(*rows, strict=True)
    for row, name in enumerate(names, 1):
        if name not in COLUMNS:
            raise ValueError(f"{label}: row {row} asks for {_quoted(name)}, which is no keypoint coordinate")
    return pd.DataFrame(
        {
            "RowId": _different(label, "RowId", _whole_numbers(label, "RowId", row_ids)),
            "ImageId": _whole_numbers(label, "ImageId", image_ids),
            "FeatureName": names,
        }
    )


def _open(data: Path, stem: str) -> tuple[str, Opened]:
    """Finds STEM.csv under `data`: its name for messages, and the csv, or a zip with nothing else in it, opened."""
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


def _rows(label: str, file: Opened) -> Iterator[list[str]]:
    """The header of a csv, or of the one csv in a zip, then its rows, each with as many cells; at least one."""
    file.seek(0)
    zipped = file.read(2) == b"PK"
    file.seek(0)
    if not zipped:
        yield from _cells(label, file)
        return
    with open_zip(file, label) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".csv")]
        members = [info for info in members if "__MACOSX" not in info.filename]
        if len(members) != 1:
            raise ValueError(f"{label} holds {len(members)} csv files, expected one")
        with open_member(archive, members[0], MOST_BYTES, label) as member:
            yield from _cells(label, member)


def _cells(label: str, file: BinaryIO) -> Iterator[list[str]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    width, count = 0, 0
    try:
        for cells in csv.reader(_lines(text), strict=True):
            if not cells:
                continue
            if not width:
                width = len(cells)
            else:
                count += 1
                if len(cells) != width:
                    raise ValueError(f"{label}: row {count} has {len(cells):,} cells, expected {width:,}")
            yield cells
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{label} is not a readable csv file ({one_line(error)}): download it again") from None
    if not width:
        raise ValueError(f"{label} is empty: download it again")
    if not count:
        raise ValueError(f"{label} has a header but no rows: download it again")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    count = 0
    while line := text.readline(MOST_LETTERS + 1):
        count += 1
        if count > MOST_LINES:
            raise csv.Error(f"it has more than {MOST_LINES:,} lines")
        if len(line) > MOST_LETTERS:
            raise csv.Error(f"a line is longer than {MOST_LETTERS:,} letters")
        yield line


def _parse_training(label: str, file: Opened) -> dict[str, np.ndarray]:
    rows = _rows(label, file)
    _check_header(label, next(rows))
    images, points = [], []
    for row, (*cells, image) in enumerate(rows, 1):
        images.append(_pixels(label, row, image))
        points.append(_coordinates(label, row, cells))
    return {"images": np.stack(images), "points": np.array(points, np.float32).reshape(-1, len(NAMES), 2)}


def _check_header(label: str, columns: list[str]) -> None:
    expected = [*COLUMNS, "Image"]
    if columns == expected:
        return
    missing = [name for name in expected if name not in columns]
    strange = [name for name in columns if name not in expected]
    twice = [name for name in expected if columns.count(name) > 1]
    if missing:
        what = f"lacks {_some(missing)}"
    elif strange:
        what = f"has the unknown {_some(strange)}"
    elif twice:
        what = f"repeats {_some(twice)}"
    else:
        at = next(i for i, (a, b) in enumerate(zip(columns, expected, strict=True)) if a != b)
        what = f"has {columns[at]} where {expected[at]} belongs"
    raise ValueError(f"{label}: the header {what}; expected the competition's 30 coordinates, then Image")


def _coordinates(label: str, row: int, cells: list[str]) -> list[float]:
    """The 30 coordinates of a row, frame px, NaN where a cell is empty."""
    values = [_number(cell) for cell in cells]
    for name, cell, value in zip(COLUMNS, cells, values, strict=True):
        if cell.strip() and not np.isfinite(value):
            raise ValueError(f"{label}: row {row} has {name} = {_quoted(cell)}, expected a number or nothing")
        if value < LOWEST or value > HIGHEST:
            raise ValueError(
                f"{label}: row {row} has {name} = {value:g}, far outside the frame of {FRAME_SIZE} x {FRAME_SIZE} px: "
                "correct it, or leave it empty if the point is not known"
            )
    for point, x, y in zip(NAMES, values[::2], values[1::2], strict=True):
        if np.isnan(x) != np.isnan(y):
            raise ValueError(f"{label}: row {row} has only one of x and y for {point}, expected both or none")
    return values


def _parse_test(label: str, file: Opened) -> dict[str, np.ndarray]:
    rows = _rows(label, file)
    header = next(rows)
    if header != ["ImageId", "Image"]:
        raise ValueError(f"{label}: columns are {_some(header)}, expected ImageId, Image")
    ids, images = [], []
    for row, (image_id, image) in enumerate(rows, 1):
        ids.append(image_id)
        images.append(_pixels(label, row, image))
    return {
        "images": np.stack(images),
        "image_ids": _different(label, "ImageId", _whole_numbers(label, "ImageId", ids)),
    }


def _number(text: str) -> float:
    """NaN for what is no number. Python alone reads 1_000 as one, and digits of every script."""
    try:
        return float(text if text.isascii() and "_" not in text else "nan")
    except ValueError:
        return float("nan")


def _whole_numbers(label: str, name: str, cells: Sequence[str]) -> np.ndarray:
    """A column's cells -> int64 [N]."""
    numbers = np.array([_number(cell) for cell in cells])
    bad = ~((np.abs(numbers) <= MOST_WHOLE) & (numbers % 1 == 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{label}: row {row + 1} has {name} = {_quoted(cells[row])}, expected a whole number")
    return numbers.astype(np.int64)


def _different(label: str, name: str, numbers: np.ndarray) -> np.ndarray:
    repeated = pd.Series(numbers).duplicated().to_numpy()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise ValueError(f"{label}: row {row + 1} repeats {name} {numbers[row]}")
    return numbers


def _pixels(label: str, row: int, text: str) -> np.ndarray:
    """Text of 9,216 numbers -> uint8 [96, 96]."""
    words = text.split()
    if len(words) != PIXELS:
        raise ValueError(
            f"{label}: row {row} has {len(words):,} pixels, expected {PIXELS:,} ({FRAME_SIZE} x {FRAME_SIZE})"
        )
    try:
        if not text.isascii() or "_" in text:
            raise ValueError
        return np.frombuffer(bytes(map(int, words)), np.uint8).reshape(FRAME_SIZE, FRAME_SIZE)
    except ValueError:  # bytes takes 0 to 255 alone
        digits = re.compile("0*[0-9]{1,3}")
        bad = next((word for word in words if not (digits.fullmatch(word) and int(word) <= 255)), "")
        raise ValueError(
            f"{label}: row {row} has the pixel {_quoted(bad)}, expected a whole number from 0 to 255"
        ) from None


def _quoted(text: str) -> str:
    return repr(one_line(text, 40))


def _some(names: Iterable[object]) -> str:
    lines = [one_line(name, 40) for name in names]
    return ", ".join(lines[:4]) + (f" and {len(lines) - 4} more" if len(lines) > 4 else "")
