"""Heatmaps: one per keypoint; its expected coordinates are the prediction.

Integral regression (Sun et al. 2018; DSNT, Nibali et al. 2018). The model's logits become a probability for
each cell of the map, and the answer is the mean place, which is the statistic that a squared error asks for.
"""

import torch

from fkd.keypoints import FRAME_SIZE

SIGMA = 2.5  # px, of the Gaussian that a heatmap is taught: over cells of 2 or 4 px its mean is still the label


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
