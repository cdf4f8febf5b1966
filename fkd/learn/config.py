"""Settings of models and training, and their record in a checkpoint; plain data, without torch."""

import dataclasses
import difflib
import math
from dataclasses import dataclass, field
from typing import Annotated, cast

from pydantic import Field

from fkd.data.conventions import COMPETITION, Convention, merge
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import STRICT, Count, Figure, Line
from fkd.keypoints import NAMES

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
GEOMETRY = ("rotation", "scale", "shift", "stretch", "shear", "bend")  # of AugmentConfig: these move points
MAX_CONVENTIONS = 16  # of a config.json from outside
NO_RANGES = ("mirror", "last", "wide")  # of AugmentConfig
STRONGEST = 10  # times the defaults: far beyond where a face is still recognisable


@dataclass(frozen=True)
class ModelConfig:
    """A network.

    Attributes:
        name: "fcnn" or a timm residual network.
        conventions: the label conventions that it answers in, that of photos first (`fkd.data.conventions`). If not
            given, the two of wild15; FCNN shares its outputs between them, as in the paper.
        head: one of HEAD_ABOUT. If not given, the best: "heatmap", but "regression" for FCNN.
    """

    __pydantic_config__ = STRICT

    name: str = "resnet18"
    conventions: Annotated[tuple[Convention, ...], Field(min_length=1, max_length=MAX_CONVENTIONS)] = ()
    head: str = ""

    def __post_init__(self) -> None:
        if self.name not in MODELS:
            requested = str(self.name)[:60]
            near = difflib.get_close_matches(requested, MODELS, 3) or [FCNN, "resnet18", "resnet50"]
            raise FkdError(f"unknown model {requested!r}: did you mean {', '.join(near)}?")
        if not self.conventions:
            object.__setattr__(self, "conventions", merge(COMPETITION) if self.name == FCNN else COMPETITION)
        if not self.head:
            object.__setattr__(self, "head", REGRESSION if self.name == FCNN else HEATMAP)
        if self.head not in HEAD_ABOUT:
            raise FkdError(f"head is {self.head!r:.60}, expected {' or '.join(map(repr, HEAD_ABOUT))}")
        if self.name == FCNN and self.head != REGRESSION:
            raise FkdError(f"{FCNN} has no feature maps: leave head out")
        first, *others = self.conventions
        if first.own:
            raise FkdError(f"the first convention, {first.name!r}, lists own outputs, expected none")
        for convention in others:
            if len({*convention.own} & {*convention.points}) < len(convention.own):
                raise FkdError(f"the convention {convention.name!r} has an output for a point that it does not label")

    @property
    def outputs(self) -> int:
        """The number of output points: 15, and one for each point that another convention places differently."""
        return len(NAMES) + sum(len(convention.own) for convention in self.conventions)


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the augmentation: uniform around no change (noise: standard deviation, up to).

    rotation: degrees. scale: relative. shift: px. stretch: of width over height, relative. shear: px to the side per px
    down. bend: px, at each of 4 x 4 places over the frame, between which the displacement is smooth. brightness, noise:
    of the range 0..1. contrast: relative. blur: up to a Gaussian of 1.5 px at 1. cover: side of a square of one random
    grey, up to, px.
    last: the factor on the ranges of GEOMETRY in the last epoch: they narrow evenly from the first epoch on.
    wide: the share of faces that are badly framed instead: their scale and shift are drawn from wide_scale and
    wide_shift, which do not narrow.
    Raises FkdError for a range below 0, or of more than STRONGEST times its default, or last or wide outside of 0..1.
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
    wide: float = 0.15
    wide_scale: float = 0.45
    wide_shift: float = 24.0

    def __post_init__(self) -> None:
        for name in ("last", "wide"):
            if not 0 <= getattr(self, name) <= 1:
                raise FkdError(f"augmentation's {name} is {getattr(self, name)}, expected 0 to 1")
        for one in dataclasses.fields(self):
            if one.name in NO_RANGES:
                continue
            most = STRONGEST * cast(float, one.default)
            if not 0 <= getattr(self, one.name) <= most:
                raise FkdError(
                    f"augmentation's {one.name} is {getattr(self, one.name)}, expected 0 to {most:g} "
                    f"({STRONGEST} times the default)"
                )

    def scaled(self, strength: float) -> "AugmentConfig":
        """All ranges times strength, 0 to STRONGEST; NO_RANGES stay.

        Raises FkdError for another strength.
        """
        if not 0 <= strength <= STRONGEST:  # also refuses NaN
            raise FkdError(f"the strength of augmentation is {strength:g}, expected 0 to {STRONGEST}")
        ranges = {name: value * strength for name, value in dataclasses.asdict(self).items() if name not in NO_RANGES}
        return dataclasses.replace(self, **ranges)

    def at(self, epoch: int, epochs: int) -> "AugmentConfig":
        """The ranges of an epoch, from 1, in a run of `epochs`: those of GEOMETRY narrow."""
        part = 1 - (1 - self.last) * (epoch - 1) / max(1, epochs - 1)
        return dataclasses.replace(self, **{name: part * getattr(self, name) for name in GEOMETRY})


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    labels: "all" rows with the masked loss (ML-ResNet), or "complete" rows only. conventions: "found", outputs for each
    label convention of the training rows, or "one", the same outputs for all; if not given, "found", but "one" for
    FCNN. validation_too: train on the validation faces too, and keep the last epoch. precision: "bf16",
    "fp32", or "auto": bf16 for residual networks where the hardware computes in it.
    warmup_epochs: 3 if not given, or as many as leave one epoch after them.
    half: save the weights in float16.
    Raises FkdError for a value that cannot be.
    """

    __pydantic_config__ = STRICT

    epochs: Count = 100
    batch_size: Count = 32
    optimizer: Line = "adamw"
    lr: Figure = 1e-3
    weight_decay: Figure = 0.05
    warmup_epochs: Count | None = None
    labels: Line = "all"
    conventions: Line = ""
    validation_too: bool = False
    augment: AugmentConfig | None = field(default_factory=AugmentConfig)
    precision: Line = "auto"
    half: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (
            ("optimizer", ("adam", "adamw")),
            ("labels", ("all", "complete")),
            ("conventions", ("", "found", "one")),
            ("precision", ("auto", "bf16", "fp32")),
        ):
            if getattr(self, name) not in choices:
                raise FkdError(f"{name} is {getattr(self, name)!r:.60}, expected one of {', '.join(choices)}")
        for name in ("epochs", "batch_size", "lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise FkdError(f"{name} is {getattr(self, name)}, expected more than 0")
        if not 0 <= self.weight_decay < math.inf:
            raise FkdError(f"weight_decay is {self.weight_decay}, expected 0 or more")
        if not -(2**31) <= self.seed < 2**31:
            raise FkdError(f"seed is {self.seed}, expected {-(2**31)} to {2**31 - 1}")
        if self.warmup_epochs is None:
            object.__setattr__(self, "warmup_epochs", min(3, self.epochs - 1))
        elif not 0 <= self.warmup_epochs < self.epochs:
            raise FkdError(f"warmup_epochs is {self.warmup_epochs}, expected 0 to {self.epochs - 1}")


def default_conventions(name: str) -> str:
    """Which `TrainConfig.conventions` a network gets if none are given."""
    return "one" if name == FCNN else "found"


@dataclass(frozen=True)
class Source:
    """The checkpoint that a training started from: its name, the hash of its weights, and its training data."""

    __pydantic_config__ = STRICT

    name: Line
    sha256: Line
    data: DataRecord


@dataclass(frozen=True, kw_only=True)
class TrainingRecord(TrainConfig):
    """How a model was trained, and the outcome.

    Attributes:
        best_epoch: the epoch of the saved weights, from 1.
        validation_rmse: px, on the validation faces; `predict` judges weak faces by it.
        source: None if the weights were random at the start.
    """

    best_epoch: Count
    validation_rmse: Annotated[float, Field(gt=0, le=1e6)]
    fkd_version: Line
    source: Source | None = None
