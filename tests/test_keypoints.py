import numpy as np

from fkd.keypoints import MEAN_FACE, MIRROR, NAMES


def test_mirror_swaps_sides_and_is_its_own_inverse():
    assert NAMES[MIRROR[NAMES.index("left_eye_inner_corner")]] == "right_eye_inner_corner"
    assert MIRROR[NAMES.index("nose_tip")] == NAMES.index("nose_tip")
    assert [MIRROR[i] for i in MIRROR] == list(range(15))


def test_mean_face_is_symmetrical():
    mean = np.array(MEAN_FACE)
    mirrored = mean[list(MIRROR)] * [-1, 1] + [95, 0]
    assert np.allclose(mean, mirrored)
