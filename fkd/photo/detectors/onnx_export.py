"""A checkpoint by torch, for a GPU, and as an ONNX file for fkd, other programs and `onnx:FILE`."""

import dataclasses
import json
import shutil
import struct
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from fkd.errors import FkdError
from fkd.files import one_line, replacing
from fkd.keypoints import FRAME_SIZE, NAMES
from fkd.learn.checkpoint import Checkpoint, load_checkpoint
from fkd.learn.models import KeypointModel
from fkd.learn.record import WEIGHTS
from fkd.photo.detectors.network import (
    BATCH,
    CONVENTION,
    OTHER_POINTS,
    OUTPUTS,
    POINTS,
    UNCERTAINTY,
    check_range,
    run_frames,
)
from fkd.photo.detectors.onnx import Trained
from fkd.photo.runtime import Network
from fkd.version import __version__

TOLERANCE = 1e-3  # between torch's outputs and the file's: px, and logits


class NamedOutputs(nn.Module):
    """A model with the outputs of `fkd.photo.detectors.network`, by name."""

    def __init__(self, model: KeypointModel):
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the outputs by name for images float [N, 1, 96, 96] in 0..1."""
        output, logits = self.model(images)
        points, spread = self.model.head.points(output), self.model.head.spread(output)
        outputs = {POINTS: points[:, : len(NAMES)]}
        if spread is not None:
            outputs[UNCERTAINTY] = spread[:, : len(NAMES)]
        if points.shape[1] > len(NAMES):
            outputs[OTHER_POINTS] = points[:, len(NAMES) :]
        if logits is not None:
            outputs[CONVENTION] = logits
        return outputs

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs as arrays, for images float32 [N, 1, 96, 96], on the model's device."""
        with torch.inference_mode():
            outputs = self(torch.from_numpy(images).to(self.model.label_offset.device))
        return {name: output.float().cpu().numpy() for name, output in outputs.items()}


def export_onnx(folder: Path | str, path: Path, name: str = "", owner: str = "") -> None:
    """Write a checkpoint folder as an ONNX file that states its name and owner.

    A file in the checkpoint folder itself refers to the weights there and is small; any other holds them. Raises
    FkdError if its answers differ from torch's by more than TOLERANCE, or as `load_checkpoint`.
    """
    checkpoint = load_checkpoint(folder, name)
    outputs = NamedOutputs(checkpoint.model).eval()
    weights = Path(folder) / WEIGHTS if path.resolve().parent == Path(folder).resolve() else None
    with replacing(path) as unfinished:
        if weights:
            shutil.copy(weights, unfinished.parent)
        _write(outputs, unfinished, _metadata(checkpoint, owner), weights)
        difference = _difference(outputs, Network(unfinished, OUTPUTS), str(folder))
        if not difference <= TOLERANCE:
            differ = f"its answers differ from torch's by up to {difference:.2g} px, expected {TOLERANCE:g} or less"
            raise FkdError(f"{path.name} was not written: {differ}")


def _write(outputs: NamedOutputs, path: Path, metadata: dict[str, str], weights: Path | None) -> None:
    example = torch.zeros(2, 1, FRAME_SIZE, FRAME_SIZE)
    names = list(outputs.run(example.numpy()))
    with warnings.catch_warnings():
        # Deprecated, but ten times as fast as the exporter that replaces it, which takes 8 s for resnet18; the first
        # start of a page waits for it.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            outputs,
            (example,),
            path,
            dynamo=False,
            # Fused and folded weights are in no safetensors file; OpenVINO fuses them as well.
            training=torch.onnx.TrainingMode.PRESERVE if weights else torch.onnx.TrainingMode.EVAL,
            do_constant_folding=not weights,
            input_names=["images"],
            output_names=names,
            dynamic_axes={name: {0: "N"} for name in ("images", *names)},
        )
    model = onnx.load(path)
    for node in model.graph.node:  # torch notes where each one was written on this machine
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    onnx.helper.set_model_props(model, metadata)
    if weights:
        _refer_to(model.graph, weights)
    path.write_bytes(model.SerializeToString())


def _refer_to(graph: onnx.GraphProto, weights: Path) -> None:
    """Replace a graph's weights by their places in a safetensors file of the same folder."""
    with weights.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    nodes = []
    for tensor in graph.initializer:
        entry = header.get(tensor.name.removeprefix("model."))
        if entry is None:  # a constant of the graph
            continue
        start, end = entry["data_offsets"]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": weights.name, "offset": 8 + size + start, "length": end - start}.items():
            tensor.external_data.add(key=key, value=str(value))
        if entry["dtype"] == "F16":
            name, tensor.name, tensor.data_type = tensor.name, f"{tensor.name}.f16", onnx.TensorProto.FLOAT16
            nodes.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def _metadata(checkpoint: Checkpoint, owner: str) -> dict[str, str]:
    config = checkpoint.model.config
    trained = Trained(
        version=__version__,
        checkpoint=checkpoint.sha256,
        network=config.name,
        validation_rmse=checkpoint.training.validation_rmse,
        conventions=config.conventions,
        label_offset=checkpoint.model.label_offset.tolist(),
        data=checkpoint.data,
    )
    texts = {"name": f"{checkpoint.name}-onnx", "owner": owner, "licence": one_line(checkpoint.data.terms, 2000)}
    return texts | {"keypoints": ",".join(NAMES), "fkd": json.dumps(dataclasses.asdict(trained))}


def _difference(outputs: NamedOutputs, network: Network, where: str) -> float:
    """The largest difference between two networks' outputs for random blurs; NaN if one is NaN."""
    coarse = torch.rand(BATCH + 2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    images = nn.functional.interpolate(coarse, size=[FRAME_SIZE, FRAME_SIZE], mode="bilinear")
    frames = (255 * images).byte()[:, 0].numpy()
    expected, answers = run_frames(outputs.run, frames), run_frames(network, frames)
    check_range(where, expected)
    return float(np.max([np.abs(answers[name] - expected[name]).max() for name in expected]))
