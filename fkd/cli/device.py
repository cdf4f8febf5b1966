"""What --device names, which torch knows: most commands do without it."""

import torch


def chosen_device(name: str) -> str:
    """The device that --device names; raises ValueError if it is not here."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"--device is {name!r}, expected auto, cpu or cuda")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return name
