"""Our networks by torch: on a GPU, and on a CPU without OpenVINO."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.models import KeypointModel
from fkd.learn.record import Checkpoint


def load_by_torch(folder: Path | str, name: str = "", device: str = "cpu") -> "Checkpoint[TorchModel]":
    """A checkpoint folder as torch runs it. Raises as `load_checkpoint` does."""
    checkpoint = load_checkpoint(folder, name)
    return checkpoint.by(TorchModel(checkpoint.model, device))


class TorchModel:
    """A model that torch runs, as a `fkd.photo.detectors.checkpoint.Network`. device: where, as torch names it."""

    runtime = ""

    def __init__(self, model: KeypointModel, device: str = "cpu"):
        self.config, self.device = model.config, device
        self.label_offset = model.label_offset.numpy()
        self._answers = Answers(model).to(device)

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """As `Network` has it."""
        with torch.inference_mode():
            outputs = self._answers(torch.from_numpy(images).to(self.device))
        return [output.float().cpu().numpy() for output in outputs]


class Answers(nn.Module):
    """A model and all that is read from its head's output."""

    def __init__(self, model: KeypointModel):
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The outputs of a `Network`, for images [N, 1, 96, 96] in 0..1."""
        head, (output, logits) = self.model.head, self.model(images)
        every = head.points(output), logits, head.spread(output), head.heatmaps(output)
        return tuple(part for part in every if part is not None)
