"""Test images + IdLookupTable -> the competition's submission.csv."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fkd.data.competition import read_lookup, read_test
from fkd.errors import FkdError
from fkd.files import replacing
from fkd.keypoints import COLUMNS, FOUR_POINT, FRAME_SIZE, NAMES
from fkd.photo.detector import Detector, mean_on_frames


def submission(detectors: Sequence[Detector], data: Path | str, mirror: bool = False) -> pd.DataFrame:
    """Answers every row of IdLookupTable.csv: columns RowId and Location, px, clipped to the frame.

    An image for which only the four points are requested is answered in their convention. Several detectors
    are averaged. Raises as `read_test` and `read_lookup` do, and FkdError for an ImageId without image.
    """
    test, lookup = read_test(data), read_lookup(data)
    place = {image_id: row for row, image_id in enumerate(test.image_ids.tolist())}
    places = lookup["ImageId"].map(place)
    if places.isna().any():
        image_id = lookup["ImageId"][places.isna()].iloc[0]
        raise FkdError(f"IdLookupTable.csv asks for ImageId {image_id}, which test.csv does not have")
    rows = places.to_numpy(np.int64)
    columns = lookup["FeatureName"].map(COLUMNS.index).to_numpy(np.int64)
    asked = np.zeros((len(test.images), len(NAMES)), bool)
    asked[rows, columns // 2] = True
    others = [index for index in range(len(NAMES)) if index not in FOUR_POINT]
    four_point = np.asarray(asked.any(1) & ~asked[:, others].any(1))
    points = mean_on_frames(detectors, test.images, four_point, mirror)  # [M, 15, 2] px
    location = points.reshape(len(points), -1)[rows, columns].clip(0, FRAME_SIZE - 1)
    return pd.DataFrame({"RowId": lookup["RowId"], "Location": location})


def write_submission(answers: pd.DataFrame, lookup: pd.DataFrame, path: Path | str) -> None:
    """Write a submission to a temporary file, read it back against the lookup table, then rename it.

    Raises FkdError if its RowIds are not exactly the table's, or a value is missing.
    """
    with replacing(path) as unfinished:
        answers.to_csv(unfinished, index=False, float_format="%.4f")
        back = pd.read_csv(unfinished)
        if back["RowId"].tolist() != lookup["RowId"].tolist() or not np.isfinite(back["Location"]).all():
            raise FkdError(f"the answers do not match IdLookupTable.csv row by row, so {path} was not written")
