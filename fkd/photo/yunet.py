"""YuNet, a small network that finds faces and five points on each."""

import functools
from collections.abc import Callable

import numpy as np

from fkd.keypoints import NAMES
from fkd.learn.apart import with_torch
from fkd.photo.detectors.compiled import compiled, openvino_is_here

STRIDES = (8, 16, 32)  # px, of the cells that answer: small, middling and large faces
# Its points, in its order.
POINTS = tuple(
    map(NAMES.index, ("right_eye_center", "left_eye_center", "nose_tip", "mouth_right_corner", "mouth_left_corner"))
)


def detect(pixels: np.ndarray, lowest: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores float32 [N], at least `lowest`, the highest first, and points complex [N, 5], px, x + iy, POINTS' order.

    pixels: grey, uint8 [H, W]. A face has several answers, of cells beside each other.
    """
    height, width = (STRIDES[-1] * -(-side // STRIDES[-1]) for side in pixels.shape)
    batch = np.zeros((1, 1, height, width), np.float32)
    batch[0, 0, : pixels.shape[0], : pixels.shape[1]] = pixels
    outputs = _network()(batch)
    scores, points = [], []
    for stride, score, offsets in zip(STRIDES, outputs[0::2], outputs[1::2], strict=True):
        y, x = np.nonzero(score[0, 0] >= lowest)
        scores.append(score[0, 0, y, x])
        of_face = offsets[0][:, y, x].T  # [n, 10], x and y in turn, in strides
        points.append(stride * ((x + 1j * y)[:, None] + of_face[:, 0::2] + 1j * of_face[:, 1::2]))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return np.concatenate(scores)[order], np.concatenate(points)[order]


@functools.cache
def _network() -> Callable[[np.ndarray], list[np.ndarray]]:
    """The outputs of `YuNet`, for pixels float32 [1, 1, H, W]; by OpenVINO if that is installed, else by torch."""
    if openvino_is_here():
        session = compiled(with_torch("fkd.photo.yunet_by_torch", "converted"))
        return lambda batch: list(session.create_infer_request().infer([batch], share_inputs=True).values())
    network: Callable[[np.ndarray], list[np.ndarray]] = with_torch("fkd.photo.yunet_by_torch", "by_torch")  # in here
    return network
