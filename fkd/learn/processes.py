"""One run in several processes (torch.distributed): sums over all of them; by itself, a process is all."""

import torch
import torch.distributed as dist


def rank_and_count() -> tuple[int, int]:
    """This process's number, from 0, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def over_all(values: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all processes."""
    values = values.clone()
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def add_gradients(model: torch.nn.Module) -> None:
    """Gives every process the sum of all processes' gradients, by one exchange."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    total = over_all(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, part in zip(gradients, total.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
