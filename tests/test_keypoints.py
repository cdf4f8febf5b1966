import numpy as np

from fkd.keypoints import MEAN_FACE, MIRROR, NAMES


def test_mirror_swaps_sides_and_the_mean_face_is_symmetrical():
    assert NAMES[MIRROR[NAMES.index("left_eye_inner_corner")]] == "right_eye_inner_corner"
    assert [MIRROR[i] for i in MIRROR] == list(range(15))
    mean = np.array(MEAN_FACE)
    assert np.allclose(mean, mean[list(MIRROR)] * [-1, 1] + [95, 0])
