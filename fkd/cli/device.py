"""Choose the device of --device."""

import re

import torch

from fkd.errors import FkdError


def chosen_device(name: str) -> str:
    """Return the torch device for a value of --device.

    Raises FkdError if torch does not find it here.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise FkdError(f"--device is {name!r}, expected auto, cpu, mps, cuda or cuda:N")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        found = f"{torch.cuda.device_count()} CUDA devices" if torch.cuda.is_available() else "no CUDA device"
        raise FkdError(f"--device {name}: torch finds {found} here; use --device cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise FkdError("--device mps: torch finds no Apple GPU here; use --device cpu")
    return name
