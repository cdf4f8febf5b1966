"""The 15 keypoints of the Kaggle Facial Keypoints Detection competition.

Coordinates are pixel indices in a 96 x 96 frame: (0, 0) is the centre of the top-left pixel, x grows to the
right, y downwards. "left" is the subject's left, the right side of the picture.
"""

import itertools
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # names need neither of them
    import numpy as np
    import torch

Points = TypeVar("Points", "np.ndarray", "torch.Tensor")
FRAME_SIZE = 96

# The typical place of each keypoint in the frame, px: the mean of 1,870 completely labelled faces of the 300-W training
# photos in the competition's framing, made symmetrical.
TYPICAL = {
    "left_eye_center": (65.4, 37.7),
    "right_eye_center": (29.6, 37.7),
    "left_eye_inner_corner": (58.2, 38.7),
    "left_eye_outer_corner": (72.4, 37.8),
    "right_eye_inner_corner": (36.8, 38.7),
    "right_eye_outer_corner": (22.6, 37.8),
    "left_eyebrow_inner_end": (54.3, 28.1),
    "left_eyebrow_outer_end": (80.5, 30.1),
    "right_eyebrow_inner_end": (40.7, 28.1),
    "right_eyebrow_outer_end": (14.5, 30.1),
    "nose_tip": (47.5, 58.0),
    "mouth_left_corner": (63.3, 76.0),
    "mouth_right_corner": (31.7, 76.0),
    "mouth_center_top_lip": (47.5, 73.3),
    "mouth_center_bottom_lip": (47.5, 81.9),
}
NAMES, MEAN_FACE = tuple(TYPICAL), tuple(TYPICAL.values())
COLUMNS = tuple(f"{name}_{axis}" for name in NAMES for axis in "xy")

LEFT_EYE, RIGHT_EYE = NAMES.index("left_eye_center"), NAMES.index("right_eye_center")
NOSE_TIP = NAMES.index("nose_tip")
TOP_LIP, BOTTOM_LIP = NAMES.index("mouth_center_top_lip"), NAMES.index("mouth_center_bottom_lip")

# The competition's rows from 2,284 on carry these four points only, and place the last two elsewhere than
# the fully labelled rows do: the base of the nose, and the middle of the mouth.
FOUR_POINT = (LEFT_EYE, RIGHT_EYE, NOSE_TIP, BOTTOM_LIP)

# In a mirrored picture, the right eye is where the left eye was.
MIRROR = tuple(NAMES.index(name.replace("left", "~").replace("right", "left").replace("~", "right")) for name in NAMES)


def unmirror(points: Points) -> Points:
    """Map points [N, 15, 2] of mirrored faces (array or tensor) back to the original faces."""
    unmirrored = points[:, list(MIRROR)]
    unmirrored[..., 0] = FRAME_SIZE - 1 - unmirrored[..., 0]
    return unmirrored


# Points that a drawing joins by lines: eyes, brows, mouth.
LINES = (
    ("left_eye_inner_corner", "left_eye_center", "left_eye_outer_corner"),
    ("right_eye_inner_corner", "right_eye_center", "right_eye_outer_corner"),
    ("left_eyebrow_inner_end", "left_eyebrow_outer_end"),
    ("right_eyebrow_inner_end", "right_eyebrow_outer_end"),
    ("mouth_left_corner", "mouth_center_top_lip", "mouth_right_corner", "mouth_center_bottom_lip", "mouth_left_corner"),
)
EDGES = tuple(edge for line in LINES for edge in itertools.pairwise(line))
