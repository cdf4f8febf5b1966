"""Our networks by torch, for a GPU and for the export to ONNX."""

import numpy as np
import torch
from torch import nn

from fkd.keypoints import NAMES
from fkd.learn.models import KeypointModel
from fkd.photo.detectors.network import CONVENTION, OTHER_POINTS, POINTS, UNCERTAINTY


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
