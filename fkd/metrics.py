"""Predictions and labels -> accuracy: arrays in, numbers out; sums first, one division last.

METRICS lists the figures of an accuracy. Records, entries, cards, claims, tables and texts come from that list.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from fkd.errors import FkdError
from fkd.files import STRICT, Count, Figure, Signed
from fkd.keypoints import LEFT_EYE, NAMES, RIGHT_EYE
from fkd.resampling import rmse_interval

FAILURE = 10.0  # percent of the inter-ocular distance, as 300-W counts failures
QUANTILES = (0.5, 0.9, 0.95, 0.99)
MOST_FACES = 20_000


@dataclass(frozen=True)
class FaceErrors:
    """The errors of N faces, from which every metric is computed.

    squares: the sum of the squared errors of a face's labelled coordinates [N] px². values: how many those are [N].
    nme: a face's mean point error in percent of its inter-ocular distance [N], NaN where an eye is not labelled.
    """

    squares: np.ndarray
    values: np.ndarray
    nme: np.ndarray


@dataclass(frozen=True)
class Metric:
    """One figure of how far predictions are from labels, over the faces of a benchmark.

    key: its name in records. label, unit, digits: how tables show it. range: what it can be. about: what it is, in a
    few words. value: computes it, None where there is nothing to compute it from. same: the tolerance between two
    machines' values of one detector, one of them in bfloat16.
    """

    key: str
    label: str
    unit: str
    range: tuple[float, float]
    about: str
    value: Callable[[FaceErrors], float | None]
    digits: int = 2
    same: float = 0.01
    lower_is_better: bool = True

    @property
    def title(self) -> str:
        """Column heading: label and unit."""
        return f"{self.label}, {self.unit}"

    @property
    def meaning(self) -> str:
        """What it is, and which way is better."""
        return f"{self.about}; {'lower' if self.lower_is_better else 'higher'} is better"

    def allows(self, value: float) -> bool:
        """Whether a value is possible; NaN is not."""
        return self.range[0] <= value <= self.range[1]

    def shown(self, value: float | None) -> str:
        """Return a value with its unit, or "-" for None."""
        if value is None:
            return "-"
        return f"{value:.{self.digits}f}{'' if self.unit == '%' else ' '}{self.unit}"


def _rmse(errors: FaceErrors) -> float | None:
    count = errors.values.sum()
    return float(np.sqrt(errors.squares.sum() / count)) if count else None


def _mean_nme(errors: FaceErrors) -> float | None:
    nme = errors.nme[np.isfinite(errors.nme)]
    return float(nme.mean()) if len(nme) else None


def _failure_rate(errors: FaceErrors) -> float | None:
    nme = errors.nme[np.isfinite(errors.nme)]
    return float(100 * (nme > FAILURE).mean()) if len(nme) else None


RMSE = Metric(  # the figure that ranks: an accuracy always has it
    "rmse",
    "RMSE",
    "px",
    (0, 96),
    "root mean squared error of all labelled coordinates, px of the 96 px frame",
    _rmse,
    digits=3,
    same=0.002,
)
METRICS = (
    RMSE,
    Metric("nme", "mean error", "%", (0, 1000), "mean point error in percent of the inter-ocular distance", _mean_nme),
    Metric(
        "failure_rate",
        "failures",
        "%",
        (0, 100),
        f"faces with a mean error above {FAILURE:g}%",
        _failure_rate,
        same=0.5,
    ),
)


def _in_range(figures: dict[str, float | None]) -> dict[str, float | None]:
    metrics = {metric.key: metric for metric in METRICS}
    for key, value in figures.items():
        if key not in metrics:
            raise FkdError(f"{key[:60]!r} is not a metric, expected one of {', '.join(metrics)}")
        if value is not None and not metrics[key].allows(value):
            low, high = metrics[key].range
            raise FkdError(f"{key} is {value:g}, expected {low:g} to {high:g}")
    return figures


def _with_rmse(figures: dict[str, float | None]) -> dict[str, float | None]:
    if figures.get(RMSE.key) is None:
        raise FkdError(f"{RMSE.key} is missing or null, expected a number")
    return figures


Figures = Annotated[dict[str, Signed | None], AfterValidator(_in_range)]  # by the keys of METRICS
Keypoint = Annotated[str, Field(pattern=f"^({'|'.join(NAMES)})$")]
Quantile = Annotated[str, Field(pattern=f"^({'|'.join(map(str, QUANTILES))})$")]
PerFace = Field(max_length=MOST_FACES)
EachKeypoint = Field(min_length=len(NAMES), max_length=len(NAMES))
Offset = Annotated[list[Signed], Field(min_length=5, max_length=5)]


@dataclass(frozen=True)
class Accuracy:
    """How far predictions are from labels; every mean is over what is labelled.

    faces, values: how many have labels, and how many coordinates those are. figures: by the keys of METRICS, None where
    there is nothing to compute one from. rmse_low, rmse_high: the 95% bootstrap interval by face of the RMSE, px.
    rmse_by_keypoint: px. nme_faces: how many faces have both eyes labelled. error_quantiles: point distance in px by
    quantile.
    """

    __pydantic_config__ = STRICT

    faces: Count
    values: Count
    figures: Annotated[Figures, AfterValidator(_with_rmse)]
    rmse_low: Figure
    rmse_high: Figure
    rmse_by_keypoint: Annotated[dict[Keypoint, Figure | None], EachKeypoint]
    nme_faces: Count
    error_quantiles: dict[Quantile, Figure]

    @property
    def rmse(self) -> float:
        """The figure that ranks, px."""
        rmse = self.figures[RMSE.key]
        assert rmse is not None
        return rmse


@dataclass(frozen=True)
class Detail:
    """Per-face errors: enough to compare close models and plot errors, without the faces.

    squares, values, nme: as in FaceErrors, in the order of `fkd.data.split.in_order`, rounded; None for NaN. offsets:
    for each keypoint the mean of the error's x and y, then its variance in x, covariance, variance in y (px, px²).
    """

    __pydantic_config__ = STRICT

    squares: Annotated[list[Figure], PerFace]
    values: Annotated[list[Annotated[int, Field(ge=0, le=2 * len(NAMES))]], PerFace]
    nme: Annotated[list[Figure | None], PerFace]
    offsets: Annotated[dict[Keypoint, Offset | None], EachKeypoint]

    def __post_init__(self) -> None:
        if not len(self.squares) == len(self.values) == len(self.nme):
            raise FkdError("its lists by face are of different lengths")


def accuracy(predicted: np.ndarray, points: np.ndarray, resamples: int = 2000) -> Accuracy:
    """Compare predictions with labels, both [N, 15, 2] px, labels NaN where missing.

    Raises FkdError if nothing is labelled, or a prediction is not finite where there is a label.
    """
    if not np.isfinite(predicted[np.isfinite(points)]).all():
        raise FkdError("the model's predictions hold values that are not finite: its weights are broken")
    squares = (predicted.astype(np.float64) - points) ** 2  # [N, 15, 2], NaN where missing
    labelled = np.isfinite(squares)
    if not labelled.any():
        raise FkdError("none of the faces has a label: nothing can be measured")
    nme = _nme(predicted.astype(np.float64) - points, points)
    errors = FaceErrors(np.nansum(squares, (1, 2)), labelled.sum((1, 2)), nme)
    low, high = rmse_interval(errors.squares, errors.values, resamples)
    by_point, point_count = np.nansum(squares, (0, 2)), labelled.sum((0, 2))
    distance = np.sqrt(squares.sum(-1))  # [N, 15] px
    return Accuracy(
        faces=int((errors.values > 0).sum()),
        values=int(errors.values.sum()),
        figures={metric.key: metric.value(errors) for metric in METRICS},
        rmse_low=low,
        rmse_high=high,
        rmse_by_keypoint={
            name: float(np.sqrt(by_point[i] / point_count[i])) if point_count[i] else None
            for i, name in enumerate(NAMES)
        },
        nme_faces=int(np.isfinite(nme).sum()),
        error_quantiles={str(q): float(np.nanquantile(distance, q)) for q in QUANTILES},
    )


def mean_offsets(predicted: np.ndarray, points: np.ndarray, convention: np.ndarray, count: int) -> np.ndarray:
    """The mean of predictions less labels, for each point in each label convention: [C, 15, 2] px.

    It is 0 where a convention lacks that label. convention: the number of each face's, int64 [N], of `count`.
    """
    errors = predicted.astype(np.float64) - points  # [N, 15, 2] px, NaN where missing
    offsets = np.zeros((count, *errors.shape[1:]))
    for number in range(count):
        rows = convention == number
        labelled = np.isfinite(errors[rows]).sum(0)  # [15, 2]
        offsets[number] = np.nansum(errors[rows], 0) / labelled.clip(1)
    return offsets


def detail(predicted: np.ndarray, points: np.ndarray) -> Detail:
    """Compare predictions with labels, both [N, 15, 2] px, labels NaN where missing, face by face."""
    errors = predicted.astype(np.float64) - points  # [N, 15, 2] px, NaN where missing
    squares, values = np.nansum(errors**2, (1, 2)), np.isfinite(errors).sum((1, 2))  # [N]
    nme = _nme(errors, points)
    offsets = {}
    for index, name in enumerate(NAMES):
        labelled = errors[np.isfinite(errors[:, index]).all(1), index]  # [n, 2]
        (xx, xy), (_, yy) = np.cov(labelled.T) if len(labelled) > 1 else np.zeros((2, 2))
        offsets[name] = _rounded([*labelled.mean(0), xx, xy, yy]) if len(labelled) else None
    return Detail(
        squares=_rounded(squares),
        values=values.tolist(),
        nme=[None if np.isnan(value) else round(float(value), 3) for value in nme],
        offsets=offsets,
    )


def _nme(errors: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mean point error in percent of the distance between the labelled eye centres [N], NaN where one is missing."""
    distance = np.linalg.norm(errors, axis=-1)  # [N, 15] px
    ocular = np.linalg.norm(points[:, LEFT_EYE].astype(np.float64) - points[:, RIGHT_EYE], axis=-1)  # [N]
    both_eyes = np.isfinite(ocular) & (ocular > 0)
    nme = np.full(len(points), np.nan)
    nme[both_eyes] = (
        100 * np.nansum(distance[both_eyes], 1) / np.isfinite(distance[both_eyes]).sum(1) / ocular[both_eyes]
    )
    return nme


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 3) for value in values]
