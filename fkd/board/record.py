"""An Evaluation, the record of one model on one benchmark, and its JSON."""

import dataclasses
import datetime
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import STRICT, Count, Date, Figure, Line, read_json, strict_dataclass, typed
from fkd.metrics import METRICS, Accuracy, Detail, Figures
from fkd.version import __version__

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
BENCHMARK_NAME = re.compile(r"\w[\w .,+()-]{0,99}")  # neither a path nor a formula of a spreadsheet
# Nothing that may be taken for another name, or has the file of another: user/repo is in user--repo.json.
NAME = re.compile(r"(?!.*--)\w[\w.,+()-]{0,99}(/[\w.-]{1,99})?(?<!\.)", re.ASCII)
LOOK_ALIKES = str.maketrans("01i", "oll")
# The degradations of `fkd.board.robustness`: unit and steps; the first step of each changes nothing.
DEGRADATIONS: dict[str, tuple[str, tuple[float, ...]]] = {
    "blur": ("sigma, px", (0, 1, 1.5, 2, 3)),
    "noise": ("sigma, grey levels of 255", (0, 10, 20, 30, 40)),
    "darkness": ("light taken away, %", (0, 75, 88, 94, 97)),
    "JPEG": ("quality", (100, 30, 20, 10, 5)),  # low, since the blocks are large in a frame of 96 px
    "rotation": ("degrees", (0, 10, 20, 30, 45)),  # half the faces each way
    "shift": ("px", (0, 3, 6, 9, 12)),  # in eight directions
    "covered eye": ("side of the square, px", (0, 8, 16, 24, 32)),  # half the faces each eye
    "covered mouth": ("side of the square, px", (0, 8, 16, 24, 32)),
}
UNITS = {kind: unit for kind, (unit, _) in DEGRADATIONS.items()}
STEPS = {kind: steps for kind, (_, steps) in DEGRADATIONS.items()}


@strict_dataclass
class Cost:
    """Cost of an answer: parameters, multiply-adds per face, median milliseconds per face, and the machine.

    parameters, macs: None for detectors that are not fkd networks.
    """

    parameters: Count | None
    macs: Count | None
    latency_ms: Figure
    hardware: Line


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A leaderboard entry: one model, or the mean of several, on one benchmark.

    Attributes:
        fingerprint: The hash of the test images and of which labels they have.
        weights: The sha256 of each model's weights, several for an ensemble.
        mirror: Whether predictions are averaged over the image and its horizontal flip (flip averaging).
        data: The checkpoint's record of its training data.
        held_out: Whether that record shows that the test faces were not trained on.
        robustness: RMSE in px at each of STEPS, by kind.
        revision: The commit on the Hub that was measured, if it is from there.
        aligned: Figures by the keys of METRICS, without the mean offset of each point on the validation faces
            (`fkd.board.measuring.aligned_points`).
    """

    __pydantic_config__ = STRICT

    format: Literal[5] = 5  # first, so that another format is the error that is reported
    name: str
    benchmark: str
    fingerprint: Line
    accuracy: Accuracy
    detail: Detail = dataclasses.field(repr=False)
    cost: Cost
    weights: Annotated[list[Hash], Field(min_length=1, max_length=100)]
    model: Line = ""
    mirror: bool = False
    data: DataRecord = dataclasses.field(default_factory=lambda: DataRecord(""))
    held_out: bool = False
    robustness: dict[Line, Annotated[list[Figure], Field(max_length=100)]] = dataclasses.field(default_factory=dict)
    revision: Line = ""
    aligned: Figures | None = None
    fkd_version: Line = __version__
    date: Date = dataclasses.field(default_factory=lambda: datetime.date.today().isoformat())

    def __post_init__(self) -> None:
        check_entry(self.name, self.weights)
        if not BENCHMARK_NAME.fullmatch(self.benchmark):
            raise FkdError(f"{self.benchmark!a:.60} cannot be a name of a benchmark: expected letters and digits")

    def __str__(self) -> str:
        result = self.accuracy
        shown = {metric.key: metric.shown(result.figures.get(metric.key)) for metric in METRICS}
        return (
            f"{self.name} on {self.benchmark}: RMSE {shown['rmse']} ({result.rmse_low:.3f} to {result.rmse_high:.3f}), "
            f"NME {shown['nme']}, failures {shown['failure_rate']}; "
            f"{result.faces:,} faces, {result.values:,} coordinates"
        )

    @property
    def members(self) -> int:
        """How many models' answers are averaged."""
        return len(self.weights)

    @property
    def keys(self) -> list[str]:
        """The keys of the weights that verify it: their sha256, for a Hub model in the measured commit."""
        commit = f" {self.name}@{self.revision}" if "/" in self.name else ""
        return [sha256 + commit for sha256 in self.weights]


def check_entry(name: str, weights: Collection[str] = ()) -> None:
    """Raise FkdError for a name that could be taken for another's, or for the mean of a model and itself."""
    if not NAME.fullmatch(name):
        allowed = "user/repo, or A to Z, a to z, digits and . , _ + - ( ), without -- and a dot at the end"
        raise FkdError(f"{name!a:.80} cannot be a name of an entry: expected {allowed}; choose one by --name")
    if len(set(weights)) < len(weights):
        raise FkdError(f"{name} averages a model with itself: expected different weights")


def skeleton(name: str) -> str:
    """Return the same text for names that look alike: resnetl8 for ResNet18 (Unicode's UTS 39, within ASCII)."""
    return name.casefold().translate(LOOK_ALIKES)


def read_evaluation(path: Path | str) -> Evaluation:
    """Read an entry or a checkpoint's evaluation.json, which may come from anyone.

    Raises FileNotFoundError, or FkdError with the file, the field, the value and the expected one.
    """
    return typed(read_json(path), Evaluation, str(path))
