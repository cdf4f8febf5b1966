"""Our networks by torch, for a GPU."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from fkd.keypoints import NAMES
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.models import KeypointModel
from fkd.learn.record import Checkpoint
from fkd.photo.detectors.outputs import CONVENTION, OTHER_POINTS, POINTS, UNCERTAINTY


def load_by_torch(folder: Path | str, name: str = "", device: str = "cpu") -> "Checkpoint[TorchModel]":
    """Load a checkpoint folder for torch to run. Raises as `load_checkpoint` does."""
    checkpoint = load_checkpoint(folder, name)
    return checkpoint.by(TorchModel(checkpoint.model, device))


class TorchModel:
    """A model that torch runs, as a `fkd.photo.detectors.checkpoint.Model`."""

    runtime = ""

    def __init__(self, model: KeypointModel, device: str = "cpu"):
        self.config, self.device = model.config, device
        self.label_offset = model.label_offset.numpy()
        self._outputs = NamedOutputs(model).to(device)

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs by name for images float32 [N, 1, 96, 96] in 0..1."""
        with torch.inference_mode():
            outputs = self._outputs(torch.from_numpy(images).to(self.device))
        return {name: output.float().cpu().numpy() for name, output in outputs.items()}


class NamedOutputs(nn.Module):
    """A model and its head's answers, with the names and shapes of `fkd.photo.detectors.outputs`."""

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
