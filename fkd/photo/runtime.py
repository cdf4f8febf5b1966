"""Run ONNX networks by OpenVINO on the CPU, and set how many threads an answer gets.

docs/serving.md has the measurements behind it.
"""

import functools
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

TELEMETRY = "openvino_telemetry"
sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]  # it would report every import to Google Analytics
import openvino  # noqa: E402

MAX_AT_ONCE = 4  # images: 8 gain 5% for resnet50, nothing for resnet18, and take twice the memory
MAX_STREAMS = 4  # each needs memory, and a container may have fewer cores than os.cpu_count reports


def streams() -> int:
    """Return how many answers are computed at once, each on one thread: one per core, at most MAX_STREAMS.

    Threads that share an answer wait for one another, and on a busy machine for the slowest.
    """
    return min(os.cpu_count() or 1, MAX_STREAMS)


def one_thread_per_answer() -> None:
    """Give torch one thread, in a process that serves: its answers run side by side."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read by a torch that is imported later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


class Network:
    """An ONNX network, compiled once for all threads.

    Attributes:
        precision: what it computes in, "bf16" or "f32".
    """

    def __init__(self, model: Path | bytes, precision: str = "f32", cache: Path | None = None):
        """Compile a network.

        Args:
            model: an ONNX file, or its content.
            precision: "bf16" or "f32".
            cache: a folder for what OpenVINO compiles, so that the next process starts sooner.

        Raises:
            RuntimeError: if OpenVINO cannot read the network.
        """
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": streams(),
            "NUM_STREAMS": streams(),
        }
        if cache:
            options["CACHE_DIR"] = str(cache)
        self.precision = precision
        source = str(model) if isinstance(model, Path) else _core().read_model(model)
        self._compiled = _core().compile_model(source, "CPU", options)
        self.outputs = [output.any_name for output in self._compiled.outputs]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs by name for images float32 [N, channels, height, width], MAX_AT_ONCE in each stream."""
        evenly = -(-len(images) // streams())  # on an idle machine a face and its mirror image take half the time
        size = max(1, min(MAX_AT_ONCE, evenly))
        requests = []
        for start in range(0, len(images), size):
            requests.append(self._compiled.create_infer_request())
            requests[-1].start_async([images[start : start + size]], share_inputs=True)
        for request in requests:
            request.wait()
        parts = zip(*(request.results.values() for request in requests), strict=True)
        return {name: np.concatenate(part) for name, part in zip(self.outputs, parts, strict=True)}


@functools.cache
def _core() -> Any:
    return openvino.Core()
