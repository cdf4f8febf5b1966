"""A profile: a folder with an actor's pictures, CLIP.NNNN.jpg (frames count from 0), and the points marked in them.

Coordinates are px of the picture, (0, 0) the centre of its top-left pixel; a missing point is NaN, in a csv an empty
cell. The points are in one of FORMS; "txt" is a file CLIP.NNNN.txt for each picture, a line `x y` for each of NAMES.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fkd.errors import FkdError
from fkd.files import one_line, open_regular, read_bytes, replacing
from fkd.keypoints import COLUMNS, NAMES
from fkd.photo.point_files import MAX_BYTES, MAX_PX, read_named_points
from fkd.photo.reading import PHOTOS

FORMS = {"fkd": "points.csv", "deeplabcut": "CollectedData_fkd.csv", "txt": "*.txt"}
MARKED = [name for name in NAMES for _ in "xy"]
HEADS = {  # of a table: fkd's as `fkd predict` writes it
    "points.csv": [["photo", *COLUMNS]],
    "CollectedData": [["scorer", *["fkd"] * 30], ["bodyparts", *MARKED], ["coords", *["x", "y"] * len(NAMES)]],
}


def picture_name(clip: Path, number: int) -> str:
    """Return the name of the picture of a clip's frame, one that every system can store."""
    stem = unicodedata.normalize("NFC", clip.stem)
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]|^\W', "_", f"{stem}.{number:04d}.jpg")


def pictures_in(profile: Path) -> dict[str, Path]:
    """Return the pictures of a profile by their names, sorted; macOS may spell these with other bytes."""
    paths = sorted(path for path in profile.glob("[!.]*") if path.suffix.lower() in PHOTOS)
    return {unicodedata.normalize("NFC", path.name): path for path in paths}


def points_file(profile: Path) -> Path | None:
    """Return the file with a profile's points, the first of several texts. Raises FkdError for points in two forms."""
    texts = [path.with_suffix(".txt") for path in pictures_in(profile).values() if path.with_suffix(".txt").exists()]
    files = [*profile.glob(FORMS["fkd"]), *sorted(profile.glob("CollectedData_*.csv")), *texts[:1]]
    if len(files) > 1:
        names = f"{files[0].name} and {files[1].name}"
        raise FkdError(f"{profile} has points in {names}: keep the corrected ones, and move the others away")
    return files[0] if files else None


def read_profile(profile: Path) -> dict[str, np.ndarray]:
    """Return the points float32 [15, 2] px of each picture that has some. Raises FkdError, naming the defect."""
    path, pictures = points_file(profile), pictures_in(profile)
    if path is None:
        raise FkdError(f"{profile} has no points: expected a folder as `fkd frames` writes it")
    marks: dict[str, np.ndarray] = {}
    read = {".csv": _read_csv if path.name == FORMS["fkd"] else _read_collected, ".txt": _read_texts}[path.suffix]
    for name, cells in read(path):
        name = unicodedata.normalize("NFC", PurePosixPath(name.replace("\\", "/")).name)
        where = f"{profile.name}: the row of {one_line(name)} in {path.name}"
        try:
            points = np.array(cells, np.float32).reshape(len(NAMES), 2)
        except ValueError:
            found = one_line(" ".join(map(str, cells)), 60)
            raise FkdError(f"{where} is {found!r}, expected {len(NAMES)} points `x y`, nan nan if missing") from None
        if name not in pictures or name in marks:
            raise FkdError(f"{where} is {'repeated' if name in marks else 'of a picture that is not there'}")
        if (np.abs(points) > MAX_PX).any() or (np.isnan(points).sum(1) == 1).any():
            raise FkdError(f"{where} has a point with only one of x and y, or far outside the picture")
        if np.isfinite(points).any():
            marks[name] = points
    return marks


def write_marks(profile: Path, marks: Mapping[str, np.ndarray], form: str) -> None:
    """Add points [15, 2] px to those of a profile, which stay as they are, in its form, or this one if it has none."""
    path = points_file(profile)
    merged: dict[str, np.ndarray] = read_profile(profile) if path else {}
    for name, points in marks.items():
        merged[name] = np.where(np.isfinite(merged[name]), merged[name], points) if name in merged else points
    path = path or profile / FORMS[form]
    if path.suffix == ".txt":
        for name in marks:
            with replacing(profile / Path(name).with_suffix(".txt")) as unfinished:
                unfinished.write_text("".join(f"{x:15.7e} {y:15.7e}\n" for x, y in merged[name]))
        return
    start, rows = "" if path.name == FORMS["fkd"] else f"labeled-data/{profile.resolve().name}/", []
    for name in sorted(merged):
        rows.append([start + name, *("" if value != value else f"{value:.3f}" for value in merged[name].flat)])
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([*HEADS[path.name.partition("_")[0]], *rows])


def _read_csv(path: Path) -> Iterator[tuple[str, Any]]:
    with open_regular(path, MAX_BYTES) as file:
        for name, _, points in read_named_points(file, path.name):
            yield name, points


def _read_collected(path: Path) -> Iterator[tuple[str, Any]]:
    rows = [row for row in csv.reader(io.StringIO(_text(path))) if row]
    heads = {row[0]: row for row in rows[:3]}
    parts, axes = heads.get("bodyparts", []), heads.get("coords", [])
    columns = [f"{part}_{axis}" for part, axis in zip(parts, axes, strict=False)]
    if not {*columns} & {*COLUMNS}:
        raise FkdError(f"{path.name} has no rows bodyparts and coords that name points of fkd, such as nose_tip")
    for row in rows[3:]:
        cells = dict(zip(columns, row, strict=False))
        # Newer versions of DeepLabCut spread the picture's path over three cells.
        yield row[: axes.index("x")][-1], [cells.get(column) or "nan" for column in COLUMNS]


def _read_texts(path: Path) -> Iterator[tuple[str, Any]]:
    for name, picture in pictures_in(path.parent).items():
        if (text := picture.with_suffix(".txt")).exists():
            yield name, _text(text).split()


def _text(path: Path) -> str:
    return read_bytes(path, MAX_BYTES).decode("utf-8-sig", errors="replace")
