"""Networks of torch -> networks of OpenVINO."""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from fkd.keypoints import FRAME_SIZE
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.config import HEATMAP
from fkd.learn.inference import bf16_is_quick
from fkd.learn.record import Checkpoint
from fkd.photo.detectors.by_torch import Answers
from fkd.photo.detectors.compiled import Converted, ConvertedModel, import_openvino


def convert_checkpoint(folder: Path | str, name: str = "") -> Checkpoint[ConvertedModel]:
    """A checkpoint folder as OpenVINO runs it. Raises as `load_checkpoint` does.

    In bfloat16 where the processor multiplies such numbers and the head has heatmaps, of which a coordinate is a mean,
    else in float32; from the last convolution on always in float32.
    """
    checkpoint = load_checkpoint(folder, name)
    model = checkpoint.model
    example = torch.rand(2, 1, FRAME_SIZE, FRAME_SIZE)
    network = convert(Answers(model), example, [-1, *example.shape[1:]], model.config.head == HEATMAP)
    return checkpoint.by(ConvertedModel(model.config, model.label_offset.numpy(), network))


def convert(module: nn.Module, example: torch.Tensor, shape: Sequence[int], rounded: bool) -> Converted:
    """A module that takes one tensor of a shape, -1 where any number will do, and gives a tuple of tensors.

    rounded: whether it may compute in bfloat16.
    """
    openvino = import_openvino()
    precision = "bf16" if rounded and bf16_is_quick(torch.device("cpu")) else "f32"
    with torch.inference_mode(), warnings.catch_warnings():
        # torch.export, for which torch.jit is to make way, takes four times as long.
        warnings.simplefilter("ignore", FutureWarning)
        traced = torch.jit.trace(module.eval(), example, check_trace=False)
        network = openvino.convert_model(traced, example_input=example, input=list(shape))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        # bfloat16 has fewer digits than float16, which halves what OpenVINO keeps of the weights as they were.
        openvino.save_model(network, path, compress_to_fp16=precision == "bf16")
        return Converted(path.read_bytes(), path.with_suffix(".bin").read_bytes(), precision)
