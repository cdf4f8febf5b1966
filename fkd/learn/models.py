"""Models: grey faces -> keypoints in frame pixels; normalisation and scaling live inside.

`ModelConfig.name` is "fcnn" or the name of a residual network in timm; `ModelConfig.head` says how its
feature maps become points.
"""

import difflib
import math
from dataclasses import dataclass

import timm
import torch
import torch.nn.functional as F
from torch import nn

from fkd.files import STRICT
from fkd.keypoints import BOTTOM_LIP, FRAME_SIZE, NAMES, NOSE_TIP, unmirror
from fkd.learn.heatmap import expected_points

FCNN = "fcnn"
FCNN_HIDDEN = 500
WIDTH = 128  # channels of the heatmap head
CENTRE, HALF = (FRAME_SIZE - 1) / 2, FRAME_SIZE / 2


@dataclass(frozen=True)
class ModelConfig:
    """name: "fcnn" or a timm residual network. conventions: 2 gives the four-point convention's nose tip and
    bottom lip outputs of their own; 1 mixes them with the 15-point convention's, as the paper's models do.
    head: "heatmap" or "regression"; if not given, what is best: "heatmap", but for FCNN.
    stem_stride: of a residual network before its first stage: 4, as timm builds it, or 2: all maps twice as large.
    """

    __pydantic_config__ = STRICT

    name: str = "resnet18"
    conventions: int = 2
    head: str = ""
    stem_stride: int = 4

    def __post_init__(self):
        if self.name not in model_names():
            asked = str(self.name)[:60]
            near = difflib.get_close_matches(asked, model_names(), 3) or [FCNN, "resnet18", "resnet50"]
            raise ValueError(f"unknown model {asked!r}: did you mean {', '.join(near)}?")
        if not self.head:
            object.__setattr__(self, "head", "regression" if self.name == FCNN else "heatmap")
        for field, choices in (("conventions", (1, 2)), ("head", ("regression", "heatmap")), ("stem_stride", (4, 2))):
            if getattr(self, field) not in choices:
                found = repr(getattr(self, field))[:60]
                raise ValueError(f"{field} is {found}, expected {choices[0]!r} or {choices[1]!r}")
        if self.name == FCNN and (self.head, self.stem_stride) != ("regression", 4):
            raise ValueError(f"{FCNN} has no feature maps: leave head and stem_stride out")


class HeatmapHead(nn.Module):
    """Maps of halving size, finest first -> heatmap logits [B, outputs, S, S] at the finest.

    From the coarsest on, the sum so far is enlarged, the next map is brought to as many channels and added,
    and a 3 x 3 convolution mixes them: the top-down way of a feature pyramid (Lin et al. 2017).
    """

    def __init__(self, channels: list[int], outputs: int):
        super().__init__()
        widths = [WIDTH // 2, *[WIDTH] * (len(channels) - 1)]  # the finest map is the dearest
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1) for count, width in zip(channels, widths, strict=True))
        self.narrow = nn.Conv2d(WIDTH, WIDTH // 2, 1)
        self.mix = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            )
            for width in widths[:-1]
        )
        self.heat = nn.Conv2d(WIDTH // 2, outputs, 1)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        total = self.lateral[-1](maps[-1])
        for level in reversed(range(len(maps) - 1)):
            total = total if level else self.narrow(total)
            total = F.interpolate(total, size=maps[level].shape[-2:], mode="bilinear")
            total = self.mix[level](self.lateral[level](maps[level]) + total)
        return self.heat(total)


class KeypointModel(nn.Module):
    """images float [B, 1, 96, 96] in 0..1 -> points float32 [B, 15, 2], frame pixels.

    FCNN: 9216-500-30 (Mateus & Zeng). Otherwise: a timm residual network from random weights, and a head.
    "regression": one linear layer on its last feature map, which is not averaged away, since where a feature
    lies is what is asked. "heatmap": a heatmap a point from the maps of the stem and every stage, and its expected
    coordinates (`fkd.learn.heatmap`).

    label_offset: how far to the right of the points themselves a data set has its labels, px [2]: those of the 15-point
    rows, and of the four-point rows. Points mirror to 95 - x, labels that stand half a pixel aside do not, so a model
    that learns from mirrored faces cannot learn it: `train` measures it, and it is added to the answer.
    """

    label_offset: torch.Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        if config.name == FCNN:
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(FRAME_SIZE**2, FCNN_HIDDEN), nn.ReLU())
            features = FCNN_HIDDEN
        elif config.head == "regression":
            body = timm.create_model(config.name, in_chans=1, num_classes=0, global_pool="")
            features = body.num_features * _side(body, config) ** 2
            self.body = nn.Sequential(body, nn.Flatten())
        else:
            body = timm.create_model(config.name, in_chans=1, features_only=True)
            self.body = body
        if config.stem_stride == 2:
            body.maxpool = nn.Identity()
        if config.head == "heatmap":
            self.head = HeatmapHead(self.body.feature_info.channels(), self.outputs)
        else:
            self.head = nn.Linear(features, 2 * self.outputs)
            nn.init.normal_(self.head.weight, std=0.1 / features**0.5)
        self.register_buffer("label_offset", torch.zeros(2))

    @property
    def outputs(self) -> int:
        """How many points the head has: 15, or 17 with two conventions."""
        return len(NAMES) + 2 * (self.config.conventions - 1)

    def answer(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The head's points [B, outputs, 2], frame pixels, in the order of `targets` and without `label_offset`, and
        the heatmaps that they are read from (logits [B, outputs, S, S]), which a regression does not have."""
        mean = images.mean((1, 2, 3), keepdim=True)
        # Light is no information about place: each face is brought to mean 0 and deviation 1.
        deviation = images.std((1, 2, 3), keepdim=True).clamp_min(0.01)
        features = self.body((images - mean) / deviation)
        heatmaps = self.head(features).float() if self.config.head == "heatmap" else None
        # bf16 has 8 bits: a coordinate rounded to them would be off by a quarter of a pixel.
        with torch.autocast(images.device.type, enabled=False):
            if heatmaps is not None:
                return expected_points(heatmaps), heatmaps
            return self.head(features.float()).unflatten(1, (self.outputs, 2)) * HALF + CENTRE, None

    def forward(
        self, images: torch.Tensor, four_point: torch.Tensor | None = None, mirror: bool = False
    ) -> torch.Tensor:
        """Points [B, 15, 2], frame pixels, where the training data's labels lie: of the 15-point convention, or
        for the faces of `four_point` (bool [B]) of the four-point convention, if the model knows both. mirror: the
        mean with the answers for the mirror images."""
        points = self._points(images, four_point)
        if mirror:
            points = (points + unmirror(self._points(images.flip(-1), four_point))) / 2
        offset = self.label_offset[0 if four_point is None else four_point.long()]  # [] or [B] px
        return points + torch.stack([offset, torch.zeros_like(offset)], -1).view(-1, 1, 2)

    def _points(self, images: torch.Tensor, four_point: torch.Tensor | None) -> torch.Tensor:
        every, _ = self.answer(images)
        points = every[:, : len(NAMES)]
        if four_point is None or self.config.conventions == 1:
            return points
        points = points.clone()
        points[:, [NOSE_TIP, BOTTOM_LIP]] = torch.where(
            four_point[:, None, None], every[:, len(NAMES) :], points[:, [NOSE_TIP, BOTTOM_LIP]]
        )
        return points


def _side(body: nn.Module, config: ModelConfig) -> int:
    """The side of the last feature map, cells."""
    return math.ceil(FRAME_SIZE / (body.feature_info[-1]["reduction"] * config.stem_stride / 4))


def targets(points: torch.Tensor, four_point: torch.Tensor, config: ModelConfig) -> torch.Tensor:
    """Labels in the order of the head: the 15 points, then with two conventions the four-point convention's
    nose tip and bottom lip, each NaN for the faces of the other convention.

    points [B, 15, 2] px, four_point bool [B] -> [B, 15 or 17, 2] px.
    """
    if config.conventions == 1:
        return points
    own = points[:, [NOSE_TIP, BOTTOM_LIP]]
    points = points.clone()
    points[:, [NOSE_TIP, BOTTOM_LIP]] = torch.where(four_point[:, None, None], torch.nan, own)
    return torch.cat([points, torch.where(four_point[:, None, None], own, torch.nan)], 1)


def build_model(config: ModelConfig) -> KeypointModel:
    """Builds the model of a config, with random weights from torch's current seed."""
    return KeypointModel(config).to(memory_format=torch.channels_last)  # a CPU answers in 9 ms instead of 12


def model_names() -> list[str]:
    """The names that ModelConfig accepts."""
    return [FCNN, *timm.list_models(module="resnet")]
