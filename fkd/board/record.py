"""An Evaluation, the record of one model on one benchmark, and its JSON."""

import dataclasses
import datetime
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from fkd import __version__
from fkd.data.record import DataRecord
from fkd.files import STRICT, Count, Figure, Line, read_json, typed
from fkd.metrics import METRICS, Accuracy, Detail, Figures

FORMAT: Final = 4  # of an Evaluation as JSON
FLAT = ("rmse", "nme", "failure_rate")  # stored next to the rest before there was a list of metrics
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# What `fkd.board.robustness` does to a face, and in which steps; the first step of each leaves it as it is.
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
    """What an answer takes: parameters, multiply-adds for a face, median milliseconds for one face, and where.

    parameters, macs: None of what is no network of ours.
    """

    __pydantic_config__ = STRICT

    parameters: Count | None
    macs: Count | None
    latency_ms: Figure
    hardware: Line


@dataclass(frozen=True)
class Evaluation:
    """One model on one benchmark: what a leaderboard entry is made of.

    fingerprint: hash of the test images and of which labels they have. checkpoint: sha256 of the weights; of
    an ensemble, of its members' hashes one after another (`joined`). members: how many models' answers are averaged.
    mirror: whether predictions are averaged over the image and its horizontal flip (flip averaging). data: what the
    model was trained on, as its checkpoint says. held_out: whether that record shows the test faces were kept apart.
    robustness: RMSE in px at each of STEPS, by kind. revision: the commit on the Hub that was measured, if it is from
    there. weights: the sha256 of each member's weights; empty in an ensemble's entry from before format 2. cost: None
    for predictions that were submitted: nobody here ran what made them. aligned: figures by the keys of METRICS, with
    the mean offset of each point on the validation faces taken off (`fkd.board.measuring.aligned`); None in an entry
    from before format 4, or of submitted predictions.
    """

    __pydantic_config__ = STRICT

    name: Annotated[Line, Field(min_length=1)]
    benchmark: Annotated[Line, Field(min_length=1)]
    fingerprint: Line
    accuracy: Accuracy
    detail: Detail
    cost: Cost | None
    checkpoint: Line
    model: Line
    members: Annotated[int, Field(ge=1, le=100)]
    mirror: bool
    data: DataRecord
    held_out: bool
    robustness: dict[Line, Annotated[list[Figure], Field(max_length=100)]]
    revision: Line = ""
    weights: Annotated[list[Hash], Field(max_length=100)] = dataclasses.field(default_factory=list)
    aligned: Figures | None = None
    fkd_version: Line = __version__
    date: Line = dataclasses.field(default_factory=lambda: datetime.date.today().isoformat())
    format: Literal[4] = FORMAT

    def __post_init__(self) -> None:
        if self.submitted != (self.cost is None):
            raise ValueError("it has a checkpoint without its cost, or a cost without a checkpoint")
        if self.submitted and "/" in self.name:
            raise ValueError("submitted predictions have the name of a Hub model")

    @property
    def submitted(self) -> bool:
        """Whether predictions were submitted, by whatever program, rather than a checkpoint measured."""
        return not (self.checkpoint or self.weights)


def joined(hashes: Sequence[str]) -> str:
    """The hash that identifies one set of weights, or an ensemble of several."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def read_evaluation(path: Path | str) -> Evaluation:
    """Reads an entry or a checkpoint's evaluation.json, which may come from anyone.

    Raises FileNotFoundError, or ValueError with the file, the field, what was found and what was expected.
    """
    return from_json(read_json(path), str(path))


def from_json(value: Any, where: str = "the evaluation") -> Evaluation:
    """Reads back what `dataclasses.asdict` made of an Evaluation, of this format or an older one.

    A metric newer than the record is computed from its errors by face, None where they do not give it.
    Raises ValueError of one line, beginning with `where`, for a missing, unknown or wrong field.
    """
    evaluation = typed(_up_to_date(value) if isinstance(value, dict) else value, Evaluation, where)
    figures = _every_figure(evaluation)
    return dataclasses.replace(evaluation, accuracy=dataclasses.replace(evaluation.accuracy, figures=figures))


def with_figures(value: dict[str, Any]) -> dict[str, Any]:
    """A record from before format 3, with the figures that stood in it gathered under "figures"."""
    others = {name: part for name, part in value.items() if name not in FLAT}
    return others | {"figures": {name: value[name] for name in FLAT if name in value}}


def _up_to_date(value: dict[str, Any]) -> dict[str, Any]:
    """An evaluation's JSON in this format; what is neither this nor an older one stays as it is."""
    if "format" not in value:  # format 1 did not say of which weights an ensemble was
        alone = value.get("members") == 1 and re.fullmatch("[0-9a-f]{64}", str(value.get("checkpoint")))
        value = value | {"weights": [value["checkpoint"]] if alone else [], "format": 2}
    if value["format"] == 2:
        accuracy = value.get("accuracy")
        accuracy = with_figures(accuracy) if isinstance(accuracy, dict) and "figures" not in accuracy else accuracy
        value = value | {"accuracy": accuracy, "format": 3}
    if value["format"] == 3:  # format 3 had no aligned figures
        value = value | {"aligned": None, "format": FORMAT}
    return value


def _every_figure(evaluation: Evaluation) -> dict[str, float | None]:
    """The figures as stated, by METRICS; one that is not stated is computed from the errors by face."""
    figures: dict[str, float | None] = dict.fromkeys(metric.key for metric in METRICS)
    try:
        errors = evaluation.detail.face_errors()
    except ValueError:  # lists of different lengths, as `fkd.board.verified` says
        return figures | evaluation.accuracy.figures
    for metric in METRICS:
        value = None if metric.key in evaluation.accuracy.figures else metric.value(errors)
        figures[metric.key] = value if value is not None and metric.allows(value) else None
    return figures | evaluation.accuracy.figures
