"""The 68 points of 300-W (Sagonas et al. 2013), counted from 0 -> the 15 of the competition."""

import numpy as np

from fkd.keypoints import NAMES

# The 15 points among the 68 of 300-W (Sagonas et al. 2013), counted from 0; an eye's centre is the mean of its six, the
# bottom lip's that of its two edges: on wild15's validation faces dlib's 57 and 66 are 1.20 px off, 57 alone 1.89.
OF_68 = {
    "left_eye_center": [42, 43, 44, 45, 46, 47],
    "right_eye_center": [36, 37, 38, 39, 40, 41],
    "left_eye_inner_corner": [42],
    "left_eye_outer_corner": [45],
    "right_eye_inner_corner": [39],
    "right_eye_outer_corner": [36],
    "left_eyebrow_inner_end": [22],
    "left_eyebrow_outer_end": [26],
    "right_eyebrow_inner_end": [21],
    "right_eyebrow_outer_end": [17],
    "nose_tip": [30],
    "mouth_left_corner": [54],
    "mouth_right_corner": [48],
    "mouth_center_top_lip": [51],
    "mouth_center_bottom_lip": [57, 66],
}
# In the four-point convention the nose is its base and the lip the middle of the mouth. On wild15's validation faces,
# by dlib, in px as it is (aligned): nose 33 2.01 (1.30), 30 6.92 (2.36); lip 62 and 66's mean 1.85 (1.22), 66 alone
# 1.85 (1.54), 57 4.16 (1.93).
FOUR_OF_68 = {"nose_tip": [33], "mouth_center_bottom_lip": [62, 66]}


def to_15(points: np.ndarray, four_point: bool = False) -> np.ndarray:
    """Points [68, 2] -> [15, 2], in the same frame, in one of the two label conventions."""
    mapping = OF_68 | FOUR_OF_68 if four_point else OF_68
    return np.stack([points[mapping[name]].mean(0) for name in NAMES])
