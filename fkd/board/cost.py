"""The cost of an answer: parameters, multiply-adds and time."""

import platform
import re
import statistics
import timeit
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from fkd.board.record import Cost
from fkd.keypoints import FRAME_SIZE
from fkd.learn.models import build_model
from fkd.photo.detector import Detector, mean_on_frames
from fkd.photo.detectors.checkpoint import CheckpointDetector


def cost(detectors: Sequence[Detector], mirror: bool = False, repeats: int = 30) -> Cost:
    """Count the parameters and multiply-adds of one answer, and time it on the detectors' device."""
    networks = [detector.checkpoint.model for detector in detectors if isinstance(detector, CheckpointDetector)]
    models = [build_model(network.config).eval() for network in networks]
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        for model in models:
            model(torch.zeros(1 + mirror, 1, FRAME_SIZE, FRAME_SIZE))
    is_counted = len(networks) == len(detectors)
    frame = np.random.default_rng(0).integers(0, 256, (1, FRAME_SIZE, FRAME_SIZE), np.uint8)
    seconds = timeit.repeat(lambda: mean_on_frames(detectors, frame, mirror=mirror), number=1, repeat=repeats + 3)
    return Cost(
        parameters=sum(part.numel() for model in models for part in model.parameters()) if is_counted else None,
        macs=counter.get_total_flops() // 2 if is_counted else None,
        latency_ms=round(1000 * statistics.median(seconds[3:]), 3),
        hardware=hardware(networks[0].device, networks[0].runtime) if networks else _processor(),
    )


def hardware(device: str, runtime: str = "") -> str:
    """Name the device: the GPU, or the processor and the runtime, or torch's number of threads without one."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {runtime or f'{threads} thread' + ('s' if threads > 1 else '')}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = re.search(r"^model name\s*: (.+)$", info.read_text(), re.M) if info.exists() else None
    return names[1] if names else platform.processor() or platform.machine()
