"""Predictions and labels -> accuracy: arrays in, numbers out. Records, tables and texts show the METRICS."""

import functools
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from fkd.errors import FkdError
from fkd.files import STRICT, Count, Figure, Signed, one_line
from fkd.keypoints import LEFT_EYE, NAMES, RIGHT_EYE

FAILURE = 10.0  # percent of the inter-ocular distance, as 300-W counts failures
QUANTILES = (0.5, 0.9, 0.95, 0.99)
MAX_FACES = 20_000
RESAMPLES = 2000


@dataclass(frozen=True)
class FaceErrors:
    """The errors of N faces, from which every metric is computed."""

    squares: np.ndarray  # [N], the sum of the squared errors of a face's labelled coordinates, px²
    values: np.ndarray  # [N], their number
    nme: np.ndarray  # the mean point error of each face with both eyes labelled, % of its inter-ocular distance


@dataclass(frozen=True)
class Metric:
    """One figure of the distance between predictions and labels, over the faces of a benchmark; lower is better."""

    key: str  # its name in records
    label: str
    unit: str
    greatest: float  # its largest possible value; the least is 0
    about: str  # its definition in a few words
    value: Callable[[FaceErrors], float | None]  # None where there is nothing to compute it from
    digits: int = 2
    same: float = 0.01  # the tolerance between two machines' values of one detector, one of them in bfloat16

    @property
    def title(self) -> str:
        """Column heading: label and unit."""
        return f"{self.label}, {self.unit}"

    def shown(self, value: float | None) -> str:
        """Return a value with its unit, or "-" for None."""
        if value is None:
            return "-"
        return f"{value:.{self.digits}f}{'' if self.unit == '%' else ' '}{self.unit}"


def _rmse(errors: FaceErrors) -> float | None:
    count = errors.values.sum()
    return float(np.sqrt(errors.squares.sum() / count)) if count else None


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


OF_ALL = "root mean squared error of all labelled coordinates, px of the 96 px frame"
OF_FACES = "mean point error in percent of the inter-ocular distance"
FAILED = f"faces with a mean error above {FAILURE:g}%"
RMSE = Metric("rmse", "RMSE", "px", 96, OF_ALL, _rmse, digits=3, same=0.002)  # it ranks: an accuracy always has it
METRICS = (
    RMSE,
    Metric("nme", "mean error", "%", 1000, OF_FACES, lambda errors: _mean(errors.nme)),
    Metric(
        "failure_rate", "failures", "%", 100, FAILED, lambda errors: _mean(100.0 * (errors.nme > FAILURE)), same=0.5
    ),
)


def _check_figures(figures: dict[str, float | None]) -> dict[str, float | None]:
    metrics = {metric.key: metric for metric in METRICS}
    for key, value in figures.items():
        if key not in metrics:
            raise FkdError(f"{one_line(key, 60)!r} is not a metric, expected one of {', '.join(metrics)}")
        if value is not None and not 0 <= value <= metrics[key].greatest:
            raise FkdError(f"{key} is {value:g}, expected 0 to {metrics[key].greatest:g}")
    return figures


def _check_rmse(figures: dict[str, float | None]) -> dict[str, float | None]:
    if figures.get(RMSE.key) is None:
        raise FkdError(f"{RMSE.key} is missing or null, expected a number")
    return figures


Figures = Annotated[dict[str, Signed | None], AfterValidator(_check_figures)]  # by the keys of METRICS
WithRmse = Annotated[Figures, AfterValidator(_check_rmse)]
Keypoint = Annotated[str, Field(pattern=f"^({'|'.join(NAMES)})$")]
Quantile = Annotated[str, Field(pattern=f"^({'|'.join(map(str, QUANTILES))})$")]
PerFace = Field(max_length=MAX_FACES)
EachKeypoint = Field(min_length=len(NAMES), max_length=len(NAMES))
# The mean of a keypoint's error in x and in y, px; its variance in x, covariance, and variance in y, px².
Offset = Annotated[list[Signed], Field(min_length=5, max_length=5)]


@dataclass(frozen=True)
class Accuracy:
    """How far predictions are from labels; every mean is over what is labelled."""

    __pydantic_config__ = STRICT

    faces: Count  # with labels
    values: Count  # labelled coordinates
    figures: WithRmse
    rmse_low: Figure  # px, of the 95% bootstrap interval by face
    rmse_high: Figure
    rmse_by_keypoint: Annotated[dict[Keypoint, Figure | None], EachKeypoint]
    nme_faces: Count  # with both eyes labelled
    error_quantiles: dict[Quantile, Figure]  # px

    @property
    def rmse(self) -> float:
        """The figure that ranks, px."""
        rmse = self.figures[RMSE.key]
        assert rmse is not None
        return rmse


@dataclass(frozen=True)
class Detail:
    """Per-face errors in the order of `fkd.data.split.in_order`, to compare close models and plot errors."""

    __pydantic_config__ = STRICT

    squares: Annotated[list[Figure], PerFace]
    values: Annotated[list[Annotated[int, Field(ge=0, le=2 * len(NAMES))]], PerFace]
    nme: Annotated[list[Figure | None], PerFace]  # None where an eye is not labelled
    offsets: Annotated[dict[Keypoint, Offset | None], EachKeypoint]

    def __post_init__(self) -> None:
        if not len(self.squares) == len(self.values) == len(self.nme):
            raise FkdError("its lists by face are of different lengths")

    @property
    def labels(self) -> str:
        """Hash of the number of labelled coordinates of each face, in their order."""
        return hashlib.sha256(bytes(self.values)).hexdigest()[:16]


def accuracy(predicted: np.ndarray, points: np.ndarray, resamples: int = RESAMPLES) -> Accuracy:
    """Compare predictions with labels, both [N, 15, 2] px, labels NaN where missing.

    Raises FkdError if nothing is labelled, or a prediction is not finite where there is a label.
    """
    if not np.isfinite(predicted[np.isfinite(points)]).all():
        raise FkdError("the model's predictions hold values that are not finite: its weights are broken")
    errors = predicted.astype(np.float64) - points  # [N, 15, 2] px, NaN where missing
    if np.isnan(errors).all():
        raise FkdError("none of the faces has a label: nothing can be measured")
    nme = _face_nme(errors, points)
    faces = FaceErrors(*_sums(errors), nme[np.isfinite(nme)])
    low, high = np.quantile(resampled_rmse(faces.squares, faces.values, resamples), (0.025, 0.975))
    distance = np.linalg.norm(errors, axis=-1)  # [N, 15] px
    return Accuracy(
        faces=int((faces.values > 0).sum()),
        values=int(faces.values.sum()),
        figures={metric.key: metric.value(faces) for metric in METRICS},
        rmse_low=float(low),
        rmse_high=float(high),
        rmse_by_keypoint={
            name: _rmse(FaceErrors(*_sums(errors[:, [point]]), faces.nme)) for point, name in enumerate(NAMES)
        },
        nme_faces=len(faces.nme),
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
    squares, values = _sums(errors)
    offsets = {}
    for index, name in enumerate(NAMES):
        labelled = errors[np.isfinite(errors[:, index]).all(1), index]  # [n, 2]
        (xx, xy), (_, yy) = np.cov(labelled.T) if len(labelled) > 1 else np.zeros((2, 2))
        offsets[name] = _round([*labelled.mean(0), xx, xy, yy]) if len(labelled) else None
    return Detail(
        squares=_round(squares),
        values=values.tolist(),
        nme=[None if np.isnan(value) else round(float(value), 3) for value in _face_nme(errors, points)],
        offsets=offsets,
    )


def resampled_rmse(squares: np.ndarray, values: np.ndarray, resamples: int = RESAMPLES) -> np.ndarray:
    """The RMSE of bootstrap resamples by face (Efron 1979), px [resamples], the same faces whatever the errors."""
    return np.sqrt(resampled_means(squares, values, resamples))  # type: ignore[no-any-return]


def resampled_means(sums: np.ndarray, values: np.ndarray, resamples: int = RESAMPLES) -> np.ndarray:
    """The mean over all values of bootstrap resamples [resamples], each unit [N] (such as a face) drawn as a whole."""
    both = np.stack([sums, values], 1)  # [N, 2]
    # A part at a time: as float64, all of them take gigabytes for 20,000 faces.
    parts = np.array_split(_resamples(len(sums), resamples), 10)
    drawn = np.concatenate([part.astype(np.float64) @ both for part in parts])  # [resamples, 2]
    means: np.ndarray = drawn[:, 0] / drawn[:, 1].clip(1)
    return means


@functools.lru_cache(1)  # all entries of a benchmark have the same faces
def _resamples(faces: int, resamples: int) -> np.ndarray:
    """How often each face is in each resample, uint8 [resamples, faces]."""
    rng = np.random.default_rng(0)  # a fixed seed: the same predictions give the same interval
    counts = np.empty((resamples, faces), np.uint8)
    for row in counts:
        row[:] = np.bincount(rng.integers(faces, size=faces), minlength=faces)
    return counts


def _sums(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each face's sum of squares px², and its count of values, both [N]."""
    return np.nansum(errors**2, (1, 2)), np.isfinite(errors).sum((1, 2))


def _face_nme(errors: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Each face's mean point error in percent of its inter-ocular distance [N], NaN where an eye is not labelled."""
    distance = np.linalg.norm(errors, axis=-1)  # [N, 15] px
    ocular = np.linalg.norm(points[:, LEFT_EYE].astype(np.float64) - points[:, RIGHT_EYE], axis=-1)  # [N]
    both_eyes = ocular > 0  # not NaN
    nme = np.full(len(points), np.nan)
    nme[both_eyes] = 100 * np.nanmean(distance[both_eyes], 1) / ocular[both_eyes]
    return nme


def _round(values: Iterable[float]) -> list[float]:
    return [round(float(value), 3) for value in values]
