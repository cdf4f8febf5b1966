"""Read predictions by any program for the frames of `export_test`."""

from pathlib import Path

import numpy as np

from fkd.data.table import Table
from fkd.errors import FkdError
from fkd.files import one_line, open_regular
from fkd.keypoints import COLUMNS

MAX_BYTES = 50_000_000  # 538 faces take 150 kB
BY_VALUE = ["RowId", "Location"]
BY_FRAME = ["ImageId", *COLUMNS]


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
    with open_regular(path, MAX_BYTES) as file:
        table = Table(one_line(path.name), file, "write a csv in UTF-8, with commas")
        if file.peek(2).startswith(b"PK"):
            raise FkdError(f"{table.label} is a zip, expected a csv file: unpack it")
        cells = table.read(BY_VALUE, BY_FRAME)
    by_value = cells.columns[0] == "RowId"
    count, ids = wanted.sum() if by_value else len(wanted), table.unique_ids(cells.iloc[:, :1])
    if len(bad := np.flatnonzero((ids < 1) | (ids > count))):
        raise table.error(cells.iloc[:, :1], bad[0], f"1 to {count:,}, the ids of `fkd data export-test`")
    if len(ids) < count:
        first = np.setdiff1d(np.arange(1, count + 1), ids)[0]
        raise FkdError(
            f"{table.label}: {count - len(ids):,} of {count:,} rows are missing, such as {cells.columns[0]} {first}"
        )
    values = table.numbers(cells.iloc[:, 1:])[np.argsort(ids)]
    predicted = np.full(wanted.shape, np.nan)
    predicted[wanted] = values[:, 0] if by_value else values.reshape(wanted.shape)[wanted]
    missing = np.argwhere((wanted & np.isnan(predicted)).reshape(len(wanted), -1))
    if len(missing):
        frame, column = missing[0]
        raise FkdError(f"{table.label}: {COLUMNS[column]} of ImageId {frame + 1} has no value, expected a number")
    return predicted.astype(np.float32)
