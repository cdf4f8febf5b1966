"""Test images + IdLookupTable -> the competition's submission.csv."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fkd.data.competition import read_lookup, read_test, submission_problem
from fkd.errors import FkdError
from fkd.keypoints import COLUMNS, FOUR_POINT, FRAME_SIZE, NAMES
from fkd.photo.detector import Detector, mean_on_frames


def submission(detectors: Sequence[Detector], data: Path | str, mirror: bool = False) -> pd.DataFrame:
    """Answer every row of IdLookupTable.csv: columns RowId and Location, px, clipped to the frame.

    An image for which only the four points are requested is answered in their convention. Several detectors
    are averaged. Raises as `read_test` and `read_lookup` do, and FkdError for an ImageId without image.
    """
    if problem := submission_problem(data):
        raise FkdError(problem)
    test, lookup = read_test(data), read_lookup(data)
    rows = pd.Index(test.image_ids).get_indexer(lookup["ImageId"])
    columns = lookup["FeatureName"].map(COLUMNS.index).to_numpy(np.int64)
    requested = np.zeros((len(test.images), len(NAMES)), bool)
    requested[rows, columns // 2] = True
    four_point = np.asarray(requested.any(1) & ~np.delete(requested, FOUR_POINT, 1).any(1))
    points = mean_on_frames(detectors, test.images, four_point, mirror)  # [M, 15, 2] px
    location = points.reshape(len(points), -1)[rows, columns].clip(0, FRAME_SIZE - 1)
    return pd.DataFrame({"RowId": lookup["RowId"], "Location": location})
