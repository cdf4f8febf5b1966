"""Read untrusted csv files: bounded, in the dialects that spreadsheets and pandas write, with the row of a defect."""

import csv
import io
import re
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from pandas.io.parsers import TextFileReader

from fkd.data.find import listing
from fkd.errors import FkdError
from fkd.files import one_line
from fkd.keypoints import FRAME_SIZE

# training.csv has 7,049 rows of 35,000 characters, the lookup table 27,124 rows.
MAX_ROWS, MAX_LINE = 1_000_000, 100_000
MAX_BLANK_LINES = 1000  # above the header
MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none")
INDEX = re.compile(r"(unnamed: [0-9.]+)?")  # the heading of a pandas index
MIN_COORDINATE, MAX_COORDINATE = -FRAME_SIZE / 2, FRAME_SIZE * 1.5  # beyond, a label is a mistake
MAX_WHOLE = 2**53  # up to here a float64 holds every whole number


class Table:
    """A csv with a header, separated by commas, semicolons or tabs, in UTF-8 or UTF-16.

    `names` holds the heading of each column, `header` those but for a pandas index.
    """

    def __init__(self, label: str, file: io.BufferedReader, remedy: str = "download it again"):
        """Reads the header.

        Args:
            label: the file's name, for messages.
            file: its bytes.
            remedy: advice at the end of a message about an unreadable file.

        Raises:
            FkdError: the file is empty or not a csv.
        """
        self.label, self.remedy = label, remedy
        encoding = "utf-16" if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        self._text = _BoundedText(io.TextIOWrapper(file, encoding))
        try:
            line = next((line for _ in range(MAX_BLANK_LINES) if (line := self._text.readline()).strip()), "")
            if "\0" in line:
                raise csv.Error("it has NUL characters")
            self.separator = max(",;\t", key=line.count)
            names = next(csv.reader([line], delimiter=self.separator, strict=True), [])
        except (csv.Error, UnicodeError) as error:
            raise self._unreadable(error) from None
        if not line:
            raise FkdError(f"{label} is empty: {remedy}")
        if line.lstrip().startswith("<"):
            raise FkdError(f"{label} is a web page, not a csv file: {remedy}")
        self._line, self.names = line, [name.strip() for name in names]
        self.header = [name for name in self.names if not INDEX.fullmatch(name.lower())]

    def check_header(self, expected: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Checks that the header names the expected columns, each once, in any order and case, and no others.

        Raises:
            FkdError: it does not.
        """
        names = [name.casefold() for name in self.header]
        known = [name.casefold() for name in [*expected, *optional]]
        missing = [name for name in expected if name.casefold() not in names]
        if any(re.search(rf"\b{name}\b", self._line) for name in missing):
            raise FkdError(
                f"{self.label}: the header is not separated by commas, semicolons or tabs: save the file with commas"
            )
        unknown = [name for name, folded in zip(self.header, names, strict=True) if folded not in known]
        repeated = [name for name in expected if names.count(name.casefold()) > 1]
        for problem, found in (("lacks", missing), ("has the unknown", unknown), ("repeats", repeated)):
            if found:
                raise FkdError(f"{self.label}: the header {problem} {listing(found)}; expected {listing(expected)}")

    def blocks(self, columns: Sequence[str], size: int = 10_000) -> Iterator[pd.DataFrame]:
        """Yields the rows, `size` at a time, as text: these columns of a checked header, indexed by row from 1.

        A cell that is missing at the end of a row is "".

        Raises:
            FkdError: the file has no rows, a row has too many cells, or reading failed.
        """
        folded, width = [name.casefold() for name in self.names], len(self.names)
        places = [str(folded.index(name.casefold())) for name in columns]
        rows = 0
        try:
            # The column after the last shows rows that are too long: pandas alone drops their last cell.
            with pd.read_csv(
                self._text, sep=self.separator, header=None, names=[*map(str, range(width + 1))], index_col=False,
                dtype=object, keep_default_na=False, chunksize=size,
            ) as reader:  # fmt: skip
                while len(block := _next(reader)):
                    rows += len(block)
                    if rows > MAX_ROWS:
                        raise FkdError(f"{self.label} has more than {MAX_ROWS:,} rows")
                    block.index += 1
                    excess = block.index[block.pop(str(width)).str.strip() != ""]
                    if len(excess):
                        raise self._too_long(excess[0], width + 1)
                    yield block[places].set_axis(list(columns), axis=1)
        except pd.errors.ParserWarning:
            raise FkdError(f"{self.label}: row 1 has more than {width:,} cells, expected {width:,}") from None
        except pd.errors.ParserError as error:
            if found := re.search(r"in line (\d+), saw (\d+)", str(error)):
                raise self._too_long(*map(int, found.groups())) from None
            raise self._unreadable(error) from None
        except (UnicodeError, csv.Error) as error:
            raise self._unreadable(error) from None
        if not rows:
            raise FkdError(f"{self.label} has a header but no rows: {self.remedy}")

    def read(self, columns: Sequence[str]) -> pd.DataFrame:
        """All rows as one table; see `blocks`."""
        return pd.concat(self.blocks(columns))

    def numbers(self, cells: pd.DataFrame, expected: str = "a number or nothing") -> np.ndarray:
        """The numbers in cells, float64 [rows, columns], NaN where a cell is empty or has a word of MISSING.

        Raises:
            FkdError: a cell holds something else.
        """
        text = pd.Series(cells.to_numpy().ravel(), dtype=object)
        if self.separator != ",":
            text = text.str.replace(",", ".")  # the decimal comma of many countries
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, copy=True)
        unclear = np.flatnonzero(~np.isfinite(values))
        bad = unclear[~text.iloc[unclear].str.strip().str.lower().isin(MISSING).to_numpy()]
        if len(bad):
            raise self.error(cells, bad[0], expected)
        return values.reshape(cells.shape)

    def coordinates(self, cells: pd.DataFrame) -> np.ndarray:
        """Frame pixels in cells, float64 [rows, columns], NaN where missing.

        Raises:
            FkdError: a cell is not a number, or is far outside the frame.
        """
        values = self.numbers(cells)
        far = np.flatnonzero((values < MIN_COORDINATE) | (values > MAX_COORDINATE))
        if len(far):
            row, column = divmod(int(far[0]), cells.shape[1])
            raise FkdError(
                f"{self.label}: row {cells.index[row]} has {cells.columns[column]} = {values[row, column]:g}, far "
                f"outside the frame of {FRAME_SIZE} x {FRAME_SIZE} px: correct it, expected {MIN_COORDINATE:g} to "
                f"{MAX_COORDINATE:g}"
            )
        return values

    def whole_numbers(self, cells: pd.DataFrame) -> np.ndarray:
        """The whole numbers in cells, int64 [rows, columns]; 7.0 is one.

        Raises:
            FkdError: a cell is not a whole number, or too large.
        """
        values = self.numbers(cells, "a whole number")
        bad = np.flatnonzero(~((np.abs(values) <= MAX_WHOLE) & (values % 1 == 0)))
        if len(bad):
            raise self.error(cells, bad[0], "a whole number")
        return values.astype(np.int64)

    def unique_ids(self, cells: pd.DataFrame) -> np.ndarray:
        """The whole numbers of a single column, int64 [rows], each of them once.

        Raises:
            FkdError: a cell is not a whole number, or repeats one.
        """
        ids = self.whole_numbers(cells)[:, 0]
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

    def _too_long(self, row: int, count: int) -> FkdError:
        width = len(self.names)
        return FkdError(f"{self.label}: row {row:,} has {count:,} cells, expected {width:,}")

    def _unreadable(self, error: Exception) -> FkdError:
        return FkdError(f"{self.label} is not a readable csv file ({one_line(error)}): {self.remedy}")


def _next(reader: TextFileReader) -> pd.DataFrame:
    """The next rows of a csv, none at its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # for a first row that is too long
        return next(reader, pd.DataFrame())


class _BoundedText(io.TextIOBase):
    """The text of a csv; raises csv.Error in a line of more than MAX_LINE characters, also if quotes span lines."""

    def __init__(self, text: io.TextIOWrapper):
        self._text, self._open, self._quoted = text, 0, False

    def readline(self, size: int | None = -1) -> str:  # type: ignore[override]
        line = self._text.readline(MAX_LINE + 1)
        self._check(len(line))
        return line

    def read(self, size: int | None = -1) -> str:
        chunk = self._text.read(size)
        start, end = 0, -1  # end: of the last line that ends outside quotes
        for number, part in enumerate(chunk.split('"')):
            self._quoted ^= number > 0
            if not self._quoted and (found := part.rfind("\n")) >= 0:
                end = start + found
            start += len(part) + 1
        self._open = len(chunk) - end - 1 if end >= 0 else self._open + len(chunk)
        self._check(self._open)
        return chunk

    def _check(self, length: int) -> None:
        if length > MAX_LINE:
            raise csv.Error(f"a line is longer than {MAX_LINE:,} characters")
