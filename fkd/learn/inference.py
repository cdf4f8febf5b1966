"""Frames -> points, by one model."""

import numpy as np
import torch

from fkd.data.conventions import Outputs
from fkd.errors import FkdError
from fkd.learn.models import KeypointModel

BATCH = 32  # frames at once, as a CPU's cache holds: 256 take 1.8 times as long


def outputs(model: KeypointModel, images: np.ndarray) -> Outputs:
    """All outputs [N, K, 2] px for images uint8 [N, 96, 96], without the label offset, and the conventions' logits."""
    device = model.label_offset.device
    points, logits = [], []
    model.eval()
    for start in range(0, len(images), BATCH):
        batch = torch.tensor(images[start : start + BATCH], device=device)[:, None].float() / 255
        with torch.inference_mode():
            output, choice = model(batch)
            points.append(model.head.points(output).float().cpu().numpy())
        logits += [] if choice is None else [choice.cpu().numpy()]
    return np.concatenate(points), np.concatenate(logits) if logits else None


def bf16_is_quick(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def chosen_device(name: str) -> str:
    """The torch device of a name, or of auto: cuda where there is one. Raises FkdError for one that is not here."""
    device = name.replace("auto", "cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = device.partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if not (number or "0").isdigit() or int(number or 0) >= counts.get(kind, 0):
        raise FkdError(f"device {name} is not available here: expected auto, cpu, cuda, cuda:N or mps")
    return device
