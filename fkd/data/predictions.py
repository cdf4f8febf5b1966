"""Read predictions by any program for the frames of `export_test`."""

from pathlib import Path

import numpy as np
import pandas as pd

from fkd.data.find import listing
from fkd.data.table import Table
from fkd.errors import FkdError
from fkd.files import one_line, open_regular
from fkd.keypoints import COLUMNS

MAX_BYTES = 50_000_000  # 538 faces take 150 kB
BY_VALUE = ["RowId", "Location"]
BY_FRAME = ["ImageId", *COLUMNS]
REMEDY = "write a csv in UTF-8, with commas"


def read_predictions(path: Path, wanted: np.ndarray) -> np.ndarray:
    """Reads predictions for N frames.

    The csv has a row for each wanted coordinate (RowId, Location, like the competition's submission.csv), or a row for
    each frame (ImageId and the 30 columns of training.csv), where the cells of other coordinates may be empty. RowId
    and ImageId are those of `export_test`.

    Args:
        path: the csv.
        wanted: which coordinates are required, bool [N, 15, 2].

    Returns:
        Points float32 [N, 15, 2] in frame pixels, NaN where nothing is wanted.

    Raises:
        FkdError: the file has a defect; the message names the row and the expected value.
    """
    label = one_line(path.name)
    with open_regular(path, MAX_BYTES) as file:
        if file.peek(2)[:2] == b"PK":
            raise FkdError(f"{label} is a zip, expected a csv file: unpack it")
        table = Table(label, file, REMEDY)
        columns = next((each for each in (BY_VALUE, BY_FRAME) if sorted(table.header) == sorted(each)), None)
        if not columns:
            raise FkdError(
                f"{label}: columns are {listing(table.header)}, expected {listing(BY_VALUE)} or {listing(BY_FRAME)}"
            )
        cells = table.read(columns)
    id_name, *value_names = columns
    by_value = columns is BY_VALUE
    order = _order(table, cells[[id_name]], int(wanted.sum()) if by_value else len(wanted))
    values = table.coordinates(cells[value_names])[order]
    predicted = np.full(wanted.shape, np.nan)
    if by_value:
        predicted[wanted] = values[:, 0]
    else:
        predicted = values.reshape(wanted.shape)
    missing = np.argwhere((wanted & np.isnan(predicted)).reshape(len(wanted), -1))
    if len(missing):
        frame, column = missing[0]
        raise FkdError(f"{label}: {COLUMNS[column]} of ImageId {frame + 1} has no value, expected a number")
    return np.where(wanted, predicted, np.nan).astype(np.float32)


def _order(table: Table, cells: pd.DataFrame, count: int) -> np.ndarray:
    """The place of each id from 1 to `count` in a column that must hold each of them once, int64 [count]."""
    ids, name = table.unique_ids(cells), cells.columns[0]
    unknown = np.flatnonzero((ids < 1) | (ids > count))
    if len(unknown):
        raise FkdError(
            f"{table.label}: row {unknown[0] + 1} has {name} {ids[unknown[0]]}, expected 1 to {count:,}, the ids of "
            "`fkd data export-test`"
        )
    if len(ids) < count:
        first = np.setdiff1d(np.arange(1, count + 1), ids)[0]
        raise FkdError(f"{table.label}: {count - len(ids):,} of {count:,} rows are missing, such as {name} {first}")
    return np.argsort(ids)
