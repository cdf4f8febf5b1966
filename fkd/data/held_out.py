"""Export the held-out tenth of a training file as a test set, for predictions by other programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fkd.data.faces import Faces
from fkd.data.split import in_order, split_data
from fkd.errors import FkdError
from fkd.files import replacing
from fkd.keypoints import COLUMNS


def held_out(data: Path | str) -> Faces:
    """The held-out tenth of a training file, in the order of `export_test`'s ImageIds; raises as `read_training`."""
    faces, split = split_data(data)
    return faces[in_order(faces, split.test)]


def export_test(data: Path | str, folder: Path) -> Faces:
    """Writes the held-out frames without their labels, and returns the held-out faces.

    The folder gets test.csv and IdLookupTable.csv in the competition's layout, so `submission` accepts it as its
    data folder, and each frame as frames/IMAGEID.png.
    Raises as `read_training` does, and FkdError if the folder exists and is not empty.
    """
    with new_folder(folder) as unfinished:
        faces = held_out(data)
        test_table(faces.images).to_csv(unfinished / "test.csv", index=False)
        lookup_table(np.isfinite(faces.points)).to_csv(unfinished / "IdLookupTable.csv", index=False)
        (unfinished / "frames").mkdir()
        for image_id, image in enumerate(faces.images, 1):
            Image.fromarray(image).save(unfinished / "frames" / f"{image_id}.png")
    return faces


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


def test_table(images: np.ndarray) -> pd.DataFrame:
    """A test.csv: images uint8 [N, 96, 96], with the ImageIds 1 to N."""
    pixels = [" ".join(map(str, image.ravel().tolist())) for image in images]
    return pd.DataFrame({"ImageId": range(1, len(images) + 1), "Image": pixels})


def lookup_table(wanted: np.ndarray) -> pd.DataFrame:
    """An IdLookupTable.csv that requests the coordinates `wanted`, bool [N, 15, 2]."""
    image, column = np.nonzero(wanted.reshape(len(wanted), -1))
    names = np.array(COLUMNS)[column]
    return pd.DataFrame({"RowId": range(1, len(image) + 1), "ImageId": image + 1, "FeatureName": names, "Location": ""})
