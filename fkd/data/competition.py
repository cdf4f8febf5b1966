"""Competition files -> Faces: what each row holds, checked."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd

from fkd.data.cache import cached
from fkd.data.cells import coordinate, different, quoted, some, whole_numbers
from fkd.data.faces import Faces, TestSet
from fkd.data.rows import Opened, open_csv, read_rows
from fkd.keypoints import COLUMNS, FRAME_SIZE, NAMES

PIXELS = FRAME_SIZE * FRAME_SIZE


def read_training(data: Path | str) -> Faces:
    """Reads training.csv from a folder (or zip) in the competition's layout; cached by content.

    Raises FileNotFoundError if there is no such file, ValueError for a defect, with the file and the row
    (counted from 1 after the header).
    """
    label, file = open_csv(Path(data), "training")
    with file:
        arrays = cached("training", file, lambda: _parse_training(label, file))
    return Faces(arrays["images"], arrays["points"])


def read_test(data: Path | str) -> TestSet:
    """Reads test.csv from a folder (or zip) in the competition's layout; cached by content.

    Raises as `read_training` does.
    """
    label, file = open_csv(Path(data), "test")
    with file:
        arrays = cached("test", file, lambda: _parse_test(label, file))
    return TestSet(arrays["images"], arrays["image_ids"])


def read_lookup(data: Path | str) -> pd.DataFrame:
    """Reads IdLookupTable.csv: columns RowId, ImageId (int), FeatureName (a keypoint's column name).

    Raises as `read_training` does.
    """
    label, file = open_csv(Path(data), "IdLookupTable")
    with file:
        header, *rows = read_rows(label, file)
    expected = ["RowId", "ImageId", "FeatureName", "Location"]
    if header != expected:
        raise ValueError(f"{label}: columns are {some(header)}, expected {some(expected)}")
    row_ids, image_ids, names, _ = zip(*rows, strict=True)
    for row, name in enumerate(names, 1):
        if name not in COLUMNS:
            raise ValueError(f"{label}: row {row} asks for {quoted(name)}, which is no keypoint coordinate")
    return pd.DataFrame(
        {
            "RowId": different(label, "RowId", whole_numbers(label, "RowId", row_ids)),
            "ImageId": whole_numbers(label, "ImageId", image_ids),
            "FeatureName": names,
        }
    )


def _parse_training(label: str, file: Opened) -> dict[str, np.ndarray]:
    rows = read_rows(label, file)
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
        what = f"lacks {some(missing)}"
    elif strange:
        what = f"has the unknown {some(strange)}"
    elif twice:
        what = f"repeats {some(twice)}"
    else:
        at = next(i for i, (a, b) in enumerate(zip(columns, expected, strict=True)) if a != b)
        what = f"has {columns[at]} where {expected[at]} belongs"
    raise ValueError(f"{label}: the header {what}; expected the competition's 30 coordinates, then Image")


def _coordinates(label: str, row: int, cells: list[str]) -> list[float]:
    """The 30 coordinates of a row, frame px, NaN where a cell is empty."""
    values = [coordinate(label, row, name, cell) for name, cell in zip(COLUMNS, cells, strict=True)]
    for point, x, y in zip(NAMES, values[::2], values[1::2], strict=True):
        if math.isnan(x) != math.isnan(y):
            raise ValueError(f"{label}: row {row} has only one of x and y for {point}, expected both or none")
    return values


def _parse_test(label: str, file: Opened) -> dict[str, np.ndarray]:
    rows = read_rows(label, file)
    header = next(rows)
    if header != ["ImageId", "Image"]:
        raise ValueError(f"{label}: columns are {some(header)}, expected ImageId, Image")
    ids, images = [], []
    for row, (image_id, image) in enumerate(rows, 1):
        ids.append(image_id)
        images.append(_pixels(label, row, image))
    return {
        "images": np.stack(images),
        "image_ids": different(label, "ImageId", whole_numbers(label, "ImageId", ids)),
    }


def _pixels(label: str, row: int, text: str) -> np.ndarray:
    """Text of 9,216 numbers -> uint8 [96, 96]."""
    pixels = _plain_pixels(text)
    if pixels is not None:
        return pixels
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
            f"{label}: row {row} has the pixel {quoted(bad)}, expected a whole number from 0 to 255"
        ) from None


def _plain_pixels(text: str) -> np.ndarray | None:
    """Text of 9,216 numbers with a space between them -> uint8 [96, 96]; None for any other text."""
    letters = np.frombuffer(text.encode(), np.uint8)
    digits = letters - np.uint8(ord("0"))  # what is lower than "0" comes out above 9
    spaces = np.flatnonzero(letters == ord(" "))
    if len(spaces) != PIXELS - 1 or np.count_nonzero(digits <= 9) != len(letters) - len(spaces):
        return None
    ends = np.append(spaces, len(letters))
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.min() < 1 or lengths.max() > 3:
        return None
    tens, hundreds = (lengths > 1) * digits[ends - 2], (lengths > 2) * digits[ends - 3]
    values = digits[ends - 1] + np.uint16(10) * tens + np.uint16(100) * hundreds
    return values.astype(np.uint8).reshape(FRAME_SIZE, FRAME_SIZE) if values.max() <= 255 else None
