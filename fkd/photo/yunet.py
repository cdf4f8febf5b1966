"""YuNet, a small network that finds faces and five points on each."""

import functools
from pathlib import Path

import numpy as np

from fkd.keypoints import NAMES
from fkd.photo.runtime import Network

# Wu, Peng and Yu (2023), "YuNet: A Tiny Millisecond-level Face Detector", for grey pictures; yunet.txt has its origin
# and licence. pixels float32 [1, 1, H, W] in 0..255 -> for each stride S scores_S [1, 1, H/S, W/S] and points_S
# [1, 10, H/S, W/S], x and y in turn, in strides from the cell. H and W are multiples of 32.
WEIGHTS = Path(__file__).with_name("yunet.onnx")
STRIDES = (8, 16, 32)  # px, of the cells that answer: small, medium and large faces
# Its points, in its order.
POINTS = tuple(
    map(NAMES.index, ("right_eye_center", "left_eye_center", "nose_tip", "mouth_right_corner", "mouth_left_corner"))
)


def detect(pixels: np.ndarray, lowest: float) -> tuple[np.ndarray, np.ndarray]:
    """Find candidates for faces; one face has several, from neighbouring cells.

    Args:
        pixels: grey, uint8 [H, W].
        lowest: the least score of a candidate.

    Returns:
        Scores float32 [N], the highest first, and points complex [N, 5], x + iy in px, in the order of POINTS.
    """
    height, width = (STRIDES[-1] * -(-side // STRIDES[-1]) for side in pixels.shape)
    batch = np.zeros((1, 1, height, width), np.float32)
    batch[0, 0, : pixels.shape[0], : pixels.shape[1]] = pixels
    outputs = _network()(batch)
    scores, points = [], []
    for stride in STRIDES:
        score, offsets = outputs[f"scores_{stride}"][0, 0], outputs[f"points_{stride}"][0]
        y, x = np.nonzero(score >= lowest)
        scores.append(score[y, x])
        of_face = offsets[:, y, x].T  # [n, 10]
        points.append(stride * ((x + 1j * y)[:, None] + of_face[:, 0::2] + 1j * of_face[:, 1::2]))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return np.concatenate(scores)[order], np.concatenate(points)[order]


@functools.cache
def _network() -> Network:
    return Network(WEIGHTS, [f"{kind}_{stride}" for kind in ("scores", "points") for stride in STRIDES])
