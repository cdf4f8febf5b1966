"""Export the held-out tenth of a training file as a test set, for predictions by other programs."""

from pathlib import Path

import numpy as np
from PIL import Image

from fkd.data.faces import Faces
from fkd.data.layout import lookup_lines, new_folder, test_lines, write_csv
from fkd.data.split import in_order, split_data


def held_out(data: Path | str) -> Faces:
    """Returns the held-out tenth of a training file, in the order of `export_test`'s ImageIds.

    Raises as `read_training` does.
    """
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
        (unfinished / "frames").mkdir()
        write_csv(unfinished / "test.csv", test_lines(faces.images))
        write_csv(unfinished / "IdLookupTable.csv", lookup_lines(np.isfinite(faces.points)))
        for image_id, image in enumerate(faces.images, 1):
            Image.fromarray(image).save(unfinished / "frames" / f"{image_id}.png")
    return faces
