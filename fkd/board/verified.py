"""What "verified" means: an entry's figures follow from its own sums by face, and its checkpoint is available.

docs/leaderboard.md says what that proves, and what only measuring again (`fkd leaderboard check`) does.
"""

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fkd.board.record import Evaluation, joined
from fkd.data.record import DataRecord, Fingerprints
from fkd.keypoints import NAMES
from fkd.metrics import METRICS, ROUNDING, Accuracy, FaceErrors
from fkd.resampling import rmse_interval

MOST_TRIES = 10_000  # orders of checkpoints that are tried for an ensemble that does not name its members
BF16 = 0.05  # px: an older entry's robustness may be computed in bfloat16, its accuracy is not


@dataclass(frozen=True)
class Known:
    """What available weights say of themselves. network: as in `Evaluation.model`. data: what they were trained on."""

    network: str
    data: DataRecord


def unverified_reason(entry: Evaluation, checkpoints: Mapping[str, Known]) -> str:
    """Why an entry may not be called verified (or submitted, if it is), or an empty text if it may.

    checkpoints: the available ones, by the sha256 of their weights.
    """
    if why := contradiction(entry):
        return f"it contradicts itself: {why}"
    if entry.submitted:
        return ""
    members = members_of(entry, checkpoints)
    if not members:
        named = f"checkpoint ({entry.checkpoint[:12]})" if entry.checkpoint else "checkpoint, which it does not name,"
        return f"its {named} is not here, so that nobody can measure it again"
    if entry.model != " + ".join(sorted({checkpoints[sha256].network for sha256 in members})):
        return f"it contradicts its checkpoint: that is not of {entry.model}"
    if entry.data != checkpoints[members[0]].data:
        return "it contradicts its checkpoint: that has another record of its training data"
    for sha256 in members:
        if entry.held_out and not _kept_apart(checkpoints[sha256].data.fingerprints, entry.fingerprint):
            return "it contradicts its checkpoint: that does not record that the test faces were kept out of training"
    return ""


def members_of(entry: Evaluation, checkpoints: Mapping[str, object]) -> list[str]:
    """The hashes of an entry's members, all of which are in `checkpoints`; [] where one is not."""
    if entry.weights:
        return entry.weights if set(entry.weights) <= set(checkpoints) else []
    if math.perm(len(checkpoints), entry.members) > MOST_TRIES:
        return []
    orders = itertools.permutations(sorted(checkpoints), entry.members)
    return next((list(order) for order in orders if joined(order) == entry.checkpoint), [])


def contradiction(entry: Evaluation) -> str:
    """The first contradiction within an entry, or an empty text."""
    if entry.weights and (len(entry.weights) != entry.members or joined(entry.weights) != entry.checkpoint):
        return f"its checkpoint is not the {entry.members} of which it gives the hashes"
    if entry.held_out and not _kept_apart(entry.data.fingerprints, entry.fingerprint):
        return "it states that the test faces were held out, but its record of the training data does not show it"
    told = entry.accuracy
    try:
        errors = entry.detail.face_errors()
    except ValueError as error:
        return str(error)
    counted = (int((errors.values > 0).sum()), int(errors.values.sum()))
    if counted != (told.faces, told.values) or not told.values:
        return f"it counts {told.faces} faces and {told.values} values, its lists have {counted[0]} and {counted[1]}"
    if errors.squares[errors.values == 0].any():
        return "a face without labels has errors"
    if told.nme_faces != (nme_faces := int(np.isfinite(errors.nme).sum())):
        return f"its nme is of {told.nme_faces} faces, its list has {nme_faces}"
    return (
        _figures(told, errors)
        or _interval(entry)
        or _keypoints(entry)
        or _quantiles(entry, float(errors.squares.sum()))
        or _rest(entry)
    )


def _kept_apart(recorded: Fingerprints, test: str) -> bool:
    """Whether the parts of some training data are three different ones, of which the last is the test faces."""
    parts = {recorded.train, recorded.validation, recorded.test}
    return len(parts - {""}) == 3 and recorded.test == test


def _figures(told: Accuracy, errors: FaceErrors) -> str:
    """Compares each figure with what the errors by face give, as exactly as their rounding allows."""
    for metric in METRICS:
        stated, value = told.figures[metric.key], metric.value(errors)
        if stated is None and value is None:
            continue
        if stated is None or value is None:
            return f"it has one of {metric.key} and errors by face that give it without the other"
        bounds = [metric.value(errors.moved(by)) for by in (-ROUNDING, ROUNDING)]
        low, high = sorted(value if bound is None else bound for bound in bounds)
        near = 1e-9 * (1 + abs(value))
        if not low - near <= stated <= high + near:
            return f"its {metric.key} is {stated:.4g}, but its errors by face give {value:.4g}"
    return ""


def _interval(entry: Evaluation) -> str:
    told = entry.accuracy
    low, high = _rmse_interval(tuple(entry.detail.squares), tuple(entry.detail.values))
    # Another version of numpy may draw other faces, which moves the interval's ends by a few percent of its width.
    near = (high - low) / 10 + 2 * ROUNDING
    if abs(told.rmse_low - low) > near or abs(told.rmse_high - high) > near:
        return (
            f"its interval is {told.rmse_low:.4g} to {told.rmse_high:.4g}, but its sums by face give "
            f"{low:.4g} to {high:.4g}"
        )
    return ""


@functools.lru_cache(256)
def _rmse_interval(squares: tuple[float, ...], values: tuple[int, ...]) -> tuple[float, float]:
    """As `rmse_interval`, once for each entry: the page needs it for every view."""
    return rmse_interval(np.array(squares), np.array(values))


def _keypoints(entry: Evaluation) -> str:
    """Compares each keypoint's RMSE with the mean and covariance of its errors.

    An entry does not record how many faces those are: at least the fully labelled ones, at most all.
    """
    told, detail = entry.accuracy, entry.detail
    full, squares = detail.values.count(2 * len(NAMES)), []
    for name in NAMES:
        rmse, offset = told.rmse_by_keypoint[name], detail.offsets[name]
        if rmse is None and offset is None:
            continue
        if rmse is None or offset is None:
            return f"it has one of {name}'s rmse and offsets without the other"
        x, y, xx, _, yy = offset
        near = ROUNDING * (abs(x) + abs(y) + 2) + 1e-6
        spread = [(1 - 1 / max(faces, 1)) * (xx + yy) for faces in (full, told.faces)]
        low, high = ((x**2 + y**2 + part) / 2 for part in spread)
        if not low - near <= rmse**2 <= high + near:
            return f"its rmse of {name} is {rmse:.4g}, but its offsets give {math.sqrt(max(high, 0)):.4g}"
        squares.append(2 * rmse**2)
    total, of_one_face = told.rmse**2 * told.values, sum(squares)
    if not full * of_one_face * 0.999 - 1 <= total <= told.faces * of_one_face * 1.001 + 1:
        return "its rmse by keypoint do not add up to its rmse"
    return ""


def _quantiles(entry: Evaluation, total: float) -> str:
    quantiles = sorted((float(share), value) for share, value in entry.accuracy.error_quantiles.items())
    if [value for _, value in quantiles] != sorted(value for _, value in quantiles):
        return "its error_quantiles do not rise"
    for share, value in quantiles:
        beyond = max(1.0, (1 - share) * (entry.accuracy.values / 2 - 1))  # points that are at least so far off
        if beyond * value**2 > total * 1.001 + 1:
            return f"its error_quantiles have {value:.4g} px at {share:g}, more than its sums by face allow"
    return ""


def _rest(entry: Evaluation) -> str:
    told, detail = entry.accuracy, entry.detail
    most = max(detail.values)
    order = sorted(square for square, count in zip(detail.squares, detail.values, strict=True) if count == most)
    for which, cases, squares in (("best", detail.best, order), ("worst", detail.worst, order[::-1])):
        for number, case in enumerate(cases[: len(squares)]):
            errors = [abs(part) for error in case if error is not None for part in error]
            near = ROUNDING * (2 * sum(errors) + 2) + 1e-3
            if abs(sum(error**2 for error in errors) - squares[number]) > near:
                return f"number {number + 1} of its {which} faces is not one of its sums by face"
    for degradation, errors in entry.robustness.items():
        if errors and abs(errors[0] - told.rmse) > BF16 + told.rmse / 100:
            return f"its robustness begins with {errors[0]:.4g} px for {degradation}, but its rmse is {told.rmse:.4g}"
    return ""
