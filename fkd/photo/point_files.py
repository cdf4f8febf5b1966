"""Answers as rows and as files: JSON, csv, Parquet and .pts, and points read back from them.

A row is one model's answer for one photo: {"photo", "model", "faces": [Face.to_json(), ...]}, with "error" if it
failed. A table has one line per face, or one without a face, with the columns of TABLE. Coordinates are px of the
upright photo, (0, 0) the centre of its top-left pixel; a .pts file counts from (1, 1), as its inventors' Matlab does.
"""

import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fkd.data.sixty_eight import to_15
from fkd.errors import FkdError, require
from fkd.files import one_line, open_regular, parse_json, remove_leftovers, replacing, typed, write_csv
from fkd.keypoints import COLUMNS, NAMES
from fkd.metrics import Keypoint
from fkd.photo.face import Face

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Lines = Callable[[Iterable[Row]], Iterable[Row]]
Named = tuple[np.ndarray, Iterable[tuple[str, str]]]  # points, and each face's photo and model
BY_HAND = "by hand"  # the model of points that a visitor placed
MISSING = (np.nan, np.nan)  # x and y of a point
BOX = ("box_left", "box_top", "box_right", "box_bottom")
SPREAD = tuple(f"{name}_spread" for name in NAMES)
TABLE = ("photo", "face", "model", *BOX, *COLUMNS, *SPREAD, "error")
MAX_BYTES, MAX_FACES = 5_000_000, 1000  # of a file of points that is read
OTHERS = "save the points as .pts (15 or 68), or as a .csv or .json like those of `fkd predict`"
MAX_PX = 1_000_000  # no photo is as wide: a larger coordinate is a mistake


def answer_row(photo: str, model: str, faces: Sequence[Face], error: str = "") -> Row:
    """The row of one model's faces in one photo."""
    row = {"photo": photo, "model": model, "faces": [face.to_json() for face in faces]}
    return row | {"error": error} if error else row


def to_table(rows: Iterable[Row]) -> "pd.DataFrame":
    """Rows as a table with the columns of TABLE."""
    import pandas as pd  # noqa: PLC0415 - takes 0.3 s, which `fkd predict` does without

    return pd.DataFrame(_lines(rows), columns=TABLE)


class FacesInPhoto(list[Face]):
    """The faces of a photo, as `fkd.predict` returns them: a list that becomes a table."""

    def to_frame(self, photo: str = "", model: str = "") -> "pd.DataFrame":
        """One row per face, with the columns of TABLE.

        >>> predict(detector, photo).to_frame().to_csv("points.csv", index=False)
        """
        return to_table([answer_row(photo, model, self)] if self else [])


def write_rows(path: Path, rows: Iterable[Row], columns: Sequence[str] = TABLE, lines: Lines | None = None) -> None:
    """Write rows to a .json, .csv or .parquet file, whole or not at all. Raises FkdError for another ending.

    columns, lines: the table's columns, and the function that makes its lines of rows that are not of `answer_row`.
    """
    write, lines = _writer(path), lines or _lines
    with replacing(path) as unfinished:
        if write is _write_json:
            _write_json(unfinished, rows)
        else:
            write(unfinished, columns, lines(rows))


def read_points(path: Path | str) -> list[np.ndarray]:
    """Read each face's points from a .pts (15 or 68 points), .csv or .json file: float32 [15, 2] px, NaN if missing.

    A csv has the competition's columns, in any order and among others; a JSON is rows, or one face's
    {"points": {name: [x, y]}}. Raises FkdError, naming the expected format, for anything else.
    """
    with open_regular(path, MAX_BYTES) as file:
        return [points for *_, points in read_named_points(file, Path(path).name)]


def read_named_points(file: "io.BufferedReader[Any]", name: str) -> list[tuple[str, str, np.ndarray]]:
    """As `read_points`, from an open file of this name: (photo, model, points) of each face.

    The photo is the file's own name where it names none, the model empty.
    """
    name = one_line(name)
    reader = READERS.get(Path(name).suffix.lower())
    if reader is None:
        raise FkdError(f"{name} is not a .pts, .csv or .json file: save the true points as one of these")
    numbers, whose = reader(file, name)
    points = numbers.reshape(-1, len(NAMES), 2)
    known = ~np.isnan(points).all((1, 2))
    points = points[known]
    if not len(points):
        raise FkdError(f"{name} has no points")
    if len(points) > MAX_FACES:
        raise FkdError(f"{name} has more than {MAX_FACES:,} faces")
    if (np.abs(points) > MAX_PX).any():
        raise FkdError(f"{name}: a point is more than {MAX_PX:,} px away, expected pixels of the photo")
    if (np.isnan(points).sum(2) == 1).any():
        raise FkdError(f"{name}: a point has only one of x and y, expected both or none")
    named = zip(itertools.compress(whose, known), points.astype(np.float32), strict=True)
    # Compare's downloads call every photo "photo".
    return [(name if photo in ("", "photo") else photo, model, face) for (photo, model), face in named]


class Journal:
    """OUT.part: a line with the run's settings, then the row of each photo as it comes, for `--resume`.

    `done` are the photos of an earlier run. Raises FkdError if that had other settings, or is not to be resumed.
    """

    def __init__(self, out: Path, settings: Row, resume: bool):
        _writer(out)
        self.path, self.done = out.with_name(f"{out.name}.part"), set[str]()
        if self.path.exists() and not resume:
            raise FkdError(f"{self.path} is of an unfinished run: continue it with --resume, or delete it")
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out)
        self.file = self.path.open("ab+")
        self.file.seek(0)
        size = 0
        for line in self.file:
            if not line.endswith(b"\n"):  # cut short by a kill
                break
            row = json.loads(line)
            if not size and row != settings:
                raise FkdError(f"{self.path} is of another run ({row}, now {settings}): delete it or change --out")
            self.done.add(row.get("photo", ""))
            size += len(line)
        self.file.truncate(size)
        if not size:
            self.write(settings)

    def write(self, row: Row) -> None:
        """Add a row; a kill of this process loses none that was added."""
        self.file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        self.file.flush()

    def rows(self) -> Iterator[Row]:
        """All rows, of earlier runs too."""
        with self.path.open("rb") as file:
            yield from map(json.loads, itertools.islice(file, 1, None))


def _lines(rows: Iterable[Row]) -> Iterator[Row]:
    """The lines of a table, with the columns of TABLE that each has."""
    for row in rows:
        start = {"photo": row["photo"], "model": row["model"]}
        if not row["faces"]:
            yield start | {"error": row.get("error")}
        for number, face in enumerate(row["faces"], 1):
            line = start | {"face": number} | dict(zip(BOX, face["box"], strict=True))
            points = [face["points"].get(name, MISSING) for name in NAMES]
            line |= zip(COLUMNS, itertools.chain.from_iterable(points), strict=True)
            yield line | {f"{name}_spread": spread for name, spread in face.get("spread", {}).items()}


def _writer(path: Path) -> Any:
    writers = {".json": _write_json, ".csv": write_csv, ".parquet": _write_parquet}
    kind = path.suffix.lower()
    if kind not in writers:
        raise FkdError(f"{path} has an unknown format, expected a name that ends in {', '.join(writers)}")
    if kind == ".parquet":
        require("pyarrow", "parquet")
    return writers[kind]


def _write_json(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w") as file:
        file.write("[")
        for number, row in enumerate(rows):
            file.write(f"{',' if number else ''}\n{json.dumps(row)}")
        file.write("\n]\n")


def _write_parquet(path: Path, columns: Sequence[str], lines: Iterable[Row]) -> None:
    import pandas as pd  # noqa: PLC0415 - as in `to_table`

    pd.DataFrame(list(lines), columns=list(columns)).to_parquet(path)


def _read_pts(file: io.BufferedReader, name: str) -> Named:
    body = re.search(r"\{([^}]*)\}", file.read().decode(errors="replace"))
    try:
        points = np.array(body[1].split() if body else [], np.float64) - 1
    except ValueError as error:
        raise FkdError(f"{name}: expected numbers ({one_line(error)})") from None
    if points.size == 2 * 68:
        points = to_15(points.reshape(68, 2))
    if points.size != 2 * len(NAMES):
        expected = f"expected {len(NAMES)} or 68 points, one `x y` per line between {{ and }}"
        raise FkdError(f"{name} has {points.size // 2} points, {expected}")
    return points, [("", "")]


def _read_csv(file: io.BufferedReader, name: str) -> Named:
    from fkd.data.table import Table  # noqa: PLC0415 - pandas

    table = Table(name, file, OTHERS)
    rows = table.read(("photo", "model", *COLUMNS), ("photo", *COLUMNS), COLUMNS)
    whose = rows.reindex(columns=["photo", "model"], fill_value="").itertuples(index=False, name=None)
    return table.numbers(rows[list(COLUMNS)], -MAX_PX, MAX_PX, "pixels of the photo"), whose


@dataclass(frozen=True)
class _FacePoints:
    points: dict[Keypoint, tuple[float, float] | None]


def _read_json(file: io.BufferedReader, name: str) -> Named:
    value = parse_json(file.read().decode("utf-8-sig", errors="replace"), name)
    faces: list[Any] = []
    whose: list[tuple[str, str]] = []
    for row in value if isinstance(value, list) else [value]:
        fields = row if isinstance(row, dict) else {}
        inner = fields["faces"] if isinstance(fields.get("faces"), list) else [row]
        faces += inner
        whose += [(str(fields.get("photo", "")), str(fields.get("model", "")))] * len(inner)
    try:
        read = typed(faces, list[_FacePoints], name)
    except FkdError as error:
        raise FkdError(f"{error}: {OTHERS}") from None
    return np.array([[face.points.get(point) or MISSING for point in NAMES] for face in read], np.float64), whose


READERS = {".pts": _read_pts, ".csv": _read_csv, ".json": _read_json}
