"""Heads: how a network's features become points, and the loss that trains them. HEADS lists them all.

A heatmap's expected coordinates are the prediction: integral regression (Sun et al. 2018; DSNT, Nibali et al. 2018).
The model's logits become a probability for each cell of the map, and the answer is the mean place, which is the
statistic that a squared error asks for. A missing label (NaN) does not count in any loss.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from fkd.keypoints import FRAME_SIZE
from fkd.learn.config import HEATMAP, REGRESSION, SMALL_HEATMAP

CENTRE, HALF = (FRAME_SIZE - 1) / 2, FRAME_SIZE / 2
SIGMA = 2.5  # px, of the Gaussian that a heatmap is taught: over cells of 2 or 4 px its mean is still the label


class Head(nn.Module):
    """features -> output, from which the points are read and the loss is computed.

    Made by head(channels, cells, outputs): the channels of the network's maps from the finest on, the cells of the
    coarsest, and the number of points, K. forward takes the coarsest map as [B, channels * cells], or, if `every_map`,
    a list of all maps [B, channels, S, S], the finest first, in float32 or bfloat16; its output is float32.
    first_map: the first of these maps; that of half the frame's size is 0.
    last: the name of the last layer, which has one or more rows of weights per point; "" if it is the head.
    """

    every_map: ClassVar[bool] = False
    first_map: ClassVar[int] = 0
    last: ClassVar[str] = ""

    def points(self, output: Any, /) -> torch.Tensor:
        """Points float32 [B, K, 2], frame pixels."""
        raise NotImplementedError

    def loss(self, output: Any, target: torch.Tensor, /) -> torch.Tensor | None:
        """The mean loss over the labels, a scalar; None without any. target: [B, K, 2] px, NaN where missing."""
        raise NotImplementedError

    def spread(self, output: Any, /) -> torch.Tensor | None:
        """How uncertain each point is: standard deviation along an axis [B, K] px; None if the head cannot say."""
        return None


def masked_loss(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
    """Mean Huber loss over the labelled coordinates: squared up to 2 px, linear beyond.

    predicted, target: [B, K, 2] px, target NaN where a label is missing. Returns a scalar, or None if the
    batch has no label at all (then there is nothing to step on).
    The masked loss of Wu et al.'s ML-ResNet, with Huber's (1964) in place of the square, which a few badly
    labelled or turned faces would rule.
    """
    labelled = torch.isfinite(target)
    count = labelled.sum()
    if count == 0:
        return None
    # NaN * 0 is NaN in the gradient too, so a missing label is replaced before any arithmetic.
    error = torch.where(labelled, predicted - target.nan_to_num(), 0.0)
    return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="sum", beta=2.0) / count


def expected_points(heatmaps: torch.Tensor) -> torch.Tensor:
    """Logits [B, K, S, S] -> points [B, K, 2], frame pixels."""
    heat = probabilities(heatmaps)
    at = cells(heatmaps)
    return torch.stack([(heat.sum(2) * at).sum(-1), (heat.sum(3) * at).sum(-1)], -1)


def spread(heatmaps: torch.Tensor) -> torch.Tensor:
    """How wide each heatmap is: logits [B, K, S, S] -> standard deviation along an axis [B, K], frame pixels.

    The Gaussian that a map is taught has one of SIGMA; a wider map is a less certain answer.
    """
    heat = probabilities(heatmaps)
    at, mean = cells(heatmaps), expected_points(heatmaps)
    across = (heat.sum(2) * (at - mean[..., :1]).square()).sum(-1)
    down = (heat.sum(3) * (at - mean[..., 1:]).square()).sum(-1)
    return ((across + down) / 2).sqrt()


def heatmap_loss(heatmaps: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
    """Mean cross-entropy between the heatmaps and a Gaussian of SIGMA about each labelled point.

    heatmaps: logits [B, K, S, S]. target: [B, K, 2] px, NaN where a label is missing. Returns a scalar, or None if
    no point is labelled.
    """
    labelled = torch.isfinite(target).all(-1)  # [B, K]
    if not labelled.any():
        return None
    away = cells(heatmaps) - target[labelled][..., None]  # [L, 2, S] px
    across, down = (-away.square() / (2 * SIGMA**2)).softmax(-1).unbind(1)
    wanted = down[:, :, None] * across[:, None, :]  # [L, S, S]
    # Rows by number: the gradient of a choice by truth values is scattered in one thread.
    chosen = heatmaps.flatten(2).flatten(0, 1).index_select(0, labelled.flatten().nonzero()[:, 0])  # [L, S * S]
    return -(wanted.flatten(1) * chosen.log_softmax(-1)).sum(-1).mean()


def probabilities(heatmaps: torch.Tensor) -> torch.Tensor:
    """Logits [B, K, S, S] -> the probability of each cell of a map."""
    count, size = map(int, heatmaps.shape[1:3])
    return heatmaps.reshape(-1, count, size * size).softmax(-1).reshape(-1, count, size, size)


def cells(heatmaps: torch.Tensor) -> torch.Tensor:
    """The centres of a map's cells along one axis, [S] frame pixels."""
    size = int(heatmaps.shape[-1])
    return (torch.arange(size, device=heatmaps.device) + 0.5) * (FRAME_SIZE / size) - 0.5


class RegressionHead(nn.Linear, Head):
    """One linear layer on the last map, without pooling: the position of a feature matters.

    The output is the points [B, K, 2], frame pixels.
    """

    def __init__(self, channels: Sequence[int], cells: int, outputs: int):
        features = channels[-1] * cells
        super().__init__(features, 2 * outputs)
        nn.init.normal_(self.weight, std=0.1 / features**0.5)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        # bf16 has 8 bits: a coordinate rounded to them would be off by a quarter of a pixel.
        with torch.autocast(features.device.type, enabled=False):
            points: torch.Tensor = super().forward(features.float()).reshape(-1, self.out_features // 2, 2)
        return points * HALF + CENTRE

    def points(self, output: torch.Tensor) -> torch.Tensor:
        return output

    loss = staticmethod(masked_loss)


class HeatmapHead(Head):
    """A heatmap for each point; its expected coordinates are the prediction.

    From the coarsest map on, the sum so far is enlarged, the next map is brought to as many channels and added,
    and a 3 x 3 convolution mixes them: the top-down way of a feature pyramid (Lin et al. 2017).
    The output is the heatmaps' logits [B, K, S, S], as fine as the finest map.
    """

    every_map = True
    last = "heat"
    width, finest_width = 128, 64  # channels: the finest map is the most expensive

    def __init__(self, channels: Sequence[int], cells: int, outputs: int):
        super().__init__()
        widths = [self.finest_width, *[self.width] * (len(channels) - 1)]
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1) for count, width in zip(channels, widths, strict=True))
        self.narrow = nn.Conv2d(self.width, self.finest_width, 1)
        self.mix = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
            for width in widths[:-1]
        )
        self.heat = nn.Conv2d(self.finest_width, outputs, 1)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        total: torch.Tensor = self.lateral[-1](features[-1])
        for level in reversed(range(len(features) - 1)):
            total = total if level else self.narrow(total)
            total = F.interpolate(total, scale_factor=2, mode="bilinear")
            total = self.mix[level](self.lateral[level](features[level]) + total)
        heatmaps: torch.Tensor = self.heat(total)
        return heatmaps.float()

    points, loss, spread = staticmethod(expected_points), staticmethod(heatmap_loss), staticmethod(spread)


class SmallHeatmapHead(HeatmapHead):
    """A heatmap head without the map of 48 x 48 cells, which would cost more than a small network."""

    first_map = 1
    width, finest_width = 96, 96


HEADS: dict[str, type[Head]] = {
    REGRESSION: RegressionHead, HEATMAP: HeatmapHead, SMALL_HEATMAP: SmallHeatmapHead,
}  # fmt: skip
