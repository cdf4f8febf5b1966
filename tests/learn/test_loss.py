import torch

from fkd.learn.loss import masked_loss


def test_the_gradient_is_finite_and_zero_where_a_label_is_missing():
    predicted = torch.rand(4, 15, 2, requires_grad=True)
    target = torch.rand(4, 15, 2)
    target[1:, 4:] = torch.nan
    masked_loss(predicted, target).backward()
    assert torch.isfinite(predicted.grad).all()
    assert (predicted.grad[1:, 4:] == 0).all() and (predicted.grad[0] != 0).all()


def test_a_batch_without_labels_is_no_step():
    assert masked_loss(torch.rand(2, 15, 2), torch.full((2, 15, 2), torch.nan)) is None


def test_only_what_is_labelled_counts():
    predicted = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    target = torch.tensor([[[0.0, 0.0], [torch.nan, torch.nan]]])
    assert masked_loss(predicted, target).item() == (0.5 * 1 / 2 + 0.5 * 4 / 2) / 2  # half the square over beta
