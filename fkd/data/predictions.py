"""A file of predictions, which any program may have written -> points of the frames that `export_test` writes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fkd.data.cells import coordinate, different, some, whole_numbers
from fkd.data.rows import csv_rows
from fkd.files import one_line, open_regular
from fkd.keypoints import COLUMNS

MOST_BYTES = 50_000_000  # 538 faces take 150 kB
BY_VALUE = ["RowId", "Location"]
BY_FRAME = ["ImageId", *COLUMNS]
REMEDY = "write a csv in UTF-8, with commas"


def read_predictions(path: Path, wanted: np.ndarray) -> np.ndarray:
    """Reads predictions for N frames: float32 [N, 15, 2] frame px, NaN where nothing is wanted.

    wanted: which coordinates have to be there, bool [N, 15, 2]. The csv has a row for each of them (RowId, Location, as
    in the competition's submission.csv, numbered as `export_test` does), or a row for each frame (ImageId and the 30
    columns of training.csv, in any order), whose other cells may be empty.
    Raises ValueError, with the row, what was found and what was expected, for anything else.
    """
    label = one_line(path.name)
    with open_regular(path, MOST_BYTES) as file:
        if file.peek(2)[:2] == b"PK":
            raise ValueError(f"{label} is a zip, expected a csv file: unpack it")
        header, *rows = csv_rows(label, file, REMEDY)
    if header == BY_VALUE:
        predicted = _by_value(label, rows, wanted)
    elif sorted(header) == sorted(BY_FRAME):
        predicted = _by_frame(label, header, rows, wanted)
    else:
        raise ValueError(
            f"{label}: columns are {some(header)}, expected {some(BY_VALUE)} or {some(BY_FRAME)}, separated by commas"
        )
    missing = np.argwhere((wanted & np.isnan(predicted)).reshape(len(wanted), -1))
    if len(missing):
        frame, column = missing[0]
        raise ValueError(f"{label}: {COLUMNS[column]} of ImageId {frame + 1} has no value, expected a number")
    return np.where(wanted, predicted, np.nan).astype(np.float32)


def _by_value(label: str, rows: Sequence[Sequence[str]], wanted: np.ndarray) -> np.ndarray:
    row_ids, cells = zip(*rows, strict=True)
    places = np.flatnonzero(wanted)[_places(label, "RowId", row_ids, int(wanted.sum()))]
    predicted = np.full(wanted.shape, np.nan)
    predicted.flat[places] = [coordinate(label, row, "Location", cell) for row, cell in enumerate(cells, 1)]
    return predicted


def _by_frame(label: str, header: Sequence[str], rows: Sequence[Sequence[str]], wanted: np.ndarray) -> np.ndarray:
    id_place, *places = [header.index(name) for name in BY_FRAME]
    frames = _places(label, "ImageId", [cells[id_place] for cells in rows], len(wanted))
    predicted = np.full((len(wanted), len(COLUMNS)), np.nan)
    for row, (frame, cells) in enumerate(zip(frames, rows, strict=True), 1):
        named = zip(COLUMNS, places, strict=True)
        predicted[frame] = [coordinate(label, row, name, cells[place]) for name, place in named]
    return predicted.reshape(wanted.shape)


def _places(label: str, name: str, cells: Sequence[str], count: int) -> np.ndarray:
    """Where the row of each id from 1 to `count` belongs, int64 [count] from 0; raises ValueError if one is missing."""
    ids = different(label, name, whole_numbers(label, name, cells))
    unknown = np.flatnonzero((ids < 1) | (ids > count))
    if len(unknown):
        raise ValueError(
            f"{label}: row {unknown[0] + 1} has {name} {ids[unknown[0]]}, expected 1 to {count:,}, as "
            "`fkd data export-test` numbers them"
        )
    if len(ids) < count:
        first = np.setdiff1d(np.arange(1, count + 1), ids)[0]
        raise ValueError(f"{label}: {count - len(ids):,} of {count:,} rows are missing, that of {name} {first} for one")
    return ids - 1
