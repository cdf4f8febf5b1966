"""Competition files -> Faces: reading, checks, a cache by content."""

import hashlib
import io
import os
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors
from safetensors.numpy import load_file, save_file

from fkd.files import replacing
from fkd.keypoints import COLUMNS, FRAME_SIZE, NAMES, SPARSE

COMPETITION = "facial-keypoints-detection"
BUNDLE = f"{COMPETITION}.zip"
WHERE_TO_GET = (
    "get the files from https://www.kaggle.com/c/facial-keypoints-detection/data (a free account, and the "
    "competition's rules accepted there), or run `fkd data download DIR`"
)
PIXELS = FRAME_SIZE * FRAME_SIZE
# Half a frame outside is no label any more but a mistake.
LOWEST, HIGHEST = -FRAME_SIZE / 2, FRAME_SIZE * 1.5
CACHE_VERSION = 1


@dataclass(frozen=True)
class Faces:
    """Grey faces and their keypoints.

    images: uint8 [N, 96, 96]. points: float32 [N, 15, 2], frame pixels (x, y), NaN where a label is missing.
    """

    images: np.ndarray
    points: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows) -> "Faces":
        return Faces(self.images[rows], self.points[rows])


@dataclass(frozen=True)
class TestSet:
    """The competition's test images, uint8 [M, 96, 96], and their ids, int64 [M]."""

    images: np.ndarray
    image_ids: np.ndarray


def read_training(data: Path | str) -> Faces:
    """Reads training.csv from a folder (or zip) in the competition's layout; cached by content.

    Raises FileNotFoundError if there is no such file, ValueError for a defect, with the file and the row
    (counted from 1 after the header).
    """
    label, raw = _open(Path(data), "training")
    arrays = cached("training", raw, lambda: _parse_training(label, raw))
    return Faces(arrays["images"], arrays["points"])


def read_test(data: Path | str) -> TestSet:
    """Reads test.csv from a folder (or zip) in the competition's layout; cached by content.

    Raises as `read_training` does.
    """
    label, raw = _open(Path(data), "test")
    arrays = cached("test", raw, lambda: _parse_test(label, raw))
    return TestSet(arrays["images"], arrays["image_ids"])


def read_lookup(data: Path | str) -> pd.DataFrame:
    """Reads IdLookupTable.csv: columns RowId, ImageId (int), FeatureName (a keypoint's column name).

    Raises as `read_training` does.
    """
    label, raw = _open(Path(data), "IdLookupTable")
    table = _read_csv(label, raw)
    expected = ["RowId", "ImageId", "FeatureName", "Location"]
    if list(table.columns) != expected:
        raise ValueError(f"{label}: columns are {_some(table.columns)}, expected {_some(expected)}")
    for row, name in enumerate(table["FeatureName"], 1):
        if name not in COLUMNS:
            raise ValueError(f"{label}: row {row} asks for {name!r}, which is no keypoint coordinate")
    for column in ("RowId", "ImageId"):
        table[column] = _whole_numbers(label, table[column])
    if table["RowId"].duplicated().any():
        row = int(np.flatnonzero(table["RowId"].duplicated())[0]) + 1
        raise ValueError(f"{label}: row {row} repeats RowId {table['RowId'].iloc[row - 1]}")
    return table[["RowId", "ImageId", "FeatureName"]]


def is_sparse(points: np.ndarray) -> np.ndarray:
    """Tells which faces follow the four-point label convention, from which labels they have.

    points: [N, 15, 2]. Returns bool [N]: True where something is labelled, and only points of SPARSE.
    """
    labelled = np.isfinite(points).all(-1)  # [N, 15]
    others = [index for index in range(len(NAMES)) if index not in SPARSE]
    return labelled.any(1) & ~labelled[:, others].any(1)


def _open(data: Path, stem: str) -> tuple[str, bytes]:
    """Finds STEM.csv under `data` and returns its name for messages and the bytes of the csv or its zip."""
    if data.is_file():
        candidates = [data]
    elif data.is_dir():
        candidates = [data / f"{stem}.csv", data / f"{stem}.zip", data / BUNDLE]
    else:
        raise FileNotFoundError(f"{data} does not exist: {WHERE_TO_GET}")
    for path in candidates:
        if not path.is_file():
            continue
        if path.suffix == ".csv":
            if path.stem == stem:
                return path.name, path.read_bytes()
            continue
        member = _member(path.name, path.read_bytes(), stem)
        if member:
            return member
    raise FileNotFoundError(f"no {stem}.csv, {stem}.zip or {BUNDLE} in {data}: {WHERE_TO_GET}")


def _member(label: str, raw: bytes, stem: str) -> tuple[str, bytes] | None:
    """Looks into a zip for STEM.csv, or for STEM.zip inside it (as the competition's one big file has)."""
    with _zip(label, raw) as archive:
        names = {Path(name).name: name for name in archive.namelist() if "__MACOSX" not in name}
        if f"{stem}.csv" in names:
            if len(names) == 1:  # hashed as it lies; it is unpacked only if the cache does not know it
                return label, raw
            return f"{label}/{stem}.csv", _extract(archive, names[f"{stem}.csv"], label)
        if f"{stem}.zip" in names:
            return f"{label}/{stem}.zip", _extract(archive, names[f"{stem}.zip"], label)
    return None


def _zip(label: str, raw: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(raw))
    except zipfile.BadZipFile as error:
        raise ValueError(f"{label} is damaged or no zip file ({error}): download it again") from None


def _extract(archive: zipfile.ZipFile, name: str, label: str) -> bytes:
    try:
        return archive.read(name)
    except Exception as error:  # zipfile, zlib and lzma each raise their own
        raise ValueError(f"{label} is damaged at {name} ({error}): download it again") from None


def cached(kind: str, raw: bytes, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Returns make() from the cache if these bytes were seen before; writes aside, then renames."""
    root = Path(os.environ.get("FKD_CACHE") or Path.home() / ".cache" / "fkd")
    path = root / f"{kind}-v{CACHE_VERSION}-{hashlib.sha256(raw).hexdigest()[:32]}.safetensors"
    if path.exists():
        try:
            return load_file(path)
        except (OSError, safetensors.SafetensorError) as error:
            warnings.warn(f"{path} is damaged ({error}) and is made anew", stacklevel=3)
    # safetensors writes an array's memory as it lies, so a column-major one would come back scrambled.
    arrays = {name: np.ascontiguousarray(array) for name, array in make().items()}
    try:
        with replacing(path) as aside:
            save_file(arrays, aside)
    except OSError as error:
        warnings.warn(f"nothing is cached, so each start reads the csv again: {error}", stacklevel=3)
    return arrays


def _read_csv(label: str, raw: bytes) -> pd.DataFrame:
    """Reads a csv, or the one csv in a zip, all as text."""
    if raw[:2] == b"PK":
        with _zip(label, raw) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv") and "__MACOSX" not in name]
            if len(names) != 1:
                raise ValueError(f"{label} holds {len(names)} csv files, expected one")
            raw = _extract(archive, names[0], label)
    if not raw.strip():
        raise ValueError(f"{label} is empty: download it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header would be cut
            table = pd.read_csv(io.BytesIO(raw), dtype=str, keep_default_na=False, index_col=False)
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())
        raise ValueError(f"{label} is not a readable csv file ({what}): export or download it again") from None
    if table.empty:
        raise ValueError(f"{label} has a header but no rows: download it again")
    return table


def _parse_training(label: str, raw: bytes) -> dict[str, np.ndarray]:
    table = _read_csv(label, raw)
    expected = [*COLUMNS, "Image"]
    columns = list(table.columns)
    if columns != expected:
        missing = [name for name in expected if name not in columns]
        strange = [name for name in columns if name not in expected]
        if missing or strange:
            what = f"lacks {_some(missing)}" if missing else f"has the unknown {_some(strange)}"
        else:
            at = next(i for i, (a, b) in enumerate(zip(columns, expected, strict=True)) if a != b)
            what = f"has {columns[at]} where {expected[at]} belongs"
        raise ValueError(f"{label}: the header {what}; expected the competition's 30 coordinates, then Image")
    images = _pixels(label, table["Image"])
    numbers = table[list(COLUMNS)].apply(pd.to_numeric, errors="coerce")
    values = numbers.to_numpy(np.float32)  # [N, 30]
    blank = table[list(COLUMNS)].apply(lambda column: column.str.strip() == "").to_numpy()
    bad = ~blank & ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        found = table[COLUMNS[column]].iloc[row]
        raise ValueError(f"{label}: row {row + 1} has {COLUMNS[column]} = {found!r}, expected a number or nothing")
    far = (values < LOWEST) | (values > HIGHEST)
    if far.any():
        row, column = np.argwhere(far)[0]
        raise ValueError(
            f"{label}: row {row + 1} has {COLUMNS[column]} = {values[row, column]:g}, far outside the frame of "
            f"{FRAME_SIZE} x {FRAME_SIZE} px: correct it, or leave it empty if the point is not known"
        )
    points = values.reshape(-1, len(NAMES), 2)
    half = np.isnan(points).any(-1) & ~np.isnan(points).all(-1)
    if half.any():
        row, point = np.argwhere(half)[0]
        raise ValueError(f"{label}: row {row + 1} has only one of x and y for {NAMES[point]}, expected both or none")
    return {"images": images, "points": points}


def _parse_test(label: str, raw: bytes) -> dict[str, np.ndarray]:
    table = _read_csv(label, raw)
    if list(table.columns) != ["ImageId", "Image"]:
        raise ValueError(f"{label}: columns are {_some(table.columns)}, expected ImageId, Image")
    ids = _whole_numbers(label, table["ImageId"])
    return {"images": _pixels(label, table["Image"]), "image_ids": ids}


def _whole_numbers(label: str, column: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy()
    bad = ~(np.isfinite(numbers) & (numbers % 1 == 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{label}: row {row + 1} has {column.name} = {column.iloc[row]!r}, expected a whole number")
    return numbers.astype(np.int64)


def _pixels(label: str, column: pd.Series) -> np.ndarray:
    """Text of 9,216 numbers a row -> uint8 [N, 96, 96]."""
    images = np.empty((len(column), PIXELS), np.uint8)
    for row, text in enumerate(column):
        words = text.split()
        if len(words) != PIXELS:
            raise ValueError(
                f"{label}: row {row + 1} has {len(words):,} pixels, expected {PIXELS:,} ({FRAME_SIZE} x {FRAME_SIZE})"
            )
        try:
            images[row] = np.array(words, dtype=np.uint8)
        except (ValueError, OverflowError):
            bad = next(word for word in words if not (word.isdecimal() and int(word) <= 255))
            raise ValueError(
                f"{label}: row {row + 1} has the pixel {bad!r}, expected a whole number from 0 to 255"
            ) from None
    return images.reshape(-1, FRAME_SIZE, FRAME_SIZE)


def _some(names) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def download(folder: Path | str) -> Path:
    """Downloads the competition's files from Kaggle with kagglehub, and returns the folder.

    Raises ValueError, with what to do, if kagglehub is not installed, there is no account, or its rules are
    not accepted.
    """
    try:
        import kagglehub  # noqa: PLC0415 - an extra that only this command needs
    except ModuleNotFoundError:
        raise ValueError("downloading needs kagglehub: pip install 'fkd[kaggle]', then run this again") from None
    try:
        kagglehub.competition_download(COMPETITION, output_dir=str(folder))
    except kagglehub.exceptions.UnauthenticatedError:
        raise ValueError(
            "Kaggle asks for an account: create a token at https://www.kaggle.com/settings and save it as that "
            "page says (or set KAGGLE_API_TOKEN), then run this again"
        ) from None
    except kagglehub.exceptions.KaggleApiHTTPError as error:
        raise ValueError(
            f"Kaggle refused the download ({error}): accept the competition's rules at "
            f"https://www.kaggle.com/c/{COMPETITION}/rules with the account of your token, then run this again"
        ) from None
    except OSError as error:  # requests' errors are OSErrors
        raise ValueError(f"the download failed ({error}): check the connection, then run this again") from None
    return Path(folder)
