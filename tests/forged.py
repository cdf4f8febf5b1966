"""Entries that may not be ranked, or cannot be read: a change to a good one -> the reason."""

import dataclasses
import hashlib
from pathlib import Path

from fkd.board.record import Cost, Evaluation
from fkd.data.record import DataRecord, Fingerprints
from fkd.keypoints import NAMES
from fkd.metrics import Accuracy, Detail

DATA = DataRecord("drawn", fingerprints=Fingerprints("d", "e", "f"))


class AllWeights(dict):
    """A folder for every model, except Hub models and those whose hash is one digit."""

    def __contains__(self, key) -> bool:
        return len(set(key)) > 1 and "/" not in key

    def __missing__(self, key) -> Path:
        return Path("folder")


KNOWN = AllWeights()


def weights(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def entry(name: str, rmse: float, **change) -> Evaluation:
    accuracy = Accuracy(
        faces=10, values=200, figures={"rmse": rmse, "nme": 5.0, "failure_rate": 0.0}, rmse_low=rmse, rmse_high=rmse,
        rmse_by_keypoint=dict.fromkeys(NAMES, rmse), nme_faces=10, error_quantiles={"0.5": rmse},
    )  # fmt: skip
    offsets = dict.fromkeys(NAMES, [rmse, rmse, 0.0, 0.0, 0.0])
    detail = Detail([20 * rmse**2] * 10, [20] * 10, [5.0] * 10, offsets)
    cost = Cost(parameters=1, macs=1, latency_ms=1.0, hardware="here")
    evaluation = Evaluation(
        name=name, benchmark="drawn", fingerprint="f", accuracy=accuracy, detail=detail, cost=cost,
        weights=[weights(name)], model="fcnn", mirror=False, data=DATA, held_out=True, robustness={},
    )  # fmt: skip
    return dataclasses.replace(evaluation, **change)


# A change to a genuine entry -> why it then has no rank.
UNRANKED = {
    "another's weights": ("weights", ["0" * 64], r"its checkpoint \(000000000000\) is not in the folder"),
    "a member that is missing": (
        "weights",
        [weights("x"), "1" * 64],
        r"its checkpoint \(111111111111\) is not in the folder",
    ),
    "other faces": ("fingerprint", "g", r"measured on other test data \(g, not f\)"),
    "some of the faces": ("accuracy.faces", 9, "measured on 200 of 200 coordinates"),
    "some of the labels": ("accuracy.values", 190, "measured on 190 of 200 coordinates"),
    "faces that were not held out": ("held_out", False, "test faces were kept out of training"),
}


def changed(value: dict, field: str, new) -> dict:
    """A copy with another value in `field`, such as accuracy.figures.rmse."""
    first, _, rest = field.partition(".")
    return value | {first: changed(value[first], rest, new) if rest else new}


UNREADABLE = {
    "a string for a number": ("accuracy.figures.rmse", "2", 'accuracy.figures.rmse is "2", expected a valid number'),
    "null for a number": ("accuracy.figures.rmse", None, "figures: rmse is missing or null, expected a number"),
    "a negative number": ("accuracy.figures.rmse", -1, "accuracy.figures: rmse is -1, expected 0 to 96"),
    "a huge number": ("accuracy.figures.rmse", 10**300, "accuracy.figures.rmse is 1000"),
    "an unknown metric": ("accuracy.figures.luck", 1, "'luck' is not a metric, expected one of rmse, nme"),
    "a word for a truth": ("held_out", "no", 'held_out is "no", expected a valid boolean'),
    "a list for an object": ("detail", [], "detail is [], expected an object"),
    "an unknown keypoint": ("accuracy.rmse_by_keypoint", {"rank": 1}, "rmse_by_keypoint.rank"),
    "an unknown field": ("rank", 1, "rank: Unexpected keyword argument"),
    "two lines of a name": ("name", "a\nb", "cannot be a name"),
    "another's name": ("name", "genuine", "holds the entry 'genuine' of 'drawn', whose file is another"),
    "another benchmark": ("benchmark", "kaggle", "of 'kaggle', whose file is another"),
    "no cost": ("cost", None, "cost is null, expected"),
    "a model averaged with itself": ("weights", [weights("bad")] * 2, "bad averages a model with itself"),
    "a Cyrillic letter": ("name", "b\u0430d", r"'b\u0430d' cannot be a name"),
    "an invisible letter": ("name", "bad\u3164", r"'bad\u3164' cannot be a name"),
    "a blank": ("name", "bad ", "'bad ' cannot be a name"),
    "a dot at the end": ("name", "bad.", "'bad.' cannot be a name"),
    "markup for a date": ("date", "<b>2999", "date: Invalid isoformat string: '<b>2999'"),
    "a day that never was": ("date", "2026-02-30", "date: day"),
    "no weights": ("weights", [], "weights: List should have at least 1 item"),
    "one list shorter": ("detail.squares", [80.0] * 9, "its lists by face are of different lengths"),
    "an earlier format": ("format", 4, "format is 4, expected 5"),
    "half a letter": ("model", "\ud800", "is not readable as JSON"),
}
BROKEN = {
    "another object": ('{"x": 1}', "name: Field required"),
    "nothing": ("", "is not readable as JSON"),
    "null": ("null", "is null, expected an object"),
    "NaN": ('{"x": NaN}', "is not readable as JSON"),
    "a nest": ("[" * 100_000, "recursion limit exceeded"),
    "two megabytes": (" " * 2_000_000, "is larger than 1 MB"),
}
