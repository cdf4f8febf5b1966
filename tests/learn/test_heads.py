"""How heads turn their outputs into points and losses."""

import pytest
import torch

from fkd.learn.heads import SIGMA, cells, expected_points, heatmap_loss, masked_loss, spread


def test_a_gaussian_is_read_back_at_its_centre_within_a_twentieth_of_a_pixel():
    points = torch.tensor([[[20.3, 70.8], [47.5, 47.5]], [[60.1, 33.3], [11.0, 80.0]]])  # [2, 2, 2] px
    for size in (24, 48):
        at = cells(torch.zeros(1, 1, size, size))
        across, down = (-(at - points[..., None]).square() / (2 * SIGMA**2)).unbind(2)  # [2, 2, S]
        logits = down[..., :, None] + across[..., None, :]
        assert (expected_points(logits) - points).abs().max() < 0.05
        assert (spread(logits) - SIGMA).abs().max() < 0.1 and (spread(logits / 4) - 2 * SIGMA).abs().max() < 0.2


def test_the_loss_is_least_at_the_label_and_a_missing_one_moves_nothing():
    target = torch.tensor([[[30.0, 60.0], [torch.nan, torch.nan]]])
    heatmaps = torch.zeros(1, 2, 24, 24, requires_grad=True)
    optimizer = torch.optim.Adam([heatmaps], 0.3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = heatmap_loss(heatmaps, target)
        loss.backward()
        assert not heatmaps.grad[0, 1].any() and torch.isfinite(heatmaps.grad).all()
        optimizer.step()
    assert (expected_points(heatmaps.detach())[0, 0] - target[0, 0]).abs().max() < 0.1
    assert heatmap_loss(torch.zeros(1, 2, 24, 24), target) > loss.detach() + 3
    assert heatmap_loss(heatmaps, torch.full((1, 2, 2), torch.nan)) is None


def test_only_labels_count_in_the_loss_and_its_gradient():
    predicted = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]], requires_grad=True)
    loss = masked_loss(predicted, torch.tensor([[[0.0, 0.0], [torch.nan, torch.nan]]]))
    assert loss.item() == pytest.approx((0.5 * 1 / 2 + 0.5 * 4 / 2) / 2)  # half the square over beta
    loss.backward()
    assert (predicted.grad[0, 0] > 0).all() and (predicted.grad[0, 1] == 0).all()
    assert masked_loss(predicted, torch.full((1, 2, 2), torch.nan)) is None
