"""Our networks by OpenVINO, an optional part (`pip install 'fkd[openvino]'`), and how many threads answers get.

docs/serving.md has what it gains.
"""

import functools
import importlib.util
import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from fkd.learn.config import ModelConfig

MOST_AT_ONCE = 4  # frames: 8 gain 5% by resnet50, nothing by resnet18, and take twice the memory
MOST_STREAMS = 4  # each has memory of its own, and in a container there are fewer cores than are counted
TELEMETRY = "openvino_telemetry"


def streams() -> int:
    """How many answers are computed at once, each on one thread: as many as there are cores, MOST_STREAMS at most.

    Threads that share an answer wait for one another, and on a busy machine for the slowest (docs/serving.md has how
    long). So answers run beside each other, and a large batch is answered in parts of MOST_AT_ONCE.
    """
    return min(os.cpu_count() or 1, MOST_STREAMS)


def one_thread_per_answer() -> None:
    """Gives torch and ONNX Runtime the same rule, in a process that serves: answers run beside each other."""
    os.environ["OMP_NUM_THREADS"] = "1"  # which a torch that is imported later reads
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def threads() -> int:
    """How many threads ONNX Runtime gets for an answer, as torch does; 0: as many as there are cores."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    return int(stated) if stated.isdecimal() else 0


@dataclass(frozen=True)
class Converted:
    """A network in OpenVINO's own form, graph (XML) and weights. precision: as OpenVINO names it, "bf16" or "f32"."""

    graph: bytes
    weights: bytes
    precision: str


@dataclass(frozen=True)
class ConvertedModel:
    """A model before it is compiled; label_offset: px [C], as in `KeypointModel`."""

    config: ModelConfig
    label_offset: np.ndarray
    network: Converted


class CompiledModel:
    """A model that OpenVINO runs, as a `fkd.photo.detectors.checkpoint.Network`: compiled once for all threads."""

    device = "cpu"

    def __init__(self, model: ConvertedModel):
        self.config, self.label_offset = model.config, model.label_offset
        self.runtime = f"OpenVINO {model.network.precision}, {streams()} threads"
        self._session = compiled(model.network)

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """As `Network` has it."""
        requests = []
        evenly = -(-len(images) // streams())  # a face beside its mirror image, on an idle machine in half the time
        size = max(1, min(MOST_AT_ONCE, evenly))
        for start in range(0, len(images), size):
            requests.append(self._session.create_infer_request())
            requests[-1].start_async([images[start : start + size]], share_inputs=True)
        for request in requests:
            request.wait()
        return [np.concatenate(parts) for parts in zip(*(one.results.values() for one in requests), strict=True)]


def openvino_is_here() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


def import_openvino() -> Any:
    """OpenVINO, without its telemetry, which reports every import to Google Analytics."""
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]
    import openvino  # noqa: PLC0415 (optional)

    return openvino


def compiled(network: Converted) -> Any:
    """OpenVINO's compiled network, which has requests for answers; 0.1 s for FCNN, 0.3 s for resnet50."""
    options = {
        "INFERENCE_PRECISION_HINT": network.precision,
        "INFERENCE_NUM_THREADS": streams(),
        "NUM_STREAMS": streams(),
    }
    core = _core()
    return core.compile_model(core.read_model(network.graph, network.weights), "CPU", options)


@functools.cache
def _core() -> Any:
    return import_openvino().Core()
