"""The noise floor of a benchmark: how far its labels agree with themselves, from the errors that two networks share.

With labels y and answers a and b of two networks that were trained on different faces,
mean (y - a)(y - b) = (mean (y - a)^2 + mean (y - b)^2 - mean (a - b)^2) / 2: the variance of the labels' errors by the
three-cornered hat (Gray & Allan 1974; Grubbs 1948 for measuring instruments), if the errors of y, a and b are
independent. Networks that learn from faces of one kind err alike on some, which counts as the labels' noise here: the
estimate is an upper one. What a labeller does wrong in the same way every time is learnt by both, and not in it.
"""

import dataclasses
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from fkd import __version__
from fkd.files import STRICT, Count, Figure, Line, read_json, typed
from fkd.keypoints import NAMES
from fkd.metrics import EachKeypoint, Keypoint
from fkd.resampling import resampled_means

FLOOR = "floor.json"
Two = Field(min_length=2, max_length=2)


@dataclass(frozen=True)
class Shared:
    """What two networks' errors on the same labels share, px.

    shared: the root of the mean product of their errors, 0 where that is negative. low, high: its 95% bootstrap
    interval by look-alike group. rmse: of each network. values: how many labelled coordinates this is of.
    """

    __pydantic_config__ = STRICT

    shared: Figure
    low: Figure
    high: Figure
    rmse: Annotated[list[Figure], Two]
    values: Count

    @property
    def share(self) -> float:
        """The part of the networks' mean squared error that is shared."""
        squares = sum(rmse**2 for rmse in self.rmse) / 2
        return self.shared**2 / squares if squares else 0.0


@dataclass(frozen=True)
class Floor:
    """The noise floor of a benchmark, over all labels, over those of each label convention and by keypoint.

    fingerprint: of the test faces. networks: the two, by timm's names. faces: how many each was trained on. epochs: of
    their training. None where there is no label.
    """

    __pydantic_config__ = STRICT

    benchmark: Line
    fingerprint: Line
    networks: Annotated[list[Line], Two]
    faces: Annotated[list[Count], Two]
    epochs: Count
    overall: Shared
    fifteen_point: Shared | None
    four_point: Shared | None
    by_keypoint: Annotated[dict[Keypoint, Shared | None], EachKeypoint]
    fkd_version: Line = __version__
    date: Line = dataclasses.field(default_factory=lambda: datetime.date.today().isoformat())


def shared_error(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> Shared | None:
    """What the errors of two networks share; None where nothing is labelled.

    first, second: their errors on the same labels [N, ...] px, NaN where a label is missing. groups: the look-alike
    group of each face [N], from 0; it is drawn as a whole.
    """
    labelled = np.isfinite(first).reshape(len(first), -1)
    if not labelled.any():
        return None

    def by_group(values: np.ndarray) -> np.ndarray:
        """The sum of [N, ...] over the labels of each group's faces."""
        return np.bincount(groups, np.nansum(values.reshape(len(values), -1), 1))

    products, counts = by_group(first * second), by_group(labelled)
    low, high = np.quantile(resampled_means(products, counts), (0.025, 0.975))
    values = int(labelled.sum())
    return Shared(
        shared=_root(products.sum() / values),
        low=_root(low),
        high=_root(high),
        rmse=[_root(np.nansum(errors**2) / values) for errors in (first, second)],
        values=values,
    )


def by_keypoint(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> dict[str, Shared | None]:
    """As `shared_error`, of each keypoint's errors in both axes. first, second: [N, 15, 2] px."""
    return {name: shared_error(first[:, i], second[:, i], groups) for i, name in enumerate(NAMES)}


def floor_in(folder: Path, fingerprint: str) -> Floor:
    """The noise floor of the benchmark whose folder this is, with test faces of that fingerprint.

    Raises FileNotFoundError, or ValueError for a file that cannot be read, or is of other test faces.
    """
    path = folder / FLOOR
    floor = typed(read_json(path), Floor, str(path))
    if (floor.benchmark, floor.fingerprint) != (folder.name, fingerprint):
        raise ValueError(
            f"{path} is of the test faces of {floor.benchmark[:60]!r} ({floor.fingerprint[:40]}), "
            f"not of {folder.name!r} ({fingerprint}): run benchmarks/floor.py again"
        )
    return floor


def _root(mean: float) -> float:
    """The root of a mean of products of errors, px, 0 where it is negative."""
    return round(float(np.sqrt(max(0.0, mean))), 4)
