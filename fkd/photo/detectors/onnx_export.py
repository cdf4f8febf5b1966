"""A checkpoint by torch, for a GPU, and as an ONNX file for fkd, other programs and `onnx:FILE`."""

import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from fkd.errors import FkdError
from fkd.files import one_line, replacing
from fkd.keypoints import FRAME_SIZE, NAMES
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.models import KeypointModel
from fkd.learn.record import Checkpoint
from fkd.photo.detectors.network import BATCH, CONVENTION, OTHER_POINTS, OUTPUTS, POINTS, UNCERTAINTY, run_frames
from fkd.photo.detectors.onnx import Trained
from fkd.photo.runtime import Network
from fkd.version import __version__

TOLERANCE = 1e-3  # between torch's outputs and the file's: px, and logits


class NamedOutputs(nn.Module):
    """A model and its head's answers, with the names and shapes of `fkd.photo.detectors.network`."""

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
    """Write a checkpoint folder as an ONNX file, once its answers have been compared with torch's.

    Args:
        folder: the checkpoint folder.
        path: the file, which is replaced as a whole.
        name: the checkpoint's name; the folder's if empty.
        owner: the owner stated in the file.

    Raises:
        FkdError: if the answers differ by more than TOLERANCE, or the checkpoint is damaged, as `load_checkpoint`.
    """
    checkpoint = load_checkpoint(folder, name)
    outputs = NamedOutputs(checkpoint.model).eval()
    with replacing(path) as unfinished:
        _write(outputs, unfinished, _metadata(checkpoint, owner))
        difference = _difference(outputs, Network(unfinished, OUTPUTS))
        if not difference <= TOLERANCE:
            raise FkdError(
                f"{path} was not written: its answers differ from torch's by up to {difference:.2g} px, "
                f"expected {TOLERANCE:g} or less"
            )


def _write(outputs: NamedOutputs, path: Path, metadata: dict[str, str]) -> None:
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
            input_names=["images"],
            output_names=names,
            dynamic_axes={name: {0: "N"} for name in ("images", *names)},
        )
    model = onnx.load(path)
    for node in model.graph.node:  # torch notes where each one was written on this machine
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, path)


def _metadata(checkpoint: Checkpoint[KeypointModel], owner: str) -> dict[str, str]:
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


def _difference(outputs: NamedOutputs, network: Network) -> float:
    """The largest difference between two networks' outputs for random blurs; NaN if one is NaN."""
    coarse = torch.rand(BATCH + 2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    images = nn.functional.interpolate(coarse, size=[FRAME_SIZE, FRAME_SIZE], mode="bilinear")
    frames = (255 * images).byte()[:, 0].numpy()
    expected, answers = run_frames(outputs.run, frames), run_frames(network, frames)
    return float(np.max([np.abs(answers[name] - expected[name]).max() for name in expected]))
