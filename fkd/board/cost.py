"""What a model takes: parameters, multiply-adds and time."""

import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from fkd.files import STRICT, Count, Figure, Line
from fkd.keypoints import FRAME_SIZE
from fkd.learn.models import KeypointModel


@dataclass(frozen=True)
class Cost:
    """What a model takes: parameters, multiply-adds for a face, median milliseconds for one face, and where."""

    __pydantic_config__ = STRICT

    parameters: Count
    macs: Count
    latency_ms: Figure
    hardware: Line


def cost(models: Sequence[KeypointModel], mirror: bool = False, repeats: int = 30) -> Cost:
    """Counts parameters and multiply-adds of all that one answer takes, and times it on the models' device."""
    device = next(models[0].parameters()).device
    face = torch.rand(1, 1, FRAME_SIZE, FRAME_SIZE, device=device)

    def answer() -> torch.Tensor:
        return (
            torch.stack([model.labels(face, mirror=mirror) for model in models]).mean(0).cpu()
        )  # waits for the device

    times = []
    for model in models:
        model.eval()
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            answer()
        for _ in range(repeats + 3):
            start = time.perf_counter()
            answer()
            times.append(1000 * (time.perf_counter() - start))
    return Cost(
        parameters=sum(parameter.numel() for model in models for parameter in model.parameters()),
        macs=counter.get_total_flops() // 2,
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
