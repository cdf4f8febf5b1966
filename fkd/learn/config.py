"""What a model is and how it is trained, and the record of it that its checkpoint keeps; plain data, without torch."""

import dataclasses
import difflib
import math
from dataclasses import dataclass, field
from typing import Annotated, cast

from pydantic import Field

from fkd.files import STRICT, Count, Figure, Line

FCNN = "fcnn"
REGRESSION, HEATMAP = "regression", "heatmap"
# The heads of `fkd.learn.heads`, each as a model card describes it after the network's name.
HEAD_ABOUT = {
    REGRESSION: "and one linear layer on its last feature map.",
    HEATMAP: "and a heatmap for each point from the maps of all its stages, fused at the finest; the answer is the"
    " heatmap's mean place.",
}
RESNETS = """
ecaresnet26t ecaresnet50d ecaresnet50d_pruned ecaresnet50t ecaresnet101d ecaresnet101d_pruned ecaresnet200d
ecaresnet269d ecaresnetlight ecaresnext26t_32x4d ecaresnext50t_32x4d resnet10t resnet14t resnet18 resnet18d resnet26
resnet26d resnet26t resnet34 resnet34d resnet50 resnet50_gn resnet50c resnet50d resnet50s resnet50t resnet101
resnet101c resnet101d resnet101s resnet152 resnet152c resnet152d resnet152s resnet200 resnet200d resnetaa34d
resnetaa50 resnetaa50d resnetaa101d resnetblur18 resnetblur50 resnetblur50d resnetblur101d resnetrs50 resnetrs101
resnetrs152 resnetrs200 resnetrs270 resnetrs350 resnetrs420 resnext50_32x4d resnext50d_32x4d resnext101_32x4d
resnext101_32x8d resnext101_32x16d resnext101_32x32d resnext101_64x4d senet154 seresnet18 seresnet34 seresnet50
seresnet50t seresnet101 seresnet152 seresnet152d seresnet200d seresnet269d seresnetaa50d seresnext26d_32x4d
seresnext26t_32x4d seresnext50_32x4d seresnext101_32x4d seresnext101_32x8d seresnext101_64x4d seresnext101d_32x8d
seresnextaa101d_32x8d seresnextaa201d_32x8d test_resnet wide_resnet50_2 wide_resnet101_2
"""  # timm's residual networks
MODELS = (FCNN, *RESNETS.split())
GEOMETRY = ("rotation", "scale", "shift", "stretch", "shear", "bend")  # of AugmentConfig: what moves points
STRONGEST = 10  # times the defaults of augmentation: far beyond what leaves a face to see


@dataclass(frozen=True)
class ModelConfig:
    """name: "fcnn" or a timm residual network. conventions: 2 gives the four-point convention's nose tip and
    bottom lip outputs of their own; 1 mixes them with the 15-point convention's, as the paper's models do; if not
    given, 2, but 1 for FCNN. head: one of HEAD_ABOUT; if not given, what is best: "heatmap", but "regression" for
    FCNN. stem_stride: of a residual network before its first stage: 4, as timm builds it, or 2: all maps twice as
    large.
    """

    __pydantic_config__ = STRICT

    name: str = "resnet18"
    conventions: int | None = None
    head: str = ""
    stem_stride: int = 4

    def __post_init__(self) -> None:
        if self.name not in MODELS:
            requested = str(self.name)[:60]
            near = difflib.get_close_matches(requested, MODELS, 3) or [FCNN, "resnet18", "resnet50"]
            raise ValueError(f"unknown model {requested!r}: did you mean {', '.join(near)}?")
        if self.conventions is None:
            object.__setattr__(self, "conventions", 1 if self.name == FCNN else 2)
        if not self.head:
            object.__setattr__(self, "head", REGRESSION if self.name == FCNN else HEATMAP)
        for part, choices in (("conventions", (1, 2)), ("head", tuple(HEAD_ABOUT)), ("stem_stride", (4, 2))):
            if getattr(self, part) not in choices:
                value = repr(getattr(self, part))[:60]
                raise ValueError(f"{part} is {value}, expected {' or '.join(map(repr, choices))}")
        if self.name == FCNN and (self.head != REGRESSION or self.stem_stride != 4):
            raise ValueError(f"{FCNN} has no feature maps: leave head and stem_stride out")


@dataclass(frozen=True)
class AugmentConfig:
    """How far augmentation goes: uniform ranges around no change (noise: standard deviation, up to).

    rotation: degrees. scale: relative. shift: px. stretch: of width over height, relative. shear: px to the side per px
    down. bend: px, at each of 4 x 4 places over the frame, between which the displacement is smooth. brightness, noise:
    of the range 0..1. contrast: relative. blur: up to a Gaussian of 1.5 px at 1. cover: side of a square of one random
    grey, up to, px.
    last: the part that the last epoch has of the ranges of what moves points, GEOMETRY: they narrow evenly from the
    first epoch on.
    Raises ValueError for a range below 0, or of more than STRONGEST times its default, or last outside of 0..1.
    """

    __pydantic_config__ = STRICT

    mirror: bool = True
    rotation: float = 25.0
    scale: float = 0.2
    shift: float = 8.0
    stretch: float = 0.1
    shear: float = 0.1
    bend: float = 3.0
    brightness: float = 0.2
    contrast: float = 0.4
    noise: float = 0.04
    blur: float = 0.5
    cover: float = 20.0
    last: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.last <= 1:
            raise ValueError(f"augmentation's last is {self.last}, expected 0 to 1")
        for one in dataclasses.fields(self):
            if one.name in ("mirror", "last"):
                continue
            most = STRONGEST * cast(float, one.default)
            if not 0 <= getattr(self, one.name) <= most:
                raise ValueError(
                    f"augmentation's {one.name} is {getattr(self, one.name)}, expected 0 to {most:g} "
                    f"({STRONGEST} times the default)"
                )

    def scaled(self, strength: float) -> "AugmentConfig":
        """All ranges times strength, 0 to STRONGEST; mirror and last stay.

        Raises ValueError for another strength.
        """
        if not 0 <= strength <= STRONGEST:  # so is what is no number
            raise ValueError(f"the strength of augmentation is {strength:g}, expected 0 to {STRONGEST}")
        kept = {"mirror", "last"}
        ranges = {name: value * strength for name, value in dataclasses.asdict(self).items() if name not in kept}
        return dataclasses.replace(self, **ranges)

    def at(self, epoch: int, epochs: int) -> "AugmentConfig":
        """The ranges of an epoch, from 1, of a run of so many epochs: those of GEOMETRY narrow."""
        part = 1 - (1 - self.last) * (epoch - 1) / max(1, epochs - 1)
        return dataclasses.replace(self, **{name: part * getattr(self, name) for name in GEOMETRY})


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    labels: "all" rows with the masked loss (ML-ResNet), or "complete" rows only. precision: "bf16",
    "fp32", or "auto": bf16 for residual networks where the hardware computes in it.
    warmup_epochs: 3 if not given, or as many as leave one epoch after them.
    half: save the weights in float16.
    Raises ValueError for a value that cannot be.
    """

    __pydantic_config__ = STRICT

    epochs: Count = 100
    batch_size: Count = 32
    optimizer: Line = "adamw"
    lr: Figure = 1e-3
    weight_decay: Figure = 0.05
    warmup_epochs: Count | None = None
    labels: Line = "all"
    augment: AugmentConfig | None = field(default_factory=AugmentConfig)
    precision: Line = "auto"
    half: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (
            ("optimizer", ("adam", "adamw")),
            ("labels", ("all", "complete")),
            ("precision", ("auto", "bf16", "fp32")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r:.60}, expected one of {', '.join(choices)}")
        for name in ("epochs", "batch_size", "lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, expected more than 0")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}, expected 0 or more")
        if not -(2**31) <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}, expected {-(2**31)} to {2**31 - 1}")
        if self.warmup_epochs is None:
            object.__setattr__(self, "warmup_epochs", min(3, self.epochs - 1))
        elif not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs}, expected 0 to {self.epochs - 1}")


@dataclass(frozen=True, kw_only=True)
class TrainingRecord(TrainConfig):
    """How a model was trained, and the outcome: its best epoch, from 1, and the RMSE there on the validation faces, px,
    which `predict` judges weak faces by.
    """

    best_epoch: Count
    validation_rmse: Annotated[float, Field(gt=0, le=1e6)]
    fkd_version: Line
