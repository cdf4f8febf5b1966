"""Frames -> points, by one model."""

import numpy as np
import torch

from fkd.keypoints import NAMES
from fkd.learn.models import KeypointModel

BATCH = 32  # frames at once, as a CPU's cache holds: 256 take 1.8 times as long


def predict_points(
    model: KeypointModel, images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False
) -> np.ndarray:
    """Points float32 [N, 15, 2], frame pixels, for images uint8 [N, 96, 96].

    four_point: bool [N], the faces to answer in the four-point convention. mirror: average with the answer for
    the mirror image, mirrored back.
    """
    device = model.label_offset.device
    answers = np.zeros((len(images), len(NAMES), 2), np.float32)
    model.eval()
    for start in range(0, len(images), BATCH):
        rows = slice(start, start + BATCH)
        batch = torch.tensor(images[rows], device=device)[:, None].float() / 255
        convention = None if four_point is None else torch.from_numpy(four_point[rows]).to(device)
        with torch.inference_mode():
            points = model.labels(batch, convention, mirror)
        answers[rows] = points.float().cpu().numpy()
    return answers


def bf16_is_quick(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))
