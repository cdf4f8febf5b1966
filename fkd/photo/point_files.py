"""Points to and from files that other programs read: csv in the competition's columns, .pts of 300-W, JSON.

Points are in pixels of the upright photo, (0, 0) the centre of its top-left pixel. A .pts file counts from (1, 1),
as its inventors' Matlab does.
"""

import csv
import io
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fkd.data.sixty_eight import to_15
from fkd.errors import FkdError
from fkd.files import one_line, open_regular
from fkd.keypoints import COLUMNS, NAMES

MOST_BYTES, MOST_FACES = 5_000_000, 1000  # of one file of points
MOST_PIXELS = 1_000_000  # no photo is as wide: a coordinate beyond is a mistake


def to_table(rows: Sequence[tuple[str, int, str, np.ndarray]]) -> pd.DataFrame:
    """(photo, face from 1, model, points [15, 2] px) each -> a table: those three, then the competition's columns.

    >>> to_table([("me.jpg", 1, "resnet18", face.points)]).to_csv("points.csv", index=False)
    """
    values = []
    for photo, face, model, points in rows:
        name = photo.encode(errors="backslashreplace").decode()  # a file's name may not be valid Unicode
        values.append([name, face, model, *np.round(points, 2).reshape(-1)])
    return pd.DataFrame(values, columns=["photo", "face", "model", *COLUMNS])


def to_pts(points: np.ndarray) -> str:
    """Points [K, 2] px -> the text of a .pts file; a missing point is nan."""
    lines = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in np.asarray(points, np.float64))
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n"


def read_points(path: Path | str) -> list[np.ndarray]:
    """Reads each face's points in a .pts (15 or 68 points), .csv or .json file: float32 [15, 2] px, NaN if missing.

    A csv has the competition's columns, in any order and among others; a JSON is what `fkd predict` writes, or one
    face's {"points": {name: [x, y]}}. 68 points become 15 as `to_15` says.
    Raises FkdError, naming the expected format, for anything else.
    """
    path = Path(path)
    name = one_line(path.name)
    reader = {".pts": _read_pts, ".csv": _read_csv, ".json": _read_json}.get(path.suffix.lower())
    if reader is None:
        raise FkdError(f"{name} is no .pts, .csv or .json file: save the true points as one of these")
    with open_regular(path, MOST_BYTES) as file:
        content = file.read()
    try:
        faces = reader(content.decode("utf-8-sig"))
        _check(faces)
    except UnicodeDecodeError:
        raise FkdError(f"{name} is not a text file: expected {path.suffix} with points") from None
    except FkdError as error:
        raise FkdError(f"{name}: {one_line(error, 300)}") from None
    return [face.astype(np.float32) for face in faces]


def _check(faces: list[np.ndarray]) -> None:
    if len(faces) > MOST_FACES:
        raise FkdError(f"it has more than {MOST_FACES:,} faces")
    points = np.array(faces).reshape(-1, 2)
    if (np.abs(points) > MOST_PIXELS).any():
        raise FkdError(f"a point is more than {MOST_PIXELS:,} px away, expected pixels of the photo")
    if (np.isnan(points).sum(1) == 1).any():
        raise FkdError("a point has only one of x and y, expected both or none")
    if np.isnan(points).all():
        raise FkdError("it holds no point")


def _number(text: str) -> float:
    """A number in a file, NaN for an empty cell or nan. Python alone reads 1_000 as one."""
    text = text.strip()
    try:
        return float((text or "nan") if text.isascii() and "_" not in text else "x")
    except ValueError:
        raise FkdError(f"expected a number or nothing, not {one_line(text, 40)!r}") from None


def _read_pts(text: str) -> list[np.ndarray]:
    _, opened, rest = text.partition("{")
    body, closed, _ = rest.partition("}")
    words = body.split(maxsplit=2 * 68 + 1)
    if not opened or not closed or len(words) % 2:
        raise FkdError("expected `version: 1`, `n_points: 68` and one `x y` per line between { and }")
    if len(words) not in (2 * len(NAMES), 2 * 68):
        raise FkdError(f"it has {len(words) // 2} points, expected {len(NAMES)} or the 68 of 300-W")
    points = np.array([_number(word) for word in words]).reshape(-1, 2) - 1
    if len(points) == 68:
        points = to_15(points)
    return [points]


def _read_csv(text: str) -> list[np.ndarray]:
    try:
        lines = filter(None, csv.reader(io.StringIO(text, newline=""), strict=True))
        header = next(lines, [])
        rows = list(itertools.islice(lines, MOST_FACES + 1)) if set(COLUMNS) <= set(header) else []
    except csv.Error as error:
        raise FkdError(f"not readable as csv ({error})") from None
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise FkdError(f"it lacks {len(missing)} of the competition's columns, {missing[0]} for one")
    twice = [column for column in COLUMNS if header.count(column) > 1]
    if twice:
        raise FkdError(f"it has the column {twice[0]} more than once")
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise FkdError(f"row {number} has {len(row):,} cells, expected {len(header):,}")
    places = [header.index(column) for column in COLUMNS]
    return [np.array([_number(row[place]) for place in places]).reshape(-1, 2) for row in rows]


def _read_json(text: str) -> list[np.ndarray]:
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except RecursionError:
        raise FkdError("it is nested too deeply") from None
    except FkdError:
        raise
    except ValueError as error:  # json's: a syntax error, or a number of thousands of digits
        raise FkdError(str(error)) from None
    faces = []
    for photo in value if isinstance(value, list) else [value]:
        inside = photo.get("faces", [photo]) if isinstance(photo, dict) else [photo]
        faces += inside if isinstance(inside, list) else [inside]
    return [_read_face(face) for face in faces[: MOST_FACES + 1]]


def _read_face(face: object) -> np.ndarray:
    points = face.get("points") if isinstance(face, dict) else None
    if not isinstance(points, dict) or not set(points) <= set(NAMES):
        raise FkdError('expected {"points": {name: [x, y], ...}} with the names of the 15 points')
    return np.array([_pair(points.get(name)) for name in NAMES])


def _pair(value: object) -> tuple[float, float]:
    if value is None:
        return np.nan, np.nan
    # Of exactly these types: to Python True is a number as well.
    if not isinstance(value, list) or len(value) != 2 or not all(type(number) in (int, float) for number in value):
        raise FkdError("expected two numbers for each point")
    x, y = (min(max(number, -2 * MOST_PIXELS), 2 * MOST_PIXELS) for number in value)  # some integers fit no float
    return float(x), float(y)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise FkdError("a name is there twice in one object")
    return value


def _no_constant(name: str) -> None:
    raise FkdError(f"{name} is no JSON number")
