"""Predictions and labels -> accuracy: arrays in, numbers out; sums first, one division last."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from fkd.files import STRICT, Count, Figure, Signed
from fkd.keypoints import LEFT_EYE, NAMES, RIGHT_EYE

FAILURE = 10.0  # percent of the inter-ocular distance, as 300-W counts failures
QUANTILES = (0.5, 0.9, 0.95, 0.99)
CASES = 3
ROUNDING = 5e-4  # what the figures of a Detail are rounded by at most
MOST_FACES = 20_000
Percent = Annotated[float, Field(ge=0, le=100)]
Keypoint = Literal[NAMES]
Quantile = Literal[tuple(str(quantile) for quantile in QUANTILES)]
PerFace = Field(max_length=MOST_FACES)
EachKeypoint = Field(min_length=len(NAMES), max_length=len(NAMES))
Offset = Annotated[list[Signed], Field(min_length=5, max_length=5)]
Error = Annotated[list[Signed], Field(min_length=2, max_length=2)]
Case = Annotated[list[Error | None], EachKeypoint]


@dataclass(frozen=True)
class Accuracy:
    """How far predictions are from labels; every mean is over what is labelled.

    rmse: px, over all asked coordinates (the competition's metric); rmse_low, rmse_high: its 95% bootstrap
    interval by face. rmse_by_keypoint: px. nme: mean point error in percent of the inter-ocular distance
    (between the eye centres), averaged by face, over the nme_faces that have both eyes labelled;
    failure_rate: percent of those faces above 10%. error_quantiles: point distance in px by quantile.
    """

    __pydantic_config__ = STRICT

    faces: Count
    values: Count
    rmse: Figure
    rmse_low: Figure
    rmse_high: Figure
    rmse_by_keypoint: Annotated[dict[Keypoint, Figure | None], EachKeypoint]
    nme: Figure | None
    nme_faces: Count
    failure_rate: Percent | None
    error_quantiles: dict[Quantile, Figure]


@dataclass(frozen=True)
class Detail:
    """What tells models apart that differ little, and what a model's errors look like; none of the faces themselves.

    squares, values: for each test face, in the order of `fkd.data.split.in_order`, the sum of the squared errors of its
    labelled coordinates (px²), and how many those are. nme: its mean error in percent of the inter-ocular distance,
    None where an eye is not labelled. offsets: for each keypoint the mean of the error's x and y, then its variance in
    x, covariance, variance in y (px, px²). worst, best: the errors [15, 2] px (answer minus label) of CASES faces each,
    by their RMSE, among those with the most labels; None where there is no label.
    """

    __pydantic_config__ = STRICT

    squares: Annotated[list[Figure], PerFace]
    values: Annotated[list[Annotated[int, Field(ge=0, le=2 * len(NAMES))]], PerFace]
    nme: Annotated[list[Figure | None], PerFace]
    offsets: Annotated[dict[Keypoint, Offset | None], EachKeypoint]
    worst: Annotated[list[Case], Field(max_length=CASES)]
    best: Annotated[list[Case], Field(max_length=CASES)]


def accuracy(predicted: np.ndarray, points: np.ndarray, resamples: int = 2000) -> Accuracy:
    """Compares predictions with labels, both [N, 15, 2] px, labels NaN where missing.

    Raises ValueError if nothing is labelled, or a prediction is not finite.
    """
    if not np.isfinite(predicted).all():
        raise ValueError("the model's predictions hold values that are not finite: its weights are broken")
    squares = (predicted.astype(np.float64) - points) ** 2  # [N, 15, 2], NaN where missing
    labelled = np.isfinite(squares)
    if not labelled.any():
        raise ValueError("none of the faces has a label: nothing can be measured")
    total, count = np.nansum(squares, (1, 2)), labelled.sum((1, 2))  # [N]
    low, high = rmse_interval(total, count, resamples)
    by_point, point_count = np.nansum(squares, (0, 2)), labelled.sum((0, 2))
    distance = np.sqrt(squares.sum(-1))  # [N, 15] px
    nme = _nme(predicted.astype(np.float64) - points, points)
    nme = nme[np.isfinite(nme)]
    return Accuracy(
        faces=int((count > 0).sum()),
        values=int(count.sum()),
        rmse=float(np.sqrt(total.sum() / count.sum())),
        rmse_low=low,
        rmse_high=high,
        rmse_by_keypoint={
            name: float(np.sqrt(by_point[i] / point_count[i])) if point_count[i] else None
            for i, name in enumerate(NAMES)
        },
        nme=float(nme.mean()) if len(nme) else None,
        nme_faces=len(nme),
        failure_rate=float(100 * (nme > FAILURE).mean()) if len(nme) else None,
        error_quantiles={str(q): float(np.nanquantile(distance, q)) for q in QUANTILES},
    )


def rmse_interval(squares: np.ndarray, values: np.ndarray, resamples: int = 2000) -> tuple[float, float]:
    """The 95% bootstrap interval by face of an RMSE, px, from each face's sum of squares (px²) and count of values."""
    rng, means = np.random.default_rng(0), []  # a fixed seed: the same predictions give the same interval
    for _ in range(resamples):  # one at a time: all of them take gigabytes for 20,000 faces
        faces = rng.integers(len(squares), size=len(squares))
        means.append(squares[faces].sum() / max(values[faces].sum(), 1))
    low, high = np.quantile(np.sqrt(means), (0.025, 0.975))
    return float(low), float(high)


def detail(predicted: np.ndarray, points: np.ndarray) -> Detail:
    """Compares predictions with labels, both [N, 15, 2] px, labels NaN where missing, face by face."""
    errors = predicted.astype(np.float64) - points  # [N, 15, 2] px, NaN where missing
    squares, values = np.nansum(errors**2, (1, 2)), np.isfinite(errors).sum((1, 2))  # [N]
    nme = _nme(errors, points)
    offsets = {}
    for index, name in enumerate(NAMES):
        known = errors[np.isfinite(errors[:, index]).all(1), index]  # [n, 2]
        (xx, xy), (_, yy) = np.cov(known.T) if len(known) > 1 else np.zeros((2, 2))
        offsets[name] = _rounded([*known.mean(0), xx, xy, yy]) if len(known) else None
    full = np.flatnonzero(values == values.max())
    order = full[np.argsort(squares[full], kind="stable")]

    def case(face: int) -> list[list[float] | None]:
        return [_rounded(error) if np.isfinite(error).all() else None for error in errors[face]]

    return Detail(
        squares=_rounded(squares),
        values=values.tolist(),
        nme=[None if np.isnan(value) else round(float(value), 3) for value in nme],
        offsets=offsets,
        worst=[case(face) for face in order[::-1][:CASES]],
        best=[case(face) for face in order[:CASES]],
    )


def _nme(errors: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mean point error in percent of the distance between the labelled eye centres [N], NaN where one is missing."""
    distance = np.linalg.norm(errors, axis=-1)  # [N, 15] px
    ocular = np.linalg.norm(points[:, LEFT_EYE].astype(np.float64) - points[:, RIGHT_EYE], axis=-1)  # [N]
    known = np.isfinite(ocular) & (ocular > 0)
    nme = np.full(len(points), np.nan)
    nme[known] = 100 * np.nansum(distance[known], 1) / np.isfinite(distance[known]).sum(1) / ocular[known]
    return nme


def _rounded(values) -> list[float]:
    return [round(float(value), 3) for value in values]
