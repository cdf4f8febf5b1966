import numpy as np

from fkd.data.faces import is_four_point


def test_four_point_rows_are_known_by_their_labels(faces):
    four_point = faces.four_point
    assert not four_point[:36].any() and four_point[36:].all()
    assert not is_four_point(np.full((1, 15, 2), np.nan, np.float32)).any()
