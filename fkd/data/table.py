"""Read csv files in the forms that spreadsheets and pandas write, and name the row of a defect."""

import codecs
import io
import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from pandas.io.parsers import TextFileReader

from fkd.errors import FkdError
from fkd.files import one_line
from fkd.keypoints import FRAME_SIZE

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none")
MIN_COORDINATE, MAX_COORDINATE = -FRAME_SIZE / 2, FRAME_SIZE * 1.5  # beyond, a label is a mistake
MAX_WHOLE = 2**53  # up to here a float64 holds every whole number


class Table:
    """A csv with a header, separated by commas, semicolons or tabs, in UTF-8 or UTF-16."""

    def __init__(self, label: str, file: io.BufferedReader, remedy: str = "download it again"):
        """Detects separator and encoding; raises FkdError for a web page.

        label: the file's name, for messages. remedy: advice at the end of a message about an unreadable file.
        """
        self.label, self.file, self.remedy = label, file, remedy
        start = file.peek()
        utf_16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        self.encoding = "utf-16" if utf_16 else "utf-8-sig"
        text = start.decode(self.encoding, "ignore").lstrip()
        if text.startswith("<"):
            raise FkdError(f"{label} is a web page, not a csv file: {remedy}")
        header = text.splitlines()[0] if text else ""
        self.separator = max(",;\t", key=header.count)

    def blocks(self, *layouts: Sequence[str], size: int = 10_000) -> Iterator[pd.DataFrame]:
        """Yields the rows, `size` at a time, as text, indexed by row from 1; a cell that a row lacks is "".

        layouts: the columns to read are those of one layout, in any order and case; others are ignored.
        Raises FkdError if the file is not a csv, lacks a column, or has no rows or a row of too many cells.
        """
        rows = 0
        try:
            with pd.read_csv(
                self.file, sep=self.separator, encoding=self.encoding, index_col=False, dtype=object,
                keep_default_na=False, chunksize=size,
            ) as reader:  # fmt: skip
                while (block := _next(reader)) is not None:
                    block.index += 1
                    rows += len(block)
                    yield self._select(block, layouts)
        except pd.errors.EmptyDataError:
            raise FkdError(f"{self.label} is empty: {self.remedy}") from None
        except pd.errors.ParserWarning:
            raise FkdError(f"{self.label}: rows have more cells than the header: {self.remedy}") from None
        except (pd.errors.ParserError, UnicodeError) as error:
            raise FkdError(f"{self.label} is not a readable csv file ({one_line(error)}): {self.remedy}") from None
        if not rows:
            raise FkdError(f"{self.label} has a header but no rows: {self.remedy}")

    def read(self, *layouts: Sequence[str]) -> pd.DataFrame:
        """All rows as one table; see `blocks`."""
        return pd.concat(self.blocks(*layouts))

    def _select(self, block: pd.DataFrame, layouts: Sequence[Sequence[str]]) -> pd.DataFrame:
        block.columns = [str(name).strip().casefold() for name in block.columns]
        lacking = [[name for name in layout if name.casefold() not in block.columns] for layout in layouts]
        missing, layout = min(zip(lacking, layouts, strict=True), key=lambda pair: len(pair[0]))
        if missing:
            raise FkdError(
                f"{self.label}: the header lacks {listing(missing)}; expected {listing(layout)}, separated by commas, "
                "semicolons or tabs"
            )
        return block[[name.casefold() for name in layout]].set_axis(list(layout), axis=1)

    def numbers(
        self,
        cells: pd.DataFrame,
        low: float = MIN_COORDINATE,
        high: float = MAX_COORDINATE,
        expected: str = f"a number from {MIN_COORDINATE:g} to {MAX_COORDINATE:g}, or nothing",
    ) -> np.ndarray:
        """The numbers in cells, float64 [rows, columns], NaN where missing. The default bounds are for frame pixels.

        Raises FkdError if a cell holds something else, or a number out of bounds.
        """
        text = pd.Series(cells.to_numpy().ravel(), dtype=object)
        if self.separator != ",":
            text = text.str.replace(",", ".")  # the decimal comma of many countries
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
        missing = text.str.strip().str.lower().isin(MISSING).to_numpy()
        bad = np.flatnonzero(~missing & ~((values >= low) & (values <= high)))
        if len(bad):
            raise self.error(cells, bad[0], expected)
        return np.where(missing, np.nan, values).reshape(cells.shape)

    def whole_numbers(self, cells: pd.DataFrame) -> np.ndarray:
        """The whole numbers in a single column, int64 [rows]; 7.0 is one. Raises FkdError for another cell."""
        values = self.numbers(cells, -MAX_WHOLE, MAX_WHOLE, "a whole number")[:, 0]
        bad = np.flatnonzero(values % 1 != 0)  # as NaN is
        if len(bad):
            raise self.error(cells, bad[0], "a whole number")
        return values.astype(np.int64)

    def unique_ids(self, cells: pd.DataFrame) -> np.ndarray:
        """As `whole_numbers`; raises FkdError for a repeated number too."""
        ids = self.whole_numbers(cells)
        repeated = np.flatnonzero(pd.Series(ids).duplicated())
        if len(repeated):
            row = repeated[0]
            raise FkdError(f"{self.label}: row {cells.index[row]} repeats {cells.columns[0]} {ids[row]}")
        return ids

    def error(self, cells: pd.DataFrame, place: int, expected: str) -> FkdError:
        """The error about one cell. place: its number, row by row."""
        row, column = divmod(int(place), cells.shape[1])
        cell, name = one_line(cells.iat[row, column], 40), cells.columns[column]
        return FkdError(f"{self.label}: row {cells.index[row]} has {name} = {cell!r}, expected {expected}")


def listing(names: Iterable[object]) -> str:
    """The first four names, and how many more there are."""
    lines = [one_line(name, 40) for name in names]
    return ", ".join(lines[:4]) + (f" and {len(lines) - 4:,} more" if len(lines) > 4 else "")


def _next(reader: TextFileReader) -> pd.DataFrame | None:
    with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):  # for rows that are too long
        return next(reader, None)
