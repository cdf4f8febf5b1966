"""Label conventions: where a set's rows place their points, and how a network answers in each.

The competition's file has rows of 15 points and rows of four, which place the nose tip and the bottom lip elsewhere.
Its 15-point rows change their convention too: after some rows they mark other edges of the lips. Nothing in a row says
so, but the file's order does, so a change of convention is a change point of the gap between the lips along the file.
"""

import dataclasses
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from fkd.data.faces import is_four_point
from fkd.files import Line, Signed, strict_dataclass
from fkd.keypoints import BOTTOM_LIP, FOUR_POINT, LEFT_EYE, MEAN_FACE, NAMES, NOSE_TIP, RIGHT_EYE, TOP_LIP, unmirror

# Distances below are in units of the inter-ocular distance (IOD), which is 36 px in a typical frame. Two conventions
# share a point's output if its median places differ by at most SAME_PLACE and SURE standard errors.
SAME_PLACE, SURE = 0.01, 3
MIN_ROWS = 50  # on each side of a change point
INNER_LIPS, WIDE_LIPS = 0.15, 0.31  # lip gaps between which the outer edges of the lips are marked
MIN_CHANGE = 0.05  # of the median lip gap: a smaller change is not worth separate outputs
SIGNIFICANCE = 1e-6  # neighbouring rows resemble each other, so Pettitt's p-value is too small by some orders
FOUR_NAMES = tuple(NAMES[index] for index in FOUR_POINT)
PointName = Annotated[str, Field(pattern=f"^({'|'.join(NAMES)})$")]

# Points [N, K, 2] px of a network's outputs, and logits [N, C] of its conventions, None if it has no choice.
Outputs = tuple[np.ndarray, np.ndarray | None]


@strict_dataclass
class Convention:
    """A way to place labels."""

    name: Line
    points: tuple[PointName, ...]  # that it labels
    own: tuple[PointName, ...]  # those of them that it places differently from the first convention of the set
    nose_tip: Signed | None  # median distances below the line through the eyes, in IOD; None if unlabelled
    top_lip: Signed | None
    bottom_lip: Signed | None

    @property
    def four_point(self) -> bool:
        """Whether it labels no other than the four points of the competition's sparse rows."""
        return {*self.points} <= {*FOUR_NAMES}

    @property
    def lip_gap(self) -> float | None:
        """From the top lip to the bottom lip, in IOD."""
        return None if self.top_lip is None or self.bottom_lip is None else round(self.bottom_lip - self.top_lip, 3)


@dataclass(frozen=True)
class Conventions:
    """The conventions of a set of faces, that of photos first, and the number of each row's, int64 [N]."""

    values: tuple[Convention, ...]
    rows: np.ndarray


# The two of wild15, as `find_conventions` finds them: a model's if nothing else is stated.
COMPETITION = (
    Convention("15 points", NAMES, (), 0.576, 0.987, 1.221),
    Convention("four points", FOUR_NAMES, ("nose_tip", "mouth_center_bottom_lip"), 0.761, None, 1.11),
)


def find_conventions(points: np.ndarray) -> Conventions:
    """Finds the label conventions of a training file.

    The rows with no labels but the four points are one. The others are split where the gap between the lips changes
    along the file, by Pettitt's test (1979, "A non-parametric approach to the change-point problem"), applied again to
    both sides. The first convention has the lip gap nearest to the outer edges of the lips, as in
    `fkd.keypoints.MEAN_FACE`: photos are answered in it.

    Args:
        points: all labels of the file, in its order, float [N, 15, 2] px, NaN where missing.
    """
    four_point = is_four_point(points)
    places = _eye_frame(points)  # [N, 15, 2] IOD
    blocks = _blocks(np.flatnonzero(~four_point), places[:, BOTTOM_LIP, 1] - places[:, TOP_LIP, 1])
    parts = len(blocks)
    if four_point.any():
        blocks.append(np.flatnonzero(four_point))
    medians, errors = zip(*(_median(places[rows]) for rows in blocks), strict=True)
    outer = (MEAN_FACE[BOTTOM_LIP][1] - MEAN_FACE[TOP_LIP][1]) / (MEAN_FACE[LEFT_EYE][0] - MEAN_FACE[RIGHT_EYE][0])
    off = [abs(median[BOTTOM_LIP, 1] - median[TOP_LIP, 1] - outer) for median in medians]
    first, *others = np.argsort(off, kind="stable").tolist()  # NaN, of four points, is last
    rows = np.zeros(len(points), np.int64)
    values = [_convention(points[blocks[first]], medians[first], np.zeros(len(NAMES), bool), parts == 1)]
    for number, block in enumerate(others, 1):
        rows[blocks[block]] = number
        away = np.linalg.norm(medians[block] - medians[first], axis=1)  # [15] IOD
        own = away > SAME_PLACE + SURE * np.hypot(errors[block], errors[first])
        if block < parts:  # the lips are why it is a convention, though the faces may hide it in the medians
            own[[TOP_LIP, BOTTOM_LIP]] = True
        values.append(_convention(points[blocks[block]], medians[block], own, parts == 1))
    return Conventions(tuple(values), rows)


def mix(conventions: Conventions) -> Conventions:
    """Conventions for a model that shares its outputs between them: 15 points, and four points if there are any."""
    merged = merge(conventions.values)
    number = np.array([len(merged) - 1 if convention.four_point else 0 for convention in conventions.values])
    return Conventions(merged, number[conventions.rows])


def merge(values: Sequence[Convention]) -> tuple[Convention, ...]:
    """At most one convention of 15 points and one of four points, with shared outputs."""
    fifteen = [dataclasses.replace(each, name="15 points", own=()) for each in values if not each.four_point]
    four = [dataclasses.replace(each, name="four points", own=()) for each in values if each.four_point]
    return (*fifteen[:1], *four[:1])


def present(conventions: Conventions, rows: np.ndarray) -> Conventions:
    """Only the conventions that some of `rows` (int64) follow; the number of any other row is -1."""
    used = np.unique(conventions.rows[rows])
    number = np.full(len(conventions.values), -1)
    number[used] = np.arange(len(used))
    values = [conventions.values[index] for index in used]
    if len(used) and used[0] != 0:  # the first one shares no output with the absent one
        values[0] = dataclasses.replace(values[0], own=())
    return Conventions(tuple(values), number[conventions.rows])


def nearest(convention: Convention, values: Sequence[Convention]) -> Convention:
    """The one of `values` whose lip gap is most like that of `convention`, if possible of as many points."""

    def distance(other: Convention) -> tuple[bool, float]:
        away = abs((convention.lip_gap or 0) - (other.lip_gap or 0))
        return convention.four_point != other.four_point, away

    return min(values, key=distance)


def channels(values: Sequence[Convention]) -> np.ndarray:
    """The output of a network that each convention takes each point from, int64 [C, 15].

    The first 15 outputs are the first convention's; each point that another one places differently has one more.
    """
    table = np.tile(np.arange(len(NAMES)), (len(values), 1))
    own = [(row, NAMES.index(name)) for row, convention in enumerate(values) for name in convention.own]
    for output, place in enumerate(own, len(NAMES)):
        table[place] = output
    return table


def ambiguous(values: Sequence[Convention]) -> list[int]:
    """The numbers of the 15-point conventions if there are several: only the picture tells which one a face has."""
    fifteen = [number for number, convention in enumerate(values) if not convention.four_point]
    return fifteen if len(fifteen) > 1 else []


def label_points(
    run: Callable[[np.ndarray], Outputs],
    values: Sequence[Convention],
    label_offset: np.ndarray,
    images: np.ndarray,
    four_point: np.ndarray | None = None,
    mirror: bool = False,
) -> np.ndarray:
    """Points where a data set has its labels, float32 [N, 15, 2] px, for every engine.

    A face of four points is answered in that convention. A face of 15 points gets the mean of the 15-point
    conventions, weighted with the network's probability of each: of all answers it has the least squared error.

    Args:
        run: a network with the conventions `values`, from images uint8 [B, 96, 96] to its outputs.
        label_offset: px [C], as in `fkd.learn.models.KeypointModel`.
        images: uint8 [N, 96, 96].
        four_point: bool [N], whether only the four points of a face are wanted. If not given, all faces are answered in
            the first convention, as in a photo.
        mirror: average with the answers for the mirror images.
    """
    points, logits = run(images)
    if mirror:
        mirrored, mirrored_logits = run(images[:, :, ::-1].copy())
        if logits is not None and mirrored_logits is not None:
            logits = (logits + mirrored_logits) / 2
    weights = _weights(values, len(images), four_point, logits)  # [N, C]
    answers: np.ndarray = np.einsum("nc,ncpx->npx", weights, points[:, channels(values)])
    if mirror:
        answers = (answers + unmirror(np.einsum("nc,ncpx->npx", weights, mirrored[:, channels(values)]))) / 2
    answers[..., 0] += weights @ label_offset.astype(np.float32)[:, None]
    return answers


def _weights(
    values: Sequence[Convention], count: int, four_point: np.ndarray | None, logits: np.ndarray | None
) -> np.ndarray:
    """The weight of each convention in each answer, float32 [N, C]."""
    weights = np.repeat(np.eye(1, len(values), dtype=np.float32), count, 0)
    if four_point is None:
        return weights
    choices = ambiguous(values)
    if choices and logits is not None:
        weights[:, 0] = 0
        odds = np.exp(logits - logits.max(1, keepdims=True))
        weights[:, choices] = odds / odds.sum(1, keepdims=True)
    for number, convention in enumerate(values):
        if convention.four_point:
            weights[four_point] = np.eye(len(values))[number]
    return weights


def _eye_frame(points: np.ndarray) -> np.ndarray:
    """Points [N, 15, 2] px, seen from halfway between the eyes: x towards the left eye, y down the face, in IOD."""
    places = points @ [1, 1j]  # [N, 15]
    left, right = places[:, LEFT_EYE, None], places[:, RIGHT_EYE, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        away = (places - (left + right) / 2) / (left - right)
    return np.stack([away.real, away.imag], -1)


def _median(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median of each point's places [n, 15, 2], [15, 2], and its standard error, as of a normal distribution, [15].

    NaN for a point without a label.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a point without a label
        low, median, high = np.nanquantile(places.astype(np.float64), (0.25, 0.5, 0.75), axis=0)
    count = np.isfinite(places).all(-1).sum(0).clip(1)
    return median, 1.2533 * np.linalg.norm((high - low) / 1.349, axis=1) / np.sqrt(count)


def _blocks(rows: np.ndarray, gap: np.ndarray) -> list[np.ndarray]:
    """Parts rows (int64, ascending) wherever the lip gap [N] of the file changes; none for no rows."""
    if not len(rows):
        return []
    labelled = rows[np.isfinite(gap[rows])]
    change = _change_point(gap[labelled])
    if change is None:
        return [rows]
    first = rows < labelled[change]
    return [*_blocks(rows[first], gap), *_blocks(rows[~first], gap)]


def _change_point(series: np.ndarray) -> int | None:
    """Where a series [n] changes its median, by Pettitt's test: the first item after the change; None if nowhere."""
    count = len(series)
    if count < 2 * MIN_ROWS:
        return None
    _, index, counts = np.unique(series, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[index]  # equal values share their mean rank
    lead = np.abs(2 * np.cumsum(ranks)[:-1] - np.arange(1, count) * (count + 1))  # |U| after each item
    lead[: MIN_ROWS - 1] = lead[count - MIN_ROWS :] = 0
    change = int(lead.argmax()) + 1
    p_value = 2 * math.exp(-6 * lead[change - 1] ** 2 / (count**3 + count**2))
    moved = abs(np.median(series[:change]) - np.median(series[change:]))
    return change if p_value < SIGNIFICANCE and moved >= MIN_CHANGE else None


def _convention(points: np.ndarray, median: np.ndarray, own: np.ndarray, alone: bool) -> Convention:
    """The convention of rows with points [n, 15, 2] px. own: bool [15]. alone: the only one of 15 points."""
    labelled = np.isfinite(points).all(-1).any(0)  # [15]
    below = [round(y, 3) if math.isfinite(y) else None for y in median[[NOSE_TIP, TOP_LIP, BOTTOM_LIP], 1].tolist()]
    names, own_names = (tuple(np.array(NAMES)[which].tolist()) for which in (labelled, own))
    convention = Convention("four points", names, own_names, *below)
    gap = convention.lip_gap
    if convention.four_point:
        return convention
    if alone or gap is None:
        return dataclasses.replace(convention, name="15 points")
    kind = ("inner", "outer", "wide")[int(np.searchsorted([INNER_LIPS, WIDE_LIPS], gap, "right"))]
    return dataclasses.replace(convention, name=f"{kind} lips")
