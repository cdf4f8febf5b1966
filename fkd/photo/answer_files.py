"""The rows of `fkd predict`: a journal as they come, from which a killed run resumes, then json, csv or Parquet.

A json is a list of the rows as they are. A table, csv or Parquet, has a row per face, or one without a face for a photo
that has none: photo, face (from 1), model, box, the competition's columns, the spread of each point, error; all in px
of the upright photo.
"""

import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fkd.errors import FkdError
from fkd.files import remove_leftovers, replacing
from fkd.keypoints import COLUMNS, NAMES

BOX = ("box_left", "box_top", "box_right", "box_bottom")
SPREAD = tuple(f"{name}_spread" for name in NAMES)
TABLE = ("photo", "face", "model", *BOX, *COLUMNS, *SPREAD, "error")
FORMATS = (".json", ".csv", ".parquet")
MOST_ERRORS = 10  # that are kept to be said at the end
AT_ONCE = 10_000  # rows of a Parquet file that are in memory while it is written
Row = dict[str, Any]  # {"photo": name, "faces": [Face.to_json(), ...]}; "error" too if it has no answer


class Journal:
    """The file OUT.part, which has a line about the run, then a line for each photo that is done.

    run: settings that a resumed run must share. done: the photos that an earlier run has done. photos, faces: how
    many there are by now. failed: how many photos have no answer; errors: why, of the first MOST_ERRORS. Raises
    FkdError if there is a journal and `resume` is not asked for, or if it is of another run.
    """

    def __init__(self, out: Path, run: Row, resume: bool):
        if out.suffix.lower() not in FORMATS:
            raise FkdError(f"--out is {out.name}, expected a name that ends in {', '.join(FORMATS)}")
        if out.suffix.lower() == ".parquet":
            _pyarrow()
        self.out, self.path, self.model = out, journal_of(out), str(run["model"])
        self.done: set[str] = set()
        self.photos = self.faces = self.failed = 0
        self.errors: list[str] = []
        out.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not resume:
            raise FkdError(f"{self.path} is of a run that did not end: --resume goes on with it, or remove it")
        self.file = self.path.open("ab+")
        self._take_up(run)

    def _take_up(self, run: Row) -> None:
        self.file.seek(0)
        whole = 0  # bytes; a line truncated by a kill is dropped
        for line in iter(self.file.readline, b""):
            if not line.endswith(b"\n"):
                break
            row = json.loads(line)
            if whole == 0 and row != run:
                raise FkdError(f"{self.path} is of another run ({row}, now {run}): remove it, or choose another --out")
            if whole:
                self.done.add(row["photo"])
                self._count(row)
            whole += len(line)
        self.file.truncate(whole)
        if not whole:
            self._append(run)

    def write(self, row: Row) -> None:
        """Adds a row; a kill of this process loses none that was added."""
        self._append(row)
        self._count(row)

    def _append(self, row: Row) -> None:
        self.file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        self.file.flush()

    def _count(self, row: Row) -> None:
        self.photos += 1
        self.faces += len(row["faces"])
        if "error" in row:
            self.failed += 1
            self.errors += [row["error"]] if self.failed <= MOST_ERRORS else []

    def finish(self) -> None:
        """Makes OUT of all rows, whole or not at all, and removes the journal."""
        self.file.close()
        remove_leftovers(self.out)  # of a run that was killed here
        with replacing(self.out) as unfinished:
            if self.out.suffix.lower() == ".json":
                with unfinished.open("w") as file:
                    file.writelines(itertools.chain(_listed(self._rows()), ["\n]\n"]))
            elif self.out.suffix.lower() == ".csv":
                with unfinished.open("w", newline="", encoding="utf-8") as file:
                    table = csv.DictWriter(file, TABLE)
                    table.writeheader()
                    table.writerows(to_table(self._rows(), self.model))
            else:
                _write_parquet(unfinished, to_table(self._rows(), self.model))
        self.path.unlink()

    def _rows(self) -> Iterator[Row]:
        with self.path.open("rb") as file:
            yield from map(json.loads, itertools.islice(file, 1, None))


def journal_of(out: Path) -> Path:
    """The journal of a run that writes `out`."""
    return out.with_name(f"{out.name}.part")


def to_table(rows: Iterable[Row], model: str) -> Iterator[Row]:
    """The rows of a table, with the columns of TABLE that it has."""
    for row in rows:
        photo = row["photo"].encode(errors="backslashreplace").decode()  # a file's name may not be valid Unicode
        if not row["faces"]:
            yield {"photo": photo, "model": model, "error": row.get("error")}
        for number, face in enumerate(row["faces"], 1):
            points = [value for name in NAMES for value in face["points"][name]]
            spread = [face["spread"][name] for name in NAMES] if "spread" in face else []
            columns = zip((*BOX, *COLUMNS, *SPREAD), (*face["box"], *points, *spread), strict=False)
            yield {"photo": photo, "face": number, "model": model, **dict(columns)}


def arrow_table(rows: list[Row]) -> Any:
    """A pyarrow.Table of TABLE's columns."""
    arrow = _pyarrow()
    types = {"face": arrow.int32(), **dict.fromkeys(("photo", "model", "error"), arrow.string())}
    schema = arrow.schema([(name, types.get(name, arrow.float32())) for name in TABLE])
    return arrow.Table.from_pylist(rows, schema)


def _listed(rows: Iterable[Row]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield f"{',' if number else ''}\n{json.dumps(row)}"


def _write_parquet(path: Path, rows: Iterator[Row]) -> None:
    import pyarrow.parquet  # noqa: PLC0415 - an extra that only Parquet needs

    with pyarrow.parquet.ParquetWriter(path, arrow_table([]).schema) as file:
        for some in iter(lambda: list(itertools.islice(rows, AT_ONCE)), []):
            file.write_table(arrow_table(some))


def _pyarrow() -> Any:
    try:
        import pyarrow  # noqa: PLC0415 - an extra that only Parquet needs
    except ModuleNotFoundError:
        raise FkdError("Parquet needs pyarrow: pip install 'fkd[parquet]', then run this again") from None
    return pyarrow
