"""Our networks by OpenVINO, an optional part (`pip install 'fkd[openvino]'`), and how many threads answers get.

docs/serving.md has what it gains.
"""

import importlib.util
import os
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fkd.keypoints import FRAME_SIZE
from fkd.learn.heads import HEADS, Head
from fkd.learn.inference import bf16_is_quick
from fkd.learn.models import KeypointModel

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
    """Gives torch the same rule, in a process that serves: the visitors' requests run beside each other."""
    torch.set_num_threads(1)


class CompiledModel(KeypointModel):
    """A model that OpenVINO runs, as far as the points, spreads and heatmaps of the head; the rest is as ever.

    In bfloat16 where the processor multiplies such numbers and the head has heatmaps, of which a coordinate is a mean,
    else in float32; from the last convolution on always in float32. It is compiled for the first answer, once for all
    threads. The weights are OpenVINO's then; this model's own are on the meta device, where they have a shape and no
    values.
    """

    def __init__(self, model: KeypointModel):
        with torch.device("meta"):
            super().__init__(model.config)
        self.label_offset, self.head = model.label_offset, _Answered()
        self._model: list[KeypointModel] = [model]  # in a list, since a module would become this one's part
        self._once = threading.Lock()
        self._session: Any = None

    @property
    def precision(self) -> str:
        """As OpenVINO names it: "bf16" or "f32"."""
        return "bf16" if HEADS[self.config.head].every_map and bf16_is_quick(self.label_offset.device) else "f32"

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Points [B, K, 2] px, and from heatmaps their spread [B, K] px and logits [B, K, S, S].

        images: float [B, 1, 96, 96] in 0..1, K: 15 or 17.
        """
        with self._once:
            if self._session is None:
                self._session = _compiled(self._model[0], self.precision)
                self._model.clear()
        requests = []
        evenly = -(-len(images) // streams())  # a face beside its mirror image, on an idle machine in half the time
        for part in images.split(max(1, min(MOST_AT_ONCE, evenly))):
            requests.append(self._session.create_infer_request())
            requests[-1].start_async([part.numpy()], share_inputs=True)
        for request in requests:
            request.wait()
        outputs = zip(*(request.results.values() for request in requests), strict=True)
        # By numpy: torch's threads would go on spinning for a while, on the cores of the next answer.
        return [torch.from_numpy(np.concatenate(parts)) for parts in outputs]


class _Answered(Head):
    """The head of a CompiledModel, whose output has been read already."""

    def points(self, output: list[torch.Tensor]) -> torch.Tensor:
        return output[0]

    def spread(self, output: list[torch.Tensor]) -> torch.Tensor | None:
        return output[1] if len(output) > 1 else None

    def heatmaps(self, output: list[torch.Tensor]) -> torch.Tensor | None:
        return output[2] if len(output) > 1 else None


class _Answering(nn.Module):
    """A model and all that is read from its head's output: what is compiled."""

    def __init__(self, model: KeypointModel):
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        head, output = self.model.head, self.model(images)
        every = head.points(output), head.spread(output), head.heatmaps(output)
        return tuple(part for part in every if part is not None)


def openvino_is_here() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


def _compiled(model: KeypointModel, precision: str) -> Any:
    """OpenVINO's compiled network of a model; 0.1 s for FCNN, 0.7 s for resnet50."""
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type] # it reports every import to Google Analytics
    import openvino  # noqa: PLC0415 (optional)

    example = torch.rand(2, 1, FRAME_SIZE, FRAME_SIZE)
    with torch.inference_mode(), warnings.catch_warnings():
        # torch.export, for which torch.jit is to make way, takes four times as long.
        warnings.simplefilter("ignore", FutureWarning)
        traced = torch.jit.trace(_Answering(model).eval(), example, check_trace=False)
        network = openvino.convert_model(traced, example_input=example, input=[-1, 1, FRAME_SIZE, FRAME_SIZE])
    options = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": streams(),
        "NUM_STREAMS": streams(),
    }
    core = openvino.Core()
    if precision == "bf16":
        # bfloat16 has fewer digits than float16, which halves what OpenVINO keeps of the weights as they were.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.xml"
            openvino.save_model(network, path, compress_to_fp16=True)
            network = core.read_model(path.read_bytes(), path.with_suffix(".bin").read_bytes())
    return core.compile_model(network, "CPU", options)
