import sys

import numpy as np
import pytest

from fkd.keypoints import COLUMNS
from fkd.photo.face import Face
from fkd.photo.faces import FacesInPhoto

POINTS = np.arange(60, dtype=np.float32).reshape(2, 15, 2)
FACES = FacesInPhoto(Face((n, 1.0, 2.0, 3.0), points, np.zeros((96, 96), np.uint8)) for n, points in enumerate(POINTS))


def test_faces_become_a_table_with_one_row_each():
    table = FACES.to_frame()
    assert list(table) == ["face", "x0", "y0", "x1", "y1", *COLUMNS] and table["face"].tolist() == [1, 2]
    assert np.array_equal(table[list(COLUMNS)].to_numpy().reshape(2, 15, 2), POINTS)
    assert table["x0"].tolist() == [0, 1]
    assert FacesInPhoto().to_frame().shape == (0, 35)


def test_faces_become_supervisions_keypoints():
    supervision = pytest.importorskip("supervision")
    points = FACES.to_supervision()
    assert isinstance(points, supervision.KeyPoints) and np.array_equal(points.xy, POINTS)
    picture = supervision.VertexAnnotator(radius=2).annotate(np.zeros((80, 80, 3), np.uint8), points)
    assert picture[1, 0].any() and len(FacesInPhoto().to_supervision()) == 0


def test_without_supervision_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ValueError, match=r"supervision is not installed: pip install 'fkd\[supervision\]'"):
        FACES.to_supervision()
