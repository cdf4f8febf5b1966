"""Write faces in the competition's layout: training.csv, test.csv, IdLookupTable.csv, plain or zipped."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fkd.errors import FkdError
from fkd.files import replacing
from fkd.keypoints import COLUMNS

FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # of every zip member, so that the same lines give the same bytes


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yields a temporary folder to write into, which becomes `folder` if the block ends without an error.

    Raises:
        FkdError: `folder` already exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FkdError(f"{folder} already exists and is not empty: choose another folder")
    with replacing(folder) as unfinished:
        unfinished.mkdir()
        yield unfinished


def write_csv(path: Path, lines: Iterable[str]) -> None:
    """Writes a csv of these lines; if the path ends in .zip, packed as the competition packs its files."""
    with replacing(path) as unfinished:
        if path.suffix != ".zip":
            with unfinished.open("w", newline="") as file:
                file.writelines(f"{line}\n" for line in lines)
            return
        member = zipfile.ZipInfo(f"{path.stem}.csv", FIXED_TIME)
        member.compress_type = zipfile.ZIP_DEFLATED
        with (
            zipfile.ZipFile(unfinished, "w", compresslevel=9) as archive,
            archive.open(member, "w") as packed,
            io.TextIOWrapper(packed, newline="") as file,
        ):
            file.writelines(f"{line}\n" for line in lines)


def training_lines(images: np.ndarray, points: np.ndarray) -> Iterator[str]:
    """The lines of training.csv: images uint8 [N, 96, 96], points [N, 15, 2] px; a NaN is an empty cell."""
    yield ",".join([*COLUMNS, "Image"])
    for image, values in zip(images, points.reshape(len(points), -1), strict=True):
        yield ",".join(["" if np.isnan(value) else f"{value:.4f}" for value in values] + [_pixels(image)])


def test_lines(images: np.ndarray) -> Iterator[str]:
    """The lines of test.csv: images uint8 [N, 96, 96], with the ImageIds 1 to N."""
    yield "ImageId,Image"
    for image_id, image in enumerate(images, 1):
        yield f"{image_id},{_pixels(image)}"


def lookup_lines(wanted: np.ndarray) -> Iterator[str]:
    """The lines of IdLookupTable.csv that request the coordinates `wanted`, bool [N, 15, 2].

    As in the competition's own file, rows end after the third cell.
    """
    yield "RowId,ImageId,FeatureName,Location"
    for row_id, (image, column) in enumerate(np.argwhere(wanted.reshape(len(wanted), -1)), 1):
        yield f"{row_id},{image + 1},{COLUMNS[column]}"


def _pixels(image: np.ndarray) -> str:
    return " ".join(map(str, image.ravel().tolist()))
