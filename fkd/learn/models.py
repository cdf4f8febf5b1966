"""Models: grey faces -> keypoints in frame pixels; normalisation and scaling live inside.

`ModelConfig` says which network, and which head of `fkd.learn.heads` makes points of its features.
"""

import math
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

from fkd.keypoints import BOTTOM_LIP, FRAME_SIZE, NAMES, NOSE_TIP, unmirror
from fkd.learn.config import FCNN, ModelConfig
from fkd.learn.heads import HEADS, Head

FCNN_HIDDEN = 500


class KeypointModel(nn.Module):
    """images float [B, 1, 96, 96] in 0..1 -> points float32 [B, 15, 2], frame pixels, by `points` and `labels`.

    FCNN: 9216-500-30 (Mateus & Zeng). Otherwise: a timm residual network from random weights, and a head: that of the
    config, or another class of `Head`.

    label_offset: how far to the right of the points themselves a data set has its labels, px [2]: those of the 15-point
    rows, and of the four-point rows. Points mirror to 95 - x, labels that are half a pixel off do not, so a model
    that learns from mirrored faces cannot learn it: `train` measures it, and `labels` adds it to the points.
    """

    body: nn.Module
    head: Head
    label_offset: torch.Tensor

    def __init__(self, config: ModelConfig, head: type[Head] | None = None):
        super().__init__()
        self.config = config
        head = head or HEADS[config.head]
        channels, cells = [FCNN_HIDDEN], 1
        if config.name == FCNN:
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(FRAME_SIZE**2, FCNN_HIDDEN), nn.ReLU())
        else:
            options = {"features_only": True} if head.every_map else {"num_classes": 0, "global_pool": ""}
            network: Any = timm.create_model(config.name, in_chans=1, **options)
            if config.stem_stride == 2:
                network.maxpool = nn.Identity()
            self.body = network if head.every_map else nn.Sequential(network, nn.Flatten())
            channels = [stage["num_chs"] for stage in network.feature_info]
            reduction = network.feature_info[-1]["reduction"] * config.stem_stride / 4
            cells = math.ceil(FRAME_SIZE / reduction) ** 2
        self.head = head(channels, cells, self.outputs)
        self.register_buffer("label_offset", torch.zeros(2))

    @property
    def outputs(self) -> int:
        """How many points the head has: 15, or 17 with two conventions."""
        return len(NAMES) + (2 if self.config.conventions == 2 else 0)

    def forward(self, images: torch.Tensor) -> Any:
        """The head's output, from which its points are read and its loss is computed."""
        mean = images.mean((1, 2, 3), keepdim=True)
        # Light is no information about place: each face is brought to mean 0 and deviation 1.
        deviation = images.std((1, 2, 3), keepdim=True).clamp_min(0.01)
        return self.head(self.body((images - mean) / deviation))

    def points(
        self, images: torch.Tensor, four_point: torch.Tensor | None = None, mirror: bool = False
    ) -> torch.Tensor:
        """Points [B, 15, 2], frame pixels, where the points themselves lie: of the 15-point convention, or for the
        faces of `four_point` (bool [B]) of the four-point convention, if the model knows both. mirror: the mean with
        the answers for the mirror images.
        """
        every = self.head.points(self(images))  # [B, 15 or 17, 2] px
        points = every[:, : len(NAMES)]
        if four_point is not None and self.config.conventions == 2:
            points = points.clone()
            points[:, [NOSE_TIP, BOTTOM_LIP]] = torch.where(
                four_point[:, None, None], every[:, len(NAMES) :], points[:, [NOSE_TIP, BOTTOM_LIP]]
            )
        if mirror:
            points = (points + unmirror(self.points(images.flip(-1), four_point))) / 2
        return points

    def labels(
        self, images: torch.Tensor, four_point: torch.Tensor | None = None, mirror: bool = False
    ) -> torch.Tensor:
        """As `points`, but where the training data's labels lie."""
        offset = self.label_offset[0 if four_point is None else four_point.long()]  # [] or [B] px
        shift = torch.stack([offset, torch.zeros_like(offset)], -1).view(-1, 1, 2)
        return self.points(images, four_point, mirror) + shift

    def targets(self, labels: torch.Tensor, four_point: torch.Tensor) -> torch.Tensor:
        """Where the points themselves lie, as far as is known by now, in the order of the head: the 15 points, then
        with two conventions the four-point convention's nose tip and bottom lip, each NaN for the faces of the other
        convention.

        labels [B, 15, 2] px, four_point bool [B] -> [B, 15 or 17, 2] px.
        """
        points = labels.clone()
        points[..., 0] -= self.label_offset[four_point.long()][:, None]
        if self.config.conventions == 1:
            return points
        own = points[:, [NOSE_TIP, BOTTOM_LIP]]
        points[:, [NOSE_TIP, BOTTOM_LIP]] = torch.where(four_point[:, None, None], torch.nan, own)
        return torch.cat([points, torch.where(four_point[:, None, None], own, torch.nan)], 1)

    def measure_offset(self, predicted: np.ndarray, labels: np.ndarray, four_point: np.ndarray) -> np.ndarray:
        """How far right of the model's answers the labels lie, mean px [2]: of the 15-point rows, and of the four-point
        rows; 0 where there are none.

        predicted, labels: [N, 15, 2] px, labels NaN where missing. four_point: bool [N].
        """
        offset = np.zeros(2)
        for convention in (0, 1):
            error = (labels - predicted)[four_point == convention, :, 0]
            error = error[np.isfinite(error)]
            offset[convention] = error.mean() if len(error) else 0
        return offset


def build_model(config: ModelConfig) -> KeypointModel:
    """Builds the model of a config, with random weights from torch's current seed."""
    return KeypointModel(config).to(memory_format=torch.channels_last)  # a CPU answers in 9 ms instead of 12
