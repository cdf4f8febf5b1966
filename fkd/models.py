"""Models: grey faces -> keypoints in frame pixels; normalisation and scaling live inside.

`ModelConfig.name` is "fcnn" or the name of a residual network in timm.
"""

import difflib
import math
from dataclasses import dataclass

import timm
import torch
from torch import nn

from fkd.keypoints import BOTTOM_LIP, FRAME_SIZE, NAMES, NOSE_TIP

FCNN = "fcnn"
FCNN_HIDDEN = 500
CENTRE, HALF = (FRAME_SIZE - 1) / 2, FRAME_SIZE / 2


@dataclass(frozen=True)
class ModelConfig:
    """name: "fcnn" or a timm residual network. conventions: 2 gives the four-point convention's nose tip and
    bottom lip outputs of their own; 1 mixes them with the 15-point convention's, as the paper's models do."""

    name: str = "resnet18"
    conventions: int = 2

    def __post_init__(self):
        if self.conventions not in (1, 2):
            raise ValueError(f"conventions is {self.conventions!r}, expected 1 or 2")
        if self.name not in model_names():
            near = difflib.get_close_matches(str(self.name), model_names(), 3) or [
                FCNN,
                "resnet18",
                "resnet50",
            ]
            raise ValueError(f"unknown model {self.name!r}: did you mean {', '.join(near)}?")


class KeypointModel(nn.Module):
    """images float [B, 1, 96, 96] in 0..1 -> points float32 [B, 15, 2], frame pixels.

    FCNN: 9216-500-30 (Mateus & Zeng). Otherwise: a timm residual network from random weights, and one linear
    layer on its last feature map, which is not averaged away, since where a feature lies is what is asked.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        if config.name == FCNN:
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(FRAME_SIZE**2, FCNN_HIDDEN), nn.ReLU())
            features = FCNN_HIDDEN
        else:
            body = timm.create_model(config.name, in_chans=1, num_classes=0, global_pool="")
            side = math.ceil(FRAME_SIZE / body.feature_info[-1]["reduction"])
            features = body.num_features * side**2
            self.body = nn.Sequential(body, nn.Flatten())
        self.head = nn.Linear(features, 2 * self.outputs)
        nn.init.normal_(self.head.weight, std=0.1 / features**0.5)

    @property
    def outputs(self) -> int:
        """How many points the head has: 15, or 17 with two conventions."""
        return len(NAMES) + 2 * (self.config.conventions - 1)

    def all_points(self, images: torch.Tensor) -> torch.Tensor:
        """The head's points [B, outputs, 2], frame pixels; see `targets` for their order."""
        mean = images.mean((1, 2, 3), keepdim=True)
        # Light is no information about place: each face is brought to mean 0 and deviation 1.
        deviation = images.std((1, 2, 3), keepdim=True).clamp_min(0.01)
        features = self.body((images - mean) / deviation)
        # bf16 has 8 bits: a coordinate rounded to them would be off by a quarter of a pixel.
        with torch.autocast(images.device.type, enabled=False):
            return self.head(features.float()).unflatten(1, (self.outputs, 2)) * HALF + CENTRE

    def forward(self, images: torch.Tensor, sparse: torch.Tensor | None = None) -> torch.Tensor:
        """Points [B, 15, 2], frame pixels: of the 15-point convention, or for the faces of `sparse`
        (bool [B]) of the four-point convention, if the model knows both."""
        every = self.all_points(images)
        points = every[:, : len(NAMES)]
        if sparse is None or self.config.conventions == 1:
            return points
        points = points.clone()
        points[:, [NOSE_TIP, BOTTOM_LIP]] = torch.where(
            sparse[:, None, None], every[:, len(NAMES) :], points[:, [NOSE_TIP, BOTTOM_LIP]]
        )
        return points


def targets(points: torch.Tensor, sparse: torch.Tensor, config: ModelConfig) -> torch.Tensor:
    """Labels in the order of the head: the 15 points, then with two conventions the four-point convention's
    nose tip and bottom lip, each NaN for the faces of the other convention.

    points [B, 15, 2] px, sparse bool [B] -> [B, 15 or 17, 2] px.
    """
    if config.conventions == 1:
        return points
    own = points[:, [NOSE_TIP, BOTTOM_LIP]]
    points = points.clone()
    points[:, [NOSE_TIP, BOTTOM_LIP]] = torch.where(sparse[:, None, None], torch.nan, own)
    return torch.cat([points, torch.where(sparse[:, None, None], own, torch.nan)], 1)


def build_model(config: ModelConfig) -> KeypointModel:
    """Builds the model of a config, with random weights from torch's current seed."""
    return KeypointModel(config)


def model_names() -> list[str]:
    """The names that ModelConfig accepts."""
    return [FCNN, *timm.list_models(module="resnet")]
