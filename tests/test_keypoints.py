import numpy as np

from fkd.keypoints import COLUMNS, EDGES, FOUR_POINT, MEAN_FACE, MIRROR, NAMES


def test_columns_follow_the_competition():
    assert COLUMNS[:2] == ("left_eye_center_x", "left_eye_center_y")
    assert COLUMNS[-1] == "mouth_center_bottom_lip_y" and len(COLUMNS) == 30


def test_mirror_swaps_sides_and_is_its_own_inverse():
    assert NAMES[MIRROR[NAMES.index("left_eye_inner_corner")]] == "right_eye_inner_corner"
    assert MIRROR[NAMES.index("nose_tip")] == NAMES.index("nose_tip")
    assert [MIRROR[i] for i in MIRROR] == list(range(15))


def test_edges_and_four_point_points_exist():
    assert {name for edge in EDGES for name in edge} <= set(NAMES)
    assert [NAMES[i] for i in FOUR_POINT] == [
        "left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip",
    ]  # fmt: skip


def test_mean_face_is_symmetrical():
    mean = np.array(MEAN_FACE)
    mirrored = mean[list(MIRROR)] * [-1, 1] + [95, 0]
    assert np.allclose(mean, mirrored)
