"""The network YuNet, as torch has it."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from fkd.learn.inference import bf16_is_quick
from fkd.photo.detectors.compiled import Converted
from fkd.photo.detectors.conversion import convert
from fkd.photo.yunet import POINTS, STRIDES

WEIGHTS = Path(__file__).with_name("yunet.safetensors")  # where they are from, and their terms: yunet.txt


def converted() -> Converted:
    """YuNet as OpenVINO runs it."""
    return convert(_loaded(), torch.zeros(1, 1, 64, 64), [1, 1, -1, -1], rounded=True)


def by_torch() -> Callable[[np.ndarray], list[np.ndarray]]:
    """YuNet as torch runs it, from and to arrays."""
    numbers = torch.bfloat16 if bf16_is_quick(torch.device("cpu")) else torch.float32
    network = _loaded().to(numbers).to(memory_format=torch.channels_last)

    def answer(batch: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [output.float().numpy() for output in network(torch.from_numpy(batch).to(numbers))]

    return answer


def _loaded() -> "YuNet":
    network = YuNet()
    network.load_state_dict(load_file(WEIGHTS))
    return network.eval()


class Unit(nn.Module):
    """A convolution in two steps: over the channels, then over the pixels of each."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(channels, out, 1)
        self.depthwise = nn.Conv2d(out, out, 3, padding=1, groups=out)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, H, W] -> [B, out, H, W]."""
        answer: Tensor = self.depthwise(self.pointwise(x))
        return answer


class Block(nn.Module):
    """Two units, each with a ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first, self.second = Unit(channels, channels), Unit(channels, out)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, H, W] -> [B, out, H, W]."""
        return F.relu(self.second(F.relu(self.first(x))))


class YuNet(nn.Module):
    """The smaller of the two networks of Wu, Peng and Yu (2023), "YuNet: A Tiny Millisecond-level Face Detector".

    It takes grey pictures (the weights of its first layer are summed over the colours), and leaves out the boxes: a
    face's frame follows from its points.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.unit = Unit(16, 16)
        widths = (16, 32, 64, 64, 64, 64)
        self.blocks = nn.ModuleList(Block(width, out) for width, out in itertools.pairwise(widths))
        self.merge = nn.ModuleList(Unit(64, 64) for _ in STRIDES)
        self.is_face = nn.ModuleList(Unit(64, 1) for _ in STRIDES)
        self.is_object = nn.ModuleList(Unit(64, 1) for _ in STRIDES)
        self.offsets = nn.ModuleList(Unit(64, 2 * len(POINTS)) for _ in STRIDES)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """[B, 1, H, W], 0..255 -> of each stride in turn scores [B, 1, h, w], offsets of the points [B, 10, h, w]."""
        x = F.max_pool2d(F.relu(self.unit(F.relu(self.stem(x)))), 2)
        x = self.blocks[1](self.blocks[0](x))
        levels = []
        for block in self.blocks[2:]:
            x = block(F.max_pool2d(x, 2))
            levels.append(x)
        above: Tensor | None = None
        for level in (2, 1, 0):
            if above is not None:
                levels[level] = levels[level] + F.interpolate(above, scale_factor=2.0)
            above = levels[level] = F.relu(self.merge[level](levels[level]))
        outputs: list[Tensor] = []
        for k, x in enumerate(levels):
            score = (torch.sigmoid(self.is_face[k](x)) * torch.sigmoid(self.is_object[k](x))).sqrt()
            outputs += [score, self.offsets[k](x)]
        return tuple(outputs)
