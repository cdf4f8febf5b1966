import numpy as np
from PIL import Image

from fkd.keypoints import MEAN_FACE
from fkd.photo.colours import GREEN
from fkd.photo.draw import draw_points


def test_drawing_marks_the_points_and_leaves_the_photo_alone():
    photo = Image.new("RGB", (200, 150), "black")
    points = np.array(MEAN_FACE) + (40, 20)
    drawn = draw_points(photo, [points], GREEN)
    assert np.asarray(photo).sum() == 0
    green = np.asarray(drawn)[..., 1]
    for x, y in points.round().astype(int):
        assert green[y, x] > 150
    assert green[:10].sum() == 0 and drawn.size == photo.size
    assert draw_points(photo, [points + 5000, points - 5000], GREEN).tobytes() == photo.tobytes()
