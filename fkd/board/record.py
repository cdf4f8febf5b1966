"""An Evaluation, the record of one model on one benchmark, and its JSON."""

import dataclasses
import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import STRICT, Count, Figure, Line, one_line, read_json, typed
from fkd.metrics import Accuracy, Detail, Figures
from fkd.version import __version__

FORMAT: Final = 5  # of an Evaluation as JSON
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# The degradations of `fkd.board.robustness`, and their steps; the first step of each changes nothing.
STEPS = {
    "blur": (0, 1, 1.5, 2, 3),  # standard deviation of a Gaussian, px
    "noise": (0, 10, 20, 30, 40),  # standard deviation of a Gaussian, of 255
    "darkness": (0, 75, 88, 94, 97),  # percent of the light taken away
    "JPEG": (100, 30, 20, 10, 5),  # quality; the whole frame is 96 px, so the blocks are large
    "rotation": (0, 10, 20, 30, 45),  # degrees, half the faces each way
    "shift": (0, 3, 6, 9, 12),  # px, in eight directions
    "covered eye": (0, 8, 16, 24, 32),  # side of a grey square, px, half the faces each eye
    "covered mouth": (0, 8, 16, 24, 32),  # side of a grey square, px
}
UNITS = {
    "blur": "sigma, px",
    "noise": "sigma, grey levels of 255",
    "darkness": "light taken away, %",
    "JPEG": "quality",
    "rotation": "degrees",
    "shift": "px",
    "covered eye": "side of the square, px",
    "covered mouth": "side of the square, px",
}


@dataclass(frozen=True)
class Cost:
    """Cost of an answer: parameters, multiply-adds per face, median milliseconds per face, and the machine.

    parameters, macs: None for detectors that are not fkd networks.
    """

    __pydantic_config__ = STRICT

    parameters: Count | None
    macs: Count | None
    latency_ms: Figure
    hardware: Line


@dataclass(frozen=True)
class Evaluation:
    """A leaderboard entry: one model on one benchmark.

    fingerprint: hash of the test images and of which labels they have. weights: the sha256 of each model's weights,
    several for an ensemble, none for submitted predictions. mirror: whether predictions are averaged over the image and
    its horizontal flip (flip averaging). data: the checkpoint's record of its training data. held_out: whether that
    record shows that the test faces were not trained on. robustness: RMSE in px at each of STEPS, by kind. revision:
    the commit on the Hub that was measured, if it is from there. cost and aligned are None for submitted predictions,
    which were not made here. aligned: figures by the keys of METRICS, without the mean offset of each point on the
    validation faces (`fkd.board.measuring.aligned`).
    """

    __pydantic_config__ = STRICT

    name: Annotated[Line, Field(min_length=1)]
    benchmark: Annotated[Line, Field(min_length=1)]
    fingerprint: Line
    accuracy: Accuracy
    detail: Detail
    cost: Cost | None
    weights: Annotated[list[Hash], Field(max_length=100)]
    model: Line
    mirror: bool
    data: DataRecord
    held_out: bool
    robustness: dict[Line, Annotated[list[Figure], Field(max_length=100)]]
    revision: Line = ""
    aligned: Figures | None = None
    fkd_version: Line = __version__
    date: Line = dataclasses.field(default_factory=lambda: datetime.date.today().isoformat())
    format: Literal[5] = FORMAT

    def __post_init__(self) -> None:
        if self.submitted != (self.cost is None):
            raise FkdError("it has a checkpoint without its cost, or a cost without a checkpoint")
        if self.submitted and "/" in self.name:
            raise FkdError("submitted predictions have the name of a Hub model")

    @property
    def submitted(self) -> bool:
        """Whether predictions were submitted, rather than a checkpoint measured."""
        return not self.weights

    @property
    def members(self) -> int:
        """How many models' answers are averaged."""
        return max(1, len(self.weights))

    @property
    def checkpoint(self) -> str:
        """The hash of the weights, or of an ensemble's hashes one after another; empty for submitted predictions."""
        return joined(self.weights) if self.weights else ""


def joined(hashes: Sequence[str]) -> str:
    """The hash that identifies one set of weights, or an ensemble of several."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def read_evaluation(path: Path | str) -> Evaluation:
    """Read an entry or a checkpoint's evaluation.json, which may come from anyone.

    Raises FileNotFoundError, or FkdError with the file, the field, the value and the expected one.
    """
    return from_json(read_json(path), str(path))


def from_json(value: Any, where: str = "the evaluation") -> Evaluation:
    """Build an Evaluation from the output of `dataclasses.asdict`.

    Raises FkdError of one line, beginning with `where`, for another format, or a missing, unknown or wrong field.
    """
    if isinstance(value, dict) and value.get("format") != FORMAT:
        found = one_line(str(value.get("format")), 20)
        raise FkdError(f"{where} has format {found}, expected {FORMAT}: measure it again by `fkd evaluate`")
    return typed(value, Evaluation, where)
