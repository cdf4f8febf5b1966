"""Models: grey faces -> keypoints in frame pixels; normalisation and scaling live inside.

`ModelConfig` says which network, and which head of `fkd.learn.heads` makes points of its features.
"""

import difflib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

from fkd.data.conventions import Outputs, ambiguous, channels, nearest
from fkd.errors import FkdError
from fkd.keypoints import FRAME_SIZE
from fkd.learn.config import FCNN, MOBILE, ModelConfig
from fkd.learn.heads import HEADS, Head

FCNN_HIDDEN = 500
BATCH = 32  # frames at once, as a CPU's cache holds: 256 take 1.8 times as long
MODELS = (FCNN, *timm.list_models(module="resnet"), *timm.list_models(f"{MOBILE}v4_conv_*"))


class KeypointModel(nn.Module):
    """images float [B, 1, 96, 96] in 0..1 -> the head's output, and logits [B, C] of the conventions, or None.

    FCNN: 9216-500-30 (Mateus & Zeng). Otherwise: a network of timm from random weights, and a head: that of the
    config, or another class of `Head`. If only the picture tells which convention a face follows, one more linear layer
    predicts it, on the mean of the coarsest map.

    label_offset: how far to the right of the points themselves a data set has its labels, px [C], in each convention.
    Points mirror to 95 - x, labels that are half a pixel off do not, so a model that learns from mirrored faces cannot
    learn it: `train` measures it, and `label_points` adds it to the points.
    """

    body: nn.Module
    head: Head
    label_offset: torch.Tensor
    channels: torch.Tensor

    def __init__(self, config: ModelConfig, head: type[Head] | None = None):
        super().__init__()
        self.config = config
        head = head or HEADS[config.head]
        widths, cells = [FCNN_HIDDEN], 1
        if config.name == FCNN:
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(FRAME_SIZE**2, FCNN_HIDDEN), nn.ReLU())
        else:
            options: dict[str, Any] = {"num_classes": 0, "global_pool": ""}
            if head.every_map:
                options = {"features_only": True, "out_indices": tuple(range(head.first_map, 5))}
            network: Any = timm.create_model(config.name, in_chans=1, **options)
            self.body = network if head.every_map else nn.Sequential(network, nn.Flatten())
            stages = network.feature_info.get_dicts() if head.every_map else network.feature_info
            widths = [stage["num_chs"] for stage in stages]
            cells = math.ceil(FRAME_SIZE / stages[-1]["reduction"]) ** 2
        self.head = head(widths, cells, config.outputs)
        choices = len(ambiguous(config.conventions))
        self.choice = nn.Linear(widths[-1] * (1 if head.every_map else cells), choices) if choices else None
        self.register_buffer("label_offset", torch.zeros(len(config.conventions)))
        self.register_buffer("channels", torch.from_numpy(channels(config.conventions)), persistent=False)

    def forward(self, images: torch.Tensor) -> tuple[Any, torch.Tensor | None]:
        """The head's output, from which its points are read and its loss is computed, and the conventions' logits."""
        # Brightness says nothing about position: each face is normalised to mean 0 and deviation 1. `std` and the sizes
        # of tensors would be computed in an ONNX file too, in a way that OpenCV 4 does not read.
        away = images - images.mean((1, 2, 3), keepdim=True)
        deviation = (away.square().sum((1, 2, 3), keepdim=True) / (FRAME_SIZE**2 - 1)).sqrt().clamp_min(0.01)
        features = self.body(away / deviation)
        if self.choice is None:
            return self.head(features), None
        coarsest = features[-1].mean((2, 3)) if self.head.every_map else features
        return self.head(features), self.choice(coarsest).float()

    def targets(self, points: torch.Tensor, convention: torch.Tensor) -> torch.Tensor:
        """Targets for the head's outputs: NaN for those of other conventions.

        points [B, 15, 2] px, convention int64 [B] -> [B, K, 2] px.
        """
        targets = points.new_full((len(points), self.config.outputs, 2), torch.nan)
        return targets.scatter_(1, self.channels[convention][..., None].expand_as(points), points)

    def all_targets(self, answers: Sequence[torch.Tensor]) -> torch.Tensor:
        """Targets [B, K, 2] px for the head's outputs, from points [B, 15, 2] px in each convention; NaN: nothing."""
        targets = answers[0].new_full((len(answers[0]), self.config.outputs, 2), torch.nan)
        for outputs, points in zip(self.channels, answers, strict=True):
            targets[:, outputs] = torch.where(torch.isfinite(points), points, targets[:, outputs])
        return targets

    def start_from(self, source: "KeypointModel") -> None:
        """Copies the weights of `source`, a model of the same network and head.

        An output of a convention that the source lacks starts as that of the source's nearest convention.
        Raises FkdError if network or head differ.
        """
        for part in ("name", "head"):
            wanted, actual = getattr(self.config, part), getattr(source.config, part)
            if wanted != actual:
                raise FkdError(f"the weights to start from are of {part} {actual}, expected {wanted}")
        theirs, ours = source.config.conventions, self.config.conventions
        near = [theirs.index(nearest(convention, theirs)) for convention in ours]
        row = torch.zeros(self.config.outputs, dtype=torch.long)  # for each output, the source's output to copy
        for number, outputs in reversed([*zip(near, self.channels, strict=True)]):  # shared outputs: the first's
            row[outputs] = source.channels[number]
        own, tensors = self.state_dict(), source.state_dict()
        last = f"head.{self.head.last}." if self.head.last else "head."
        for name in (f"{last}weight", f"{last}bias"):
            tensors[name] = tensors[name].view(source.config.outputs, -1)[row].view_as(own[name])
        tensors["label_offset"] = tensors["label_offset"][near]
        if theirs != ours:  # the source chose between other conventions
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("choice.")}
            tensors |= {name: tensor for name, tensor in own.items() if name.startswith("choice.")}
        self.load_state_dict(tensors)


def check_name(name: str, where: str = "") -> None:
    """Raises FkdError, which begins with `where` and offers the nearest names, for a network that is not in MODELS."""
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, 3) or [FCNN, "resnet18", "resnet50"]
        raise FkdError(f"{where}unknown model {name!r:.60}: did you mean {', '.join(near)}?")


def build_model(config: ModelConfig) -> KeypointModel:
    """Builds the model of a config, with random weights from torch's current seed."""
    check_name(config.name)
    return KeypointModel(config).to(memory_format=torch.channels_last)  # a CPU answers in 9 ms instead of 12


def outputs(model: KeypointModel, images: np.ndarray) -> Outputs:
    """All outputs [N, K, 2] px for images uint8 [N, 96, 96], without the label offset, and the conventions' logits."""
    device = model.label_offset.device
    points, logits = [], []
    model.eval()
    for start in range(0, len(images), BATCH):
        batch = torch.tensor(images[start : start + BATCH], device=device)[:, None].float() / 255
        with torch.inference_mode():
            output, choice = model(batch)
            points.append(model.head.points(output).float().cpu().numpy())
        logits += [] if choice is None else [choice.cpu().numpy()]
    return np.concatenate(points), np.concatenate(logits) if logits else None


def bf16_is_quick(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def chosen_device(name: str) -> str:
    """The torch device of a name, or of auto: cuda where there is one. Raises FkdError for one that is not here."""
    device = name.replace("auto", "cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = device.partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if not (number or "0").isdigit() or int(number or 0) >= counts.get(kind, 0):
        raise FkdError(f"device {name} is not available here: expected auto, cpu, cuda, cuda:N or mps")
    return device
