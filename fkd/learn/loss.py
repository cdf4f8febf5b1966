"""The masked loss: what is labelled counts, what is missing (NaN) does not."""

import torch
import torch.nn.functional as F


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
