"""The held-out tenth of a training file as a test set of its own, for predictions that others make."""

from pathlib import Path

import numpy as np
from PIL import Image

from fkd.data.faces import Faces
from fkd.data.layout import lookup_lines, new_folder, test_lines, write_csv
from fkd.data.split import in_order, split_data


def held_out(data: Path | str) -> Faces:
    """The held-out tenth of a training file, in the order in which `export_test` numbers its frames.

    Raises as `read_training` does.
    """
    faces, split = split_data(data)
    return in_order(faces[split.test])


def export_test(data: Path | str, folder: Path) -> Faces:
    """Writes the held-out tenth's frames and which of their coordinates are wanted, without a label; returns the tenth.

    FOLDER gets test.csv and IdLookupTable.csv in the competition's layout, so that it is a data folder for
    `submission`, and each frame as frames/IMAGEID.png.
    Raises as `read_training` does, and ValueError for a folder that holds something already.
    """
    with new_folder(folder) as unfinished:
        faces = held_out(data)
        (unfinished / "frames").mkdir()
        write_csv(unfinished / "test.csv", test_lines(faces.images))
        write_csv(unfinished / "IdLookupTable.csv", lookup_lines(np.isfinite(faces.points)))
        for image_id, image in enumerate(faces.images, 1):
            Image.fromarray(image).save(unfinished / "frames" / f"{image_id}.png")
    return faces
