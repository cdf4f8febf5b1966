"""Cells of a csv file that anyone may have written: numbers, and how a sentence quotes what is none."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from fkd.files import one_line
from fkd.keypoints import FRAME_SIZE

# Half a frame outside is no label any more but a mistake.
LOWEST, HIGHEST = -FRAME_SIZE / 2, FRAME_SIZE * 1.5
MOST_WHOLE = 2**53  # up to here a float64 holds every whole number


def number(text: str) -> float:
    """NaN for what is no number. Python alone reads 1_000 as one, and digits of every script."""
    try:
        return float(text if text.isascii() and "_" not in text else "nan")
    except ValueError:
        return float("nan")


def coordinate(label: str, row: int, name: str, cell: str) -> float:
    """A coordinate, frame px, NaN where the cell is empty.

    Raises ValueError for what is no number, or far outside the frame.
    """
    value = number(cell)
    if cell.strip() and not math.isfinite(value):
        raise ValueError(f"{label}: row {row} has {name} = {quoted(cell)}, expected a number or nothing")
    if value < LOWEST or value > HIGHEST:
        raise ValueError(
            f"{label}: row {row} has {name} = {value:g}, far outside the frame of {FRAME_SIZE} x {FRAME_SIZE} px: "
            f"correct it, expected {LOWEST:g} to {HIGHEST:g}"
        )
    return value


def whole_numbers(label: str, name: str, cells: Sequence[str]) -> np.ndarray:
    """A column's cells -> int64 [N].

    Raises ValueError for a cell that is none.
    """
    numbers = np.array([number(cell) for cell in cells])
    bad = ~((np.abs(numbers) <= MOST_WHOLE) & (numbers % 1 == 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{label}: row {row + 1} has {name} = {quoted(cells[row])}, expected a whole number")
    return numbers.astype(np.int64)


def different(label: str, name: str, numbers: np.ndarray) -> np.ndarray:
    """A column's numbers [N], as they are.

    Raises ValueError if one of them is there twice.
    """
    repeated = pd.Series(numbers).duplicated().to_numpy()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise ValueError(f"{label}: row {row + 1} repeats {name} {numbers[row]}")
    return numbers


def quoted(text: str) -> str:
    """A cell as a sentence quotes it."""
    return repr(one_line(text, 40))


def some(names: Iterable[object]) -> str:
    """The first four names, and how many more there are."""
    lines = [one_line(name, 40) for name in names]
    return ", ".join(lines[:4]) + (f" and {len(lines) - 4} more" if len(lines) > 4 else "")
