"""What an answer takes: parameters, multiply-adds and time."""

import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from fkd.files import STRICT, Count, Figure, Line
from fkd.keypoints import FRAME_SIZE
from fkd.photo.detector import Detector, mean_on_frames
from fkd.photo.detectors.checkpoint import CheckpointDetector


@dataclass(frozen=True)
class Cost:
    """What an answer takes: parameters, multiply-adds for a face, median milliseconds for one face, and where.

    parameters, macs: None of what is no network of ours.
    """

    __pydantic_config__ = STRICT

    parameters: Count | None
    macs: Count | None
    latency_ms: Figure
    hardware: Line


def cost(detectors: Sequence[Detector], mirror: bool = False, repeats: int = 30) -> Cost:
    """Counts parameters and multiply-adds of all that one answer takes, and times it where the detectors answer."""
    ours = [detector for detector in detectors if isinstance(detector, CheckpointDetector)]
    models = [detector.checkpoint.model for detector in ours]
    device = ours[0].device if ours else torch.device("cpu")
    face = torch.rand(1, 1, FRAME_SIZE, FRAME_SIZE)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        for model in models:
            model.labels(face.to(device), mirror=mirror)
    counted = len(ours) == len(detectors)
    frame = (255 * face[0]).to(torch.uint8).numpy()  # [1, 96, 96]
    times = []
    for _ in range(repeats + 3):
        start = time.perf_counter()
        mean_on_frames(detectors, frame, mirror=mirror)
        times.append(1000 * (time.perf_counter() - start))
    return Cost(
        parameters=sum(part.numel() for model in models for part in model.parameters()) if counted else None,
        macs=counter.get_total_flops() // 2 if counted else None,
        latency_ms=round(statistics.median(times[3:]), 3),
        hardware=hardware(device),
    )


def hardware(device: torch.device) -> str:
    """Names the device: the GPU, or the processor with the number of threads in use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
