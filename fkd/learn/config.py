"""How a model is trained, and the record of it that its checkpoint keeps."""

import math
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from fkd.files import STRICT, Count, Figure, Line
from fkd.learn.augment import AugmentConfig


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
