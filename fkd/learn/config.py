"""Settings of models and training, and their record in a checkpoint; plain data, without torch."""

import dataclasses
from dataclasses import KW_ONLY, field
from typing import Annotated, Literal

from pydantic import Field

from fkd.data.conventions import COMPETITION, Convention, merge
from fkd.errors import FkdError
from fkd.files import Count, Line, strict_dataclass
from fkd.keypoints import NAMES

FCNN = "fcnn"
REGRESSION, HEATMAP, SMALL_HEATMAP = "regression", "heatmap", "small-heatmap"
MOBILE = "mobilenet"  # how the names of timm's mobile networks begin
HEADS = (REGRESSION, HEATMAP, SMALL_HEATMAP)  # as `fkd.learn.heads` lists them
GEOMETRY = ("rotation", "scale", "shift", "stretch", "shear", "bend")  # of AugmentConfig: these move points
MAX_CONVENTIONS = 16  # of a config.json from outside
MAX_STRENGTH = 10  # times the default ranges: far beyond where a face is still recognisable
Positive = Annotated[float, Field(gt=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]


@strict_dataclass
class ModelConfig:
    """A network: "fcnn", or a residual or mobile network of timm.

    The conventions that it answers in, that of photos first, are the two of wild15 if not given; FCNN shares its
    outputs between them, as in the paper. The head is one of HEADS; "heatmap" if not given, but "regression" for
    FCNN and "small-heatmap" for a mobile network.
    """

    name: Line = "resnet18"
    conventions: Annotated[tuple[Convention, ...], Field(max_length=MAX_CONVENTIONS)] = ()
    head: str = ""

    def __post_init__(self) -> None:
        if not self.conventions:
            object.__setattr__(self, "conventions", merge(COMPETITION) if self.name == FCNN else COMPETITION)
        if not self.head:
            usual = SMALL_HEATMAP if self.name.startswith(MOBILE) else HEATMAP
            object.__setattr__(self, "head", REGRESSION if self.name == FCNN else usual)
        if self.head not in HEADS:
            raise FkdError(f"head is {self.head!r:.60}, expected {' or '.join(map(repr, HEADS))}")
        if self.name == FCNN and self.head != REGRESSION:
            raise FkdError(f"{FCNN} has no feature maps: leave head out")
        if self.conventions[0].own:
            raise FkdError(f"the first convention, {self.conventions[0].name!r}, lists own outputs, expected none")
        for convention in self.conventions:
            if len({*convention.own} & {*convention.points}) < len(convention.own):
                raise FkdError(f"the convention {convention.name!r} has an output for a point that it does not label")

    @property
    def outputs(self) -> int:
        """The number of output points: 15, and one for each point that another convention places differently."""
        return len(NAMES) + sum(len(convention.own) for convention in self.conventions)


@strict_dataclass
class AugmentConfig:
    """Ranges of the augmentation: uniform around no change."""

    mirror: bool = True
    rotation: Annotated[float, Field(ge=0, le=250)] = 25.0  # degrees
    scale: Annotated[float, Field(ge=0, le=2)] = 0.2  # relative
    shift: Annotated[float, Field(ge=0, le=80)] = 8.0  # px
    stretch: Share = 0.1  # of width over height, relative
    shear: Share = 0.1  # px to the side per px down
    bend: Annotated[float, Field(ge=0, le=30)] = 3.0  # px, at each of 4 x 4 places, smooth between them
    brightness: Annotated[float, Field(ge=0, le=2)] = 0.2  # of the range 0..1
    contrast: Annotated[float, Field(ge=0, le=4)] = 0.4  # relative
    noise: Annotated[float, Field(ge=0, le=0.4)] = 0.04  # largest standard deviation, of the range 0..1
    blur: Annotated[float, Field(ge=0, le=5)] = 0.5  # 1 is a Gaussian of 1.5 px
    cover: Annotated[float, Field(ge=0, le=200)] = 20.0  # largest side of a square of one random grey, px
    last: Share = 0.25  # in the last epoch, the factor on the ranges of GEOMETRY, which narrow evenly up to there
    wide: Share = 0.15  # of the faces are badly framed: scale and shift in these ranges, which do not narrow
    wide_scale: Annotated[float, Field(ge=0, le=4.5)] = 0.45
    wide_shift: Annotated[float, Field(ge=0, le=240)] = 24.0

    def scaled(self, strength: float) -> "AugmentConfig":
        """All ranges times strength, 0 to MAX_STRENGTH (else FkdError); mirror, last and wide stay."""
        if not 0 <= strength <= MAX_STRENGTH:  # also refuses NaN
            raise FkdError(f"the strength of augmentation is {strength:g}, expected 0 to {MAX_STRENGTH}")
        ranges = {name: value for name, value in vars(self).items() if name not in ("mirror", "last", "wide")}
        return dataclasses.replace(self, **{name: value * strength for name, value in ranges.items()})

    def at(self, epoch: int, epochs: int) -> "AugmentConfig":
        """The ranges of an epoch, from 1, in a run of `epochs`: those of GEOMETRY narrow."""
        part = 1 - (1 - self.last) * (epoch - 1) / max(1, epochs - 1)
        return dataclasses.replace(self, **{name: part * getattr(self, name) for name in GEOMETRY})


@strict_dataclass
class TrainConfig:
    """How to train."""

    epochs: Annotated[int, Field(gt=0)] = 100
    batch_size: Annotated[int, Field(gt=0)] = 32
    optimizer: Literal["adam", "adamw"] = "adamw"
    lr: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup_epochs: Count | None = None  # 3, or as many as leave one epoch after them
    labels: Literal["all", "complete"] = "all"  # rows with any label (ML-ResNet), or complete rows only
    conventions: Literal["found", "one"] | None = None  # outputs for each convention, or shared; None: FCNN shares
    source: Line | None = None  # name and sha256 of the checkpoint it started from; None: random weights
    teachers: tuple[Line, ...] = ()  # name and sha256 of the checkpoints it was distilled from
    validation_too: bool = False  # train on the validation faces, and keep the last epoch
    augment: AugmentConfig | None = field(default_factory=AugmentConfig)
    precision: Literal["auto", "bf16", "fp32"] = "auto"  # auto: bf16 for residual networks if the hardware has it
    half: bool = False  # save the weights in float16
    seed: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 0

    def __post_init__(self) -> None:
        if self.warmup_epochs is None:
            object.__setattr__(self, "warmup_epochs", min(3, self.epochs - 1))
        elif self.warmup_epochs >= self.epochs:
            raise FkdError(f"warmup_epochs is {self.warmup_epochs}, expected 0 to {self.epochs - 1}")


@strict_dataclass
class TrainingRecord(TrainConfig):
    """How a model was trained, and the outcome."""

    _: KW_ONLY
    best_epoch: Count  # of the saved weights, from 1
    validation_rmse: Positive  # px; `predict` judges weak faces by it
    fkd_version: Line
