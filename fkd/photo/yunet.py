"""YuNet, a small network that finds faces and five points on each."""

import functools
import itertools
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from fkd.keypoints import NAMES
from fkd.learn.inference import bf16_is_quick

WEIGHTS = Path(__file__).with_name("yunet.safetensors")  # where they are from, and their terms: yunet.txt
STRIDES = (8, 16, 32)  # px, of the cells that answer: small, middling and large faces
# Its points, in its order.
POINTS = tuple(
    map(NAMES.index, ("right_eye_center", "left_eye_center", "nose_tip", "mouth_right_corner", "mouth_left_corner"))
)


def detect(pixels: np.ndarray, lowest: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores float32 [N], at least `lowest`, the highest first, and points complex [N, 5], px, x + iy, POINTS' order.

    pixels: grey, uint8 [H, W]. A face has several answers, of cells beside each other.
    """
    height, width = (STRIDES[-1] * -(-side // STRIDES[-1]) for side in pixels.shape)
    network = _network()
    batch = torch.zeros((1, 1, height, width), dtype=network.stem.weight.dtype)
    batch[0, 0, : pixels.shape[0], : pixels.shape[1]] = torch.tensor(pixels.copy())
    scores, points = [], []
    with torch.inference_mode():
        for stride, (score, offsets) in zip(STRIDES, network(batch), strict=True):
            y, x = torch.nonzero(score[0, 0] >= lowest, as_tuple=True)
            scores.append(score[0, 0, y, x].float().numpy())
            of_face = offsets[0, :, y, x].T.float().numpy()  # [n, 10], x and y in turn, in strides
            cell = (x + 1j * y).numpy()[:, None]
            points.append(stride * (cell + of_face[:, 0::2] + 1j * of_face[:, 1::2]))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return np.concatenate(scores)[order], np.concatenate(points)[order]


@functools.cache
def _network() -> "YuNet":
    network = YuNet()
    network.load_state_dict(load_file(WEIGHTS))
    numbers = torch.bfloat16 if bf16_is_quick(torch.device("cpu")) else torch.float32
    return network.eval().to(numbers).to(memory_format=torch.channels_last)


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

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """[B, 1, H, W], 0..255 -> scores [B, 1, h, w] and offsets of the points [B, 10, h, w] of each stride."""
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
        return [
            ((torch.sigmoid(self.is_face[k](x)) * torch.sigmoid(self.is_object[k](x))).sqrt(), self.offsets[k](x))
            for k, x in enumerate(levels)
        ]
