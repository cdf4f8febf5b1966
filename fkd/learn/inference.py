"""Frames -> points, by one model or the mean of several."""

from collections.abc import Sequence

import numpy as np
import torch

from fkd.keypoints import NAMES
from fkd.learn.models import KeypointModel


def predict_points(
    models: Sequence[KeypointModel],
    images: np.ndarray,
    four_point: np.ndarray | None = None,
    mirror: bool = False,
    batch_size: int = 32,  # what a CPU's cache holds: 256 takes 1.8 times as long
) -> np.ndarray:
    """Points float32 [N, 15, 2], frame pixels, for images uint8 [N, 96, 96]; the mean over several models.

    four_point: bool [N], the faces to answer in the four-point convention. mirror: average with the answer for
    the mirror image, mirrored back.
    """
    device = models[0].label_offset.device
    total = np.zeros((len(images), len(NAMES), 2))
    for model in models:
        model.eval()
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            batch = torch.tensor(images[rows], device=device)[:, None].float() / 255
            convention = None if four_point is None else torch.from_numpy(four_point[rows]).to(device)
            with torch.inference_mode():
                points = model.labels(batch, convention, mirror)
            total[rows] += points.float().cpu().numpy()
    return (total / len(models)).astype(np.float32)


def bf16_is_quick(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))
