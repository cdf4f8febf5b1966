"""Run ONNX networks by OpenVINO on the CPU, and set how many threads an answer gets.

docs/serving.md has the measurements behind it.
"""

import functools
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

TELEMETRY = "openvino_telemetry"
sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]  # it would report every import to Google Analytics
import openvino  # noqa: E402

MAX_AT_ONCE = 4  # images: 8 gain 5% for resnet50, nothing for resnet18, and take twice the memory
MAX_STREAMS = 4  # each needs memory, and a container may have fewer cores than os.cpu_count reports


def streams() -> int:
    """How many answers are computed at once, each on one thread: threads that share one wait for the slowest."""
    return min(os.cpu_count() or 1, MAX_STREAMS)


def one_thread_per_answer() -> None:
    """Give torch one thread, in a process that serves: its answers run side by side."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read by a torch that is imported later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


class Network:
    """An ONNX network, compiled once for all threads.

    Attributes:
        inputs: type and shape of each, such as "f32 [?,1,96,96]".
    """

    def __init__(
        self, model: Path | bytes, outputs: Collection[str], precision: str = "f32", cache: Path | None = None
    ):
        """Compile an ONNX file, or its content. Raises RuntimeError if OpenVINO cannot read it.

        outputs: the names that its outputs may have; OpenVINO knows some by other names, too. precision: "bf16" or
        "f32". cache: a folder for compiled networks, so that the next process starts sooner.
        """
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": streams()}
        options |= {"NUM_STREAMS": streams()} | ({"CACHE_DIR": str(cache)} if cache else {})
        source = str(model) if isinstance(model, Path) else _core().read_model(model)
        self._compiled = _core().compile_model(source, "CPU", options)
        self.inputs = [f"{each.element_type.get_type_name()} {each.partial_shape}" for each in self._compiled.inputs]
        self._at_once = 1 if any("[1," in each for each in self.inputs) else MAX_AT_ONCE
        self._outputs = [
            next((name for name in outputs if name in output.get_names()), output.any_name)
            for output in self._compiled.outputs
        ]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name for images float32 [N, C, H, W]. Raises RuntimeError if a foreign network fails."""
        evenly = -(-len(images) // streams())  # on an idle machine a face and its mirror image take half the time
        size = max(1, min(self._at_once, evenly))
        requests: list[Any] = []  # each has memory of its own
        parts = []
        for start in range(0, len(images), size):
            if len(requests) == streams():
                requests.append(requests.pop(0))
                requests[-1].wait()
                parts.append([value.copy() for value in requests[-1].results.values()])
            else:
                requests.append(self._compiled.create_infer_request())
            requests[-1].start_async([images[start : start + size]], share_inputs=True)
        for request in requests:
            request.wait()
            parts.append([*request.results.values()])
        outputs = zip(self._outputs, zip(*parts, strict=True), strict=True)
        return {name: np.concatenate(values) for name, values in outputs}


def read_metadata(file: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file, by key. Raises RuntimeError if OpenVINO cannot read the file."""
    model = _core().read_model(file)
    return dict(model.get_rt_info(["framework"]).value) if model.has_rt_info(["framework"]) else {}


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 numbers in hardware; OpenVINO would accept emulation."""
    if os.environ.get("ONEDNN_MAX_CPU_ISA"):  # the user limits the instructions of OpenVINO
        return False
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


@functools.cache
def _core() -> Any:
    return openvino.Core()
