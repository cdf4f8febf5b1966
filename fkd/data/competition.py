"""Read the competition's three files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fkd.data.cache import cached
from fkd.data.faces import Faces, TestSet
from fkd.data.find import find_csv, open_csv
from fkd.data.table import Table
from fkd.errors import FkdError
from fkd.files import file_version
from fkd.keypoints import COLUMNS, FRAME_SIZE, NAMES

PIXELS = FRAME_SIZE * FRAME_SIZE
BLOCK = 128  # rows with an image, as text 4.5 MB


def read_training(data: Path | str) -> Faces:
    """Reads training.csv; cached.

    Args:
        data: a folder in one of the layouts of `find_csv`, or a file.

    Raises:
        FkdError: the file is missing or has a defect; the message names the row, counted from 1 after the header.
    """
    path = find_csv(Path(data), "training")
    arrays = cached("training", _key(path), lambda: _parse_training(path))
    return Faces(arrays["images"], arrays["points"])


def read_test(data: Path | str) -> TestSet:
    """Reads test.csv; cached. Raises as `read_training` does."""
    path = find_csv(Path(data), "test")
    arrays = cached("test", _key(path), lambda: _parse_test(path))
    return TestSet(arrays["images"], arrays["image_ids"])


def read_lookup(data: Path | str) -> pd.DataFrame:
    """Reads IdLookupTable.csv: columns RowId, ImageId (int), FeatureName (a keypoint's column name).

    Raises as `read_training` does.
    """
    with open_csv(find_csv(Path(data), "IdLookupTable"), "IdLookupTable") as (label, file):
        table = Table(label, file)
        cells = table.read(["RowId", "ImageId", "FeatureName"])
    names = cells["FeatureName"].str.strip()
    unknown = np.flatnonzero(~names.isin(COLUMNS))
    if len(unknown):
        raise table.error(cells[["FeatureName"]], unknown[0], "a keypoint coordinate such as nose_tip_x")
    rows, images = table.unique_ids(cells[["RowId"]]), table.whole_numbers(cells[["ImageId"]])
    return pd.DataFrame({"RowId": rows, "ImageId": images, "FeatureName": names.to_numpy()})


def submission_problem(data: Path | str) -> str | None:
    """Why `fkd submit` would fail on these files, in one sentence; None if it would not."""
    try:
        missing = {*read_lookup(data)["ImageId"]} - {*read_test(data).image_ids}
    except FkdError as error:
        return str(error)
    return f"IdLookupTable.csv requests ImageId {min(missing)}, which test.csv does not have" if missing else None


def _key(path: Path) -> bytes:
    return f"{path.resolve()} {file_version(path.stat())}".encode(errors="surrogateescape")


def _parse_training(path: Path) -> dict[str, np.ndarray]:
    table, images, cells = _parse(path, "training", COLUMNS)
    points = table.numbers(cells).astype(np.float32).reshape(-1, len(NAMES), 2)
    half = np.argwhere(np.isnan(points[..., 0]) != np.isnan(points[..., 1]))
    if len(half):
        row, point = half[0]
        raise FkdError(
            f"{table.label}: row {cells.index[row]} has only one of x and y for {NAMES[point]}, expected both or none"
        )
    return {"images": images, "points": points}


def _parse_test(path: Path) -> dict[str, np.ndarray]:
    table, images, cells = _parse(path, "test", ["ImageId"])
    return {"images": images, "image_ids": table.unique_ids(cells)}


def _parse(path: Path, stem: str, columns: Sequence[str]) -> tuple[Table, np.ndarray, pd.DataFrame]:
    """The csv, its images uint8 [N, 96, 96], and its cells in the other columns."""
    images, cells = [], []
    with open_csv(path, stem) as (label, file):
        table = Table(label, file)
        for block in table.blocks([*columns, "Image"], size=BLOCK):
            images.append(_images(table, block["Image"]))
            cells.append(block[list(columns)])
    return table, np.concatenate(images), pd.concat(cells)


def _images(table: Table, cells: "pd.Series[str]") -> np.ndarray:
    """Cells of 9,216 numbers each -> images, uint8 [N, 96, 96]."""
    images = np.empty((len(cells), PIXELS), np.uint8)
    for index, (row, text) in enumerate(cells.items()):
        try:
            pixels = np.fromstring(text, np.int64, sep=" ")
            if len(pixels) != PIXELS or pixels.min() < 0 or pixels.max() > 255:
                raise ValueError
        except ValueError:
            count = f"{len(text.split()):,} pixels, expected {PIXELS:,} ({FRAME_SIZE} x {FRAME_SIZE})"
            raise FkdError(f"{table.label}: row {row} has {count}, whole numbers from 0 to 255") from None
        images[index] = pixels
    return images.reshape(-1, FRAME_SIZE, FRAME_SIZE)
