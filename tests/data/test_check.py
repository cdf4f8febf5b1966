import numpy as np
from conftest import draw_faces, write_competition

from fkd.data.check import check
from fkd.data.faces import Faces


def test_check_reports_what_is_odd(tmp_path):
    faces = draw_faces(60)
    images, points = faces.images.copy(), faces.points.copy()
    images[1] = images[0]
    points[2, [0, 1]] = points[2, [1, 0]]
    points[3] = np.nan
    images[4] = 90
    points[5, 11] = (5, 5)
    write_competition(tmp_path, Faces(images, points), draw_faces(2, seed=1))
    report = check(tmp_path)
    assert report.rows == 60 and report.four_point_rows == 24 and report.exact_duplicates == 1
    assert report.labels["nose_tip"] == 59
    assert set(report.suspicious) >= {3, 4, 5, 6}
    assert "swapped" in report.suspicious[3] and "mouth_left_corner" in report.suspicious[6]
