"""Entries that lie or cannot be read: what is changed in a good one -> what is said."""

import copy
import dataclasses
import hashlib

import numpy as np

from fkd.board.floor import Floor, by_keypoint, shared_error
from fkd.board.record import Cost, Evaluation
from fkd.board.verified import Known
from fkd.data.record import DataRecord, Fingerprints
from fkd.keypoints import NAMES
from fkd.metrics import Accuracy, Detail

DATA = DataRecord("drawn", fingerprints=Fingerprints("d", "e", "f"))
WEIGHTS = hashlib.sha256(b"weights").hexdigest()
KNOWN = {WEIGHTS: Known("fcnn", DATA)}


def entry(name: str, rmse: float, **change) -> Evaluation:
    accuracy = Accuracy(
        faces=10, values=200, figures={"rmse": rmse, "nme": 5.0, "failure_rate": 0.0}, rmse_low=rmse, rmse_high=rmse,
        rmse_by_keypoint=dict.fromkeys(NAMES, rmse), nme_faces=10, error_quantiles={"0.5": rmse},
    )  # fmt: skip
    offsets = dict.fromkeys(NAMES, [rmse, rmse, 0.0, 0.0, 0.0])
    detail = Detail([20 * rmse**2] * 10, [20] * 10, [5.0] * 10, offsets, [], [])
    cost = Cost(parameters=1, macs=1, latency_ms=1.0, hardware="here")
    evaluation = Evaluation(
        name=name, benchmark="drawn", fingerprint="f", accuracy=accuracy, detail=detail, cost=cost, checkpoint=WEIGHTS,
        model="fcnn", members=1, mirror=False, data=DATA, held_out=True, robustness={}, weights=[WEIGHTS],
    )  # fmt: skip
    return dataclasses.replace(evaluation, **change)


def made_up(shared: float = 1.0, **change) -> Floor:
    """A noise floor of the benchmark of `entry`."""
    errors = np.full((4, 15, 2), shared)
    floor = Floor(
        benchmark="drawn", fingerprint="f", networks=["resnet18", "resnet14t"], faces=[3, 3], epochs=60,
        overall=shared_error(errors, errors, np.arange(4)), fifteen_point=None, four_point=None,
        by_keypoint=by_keypoint(errors, errors, np.arange(4)),
    )  # fmt: skip
    return dataclasses.replace(floor, **change)


# What is changed in a genuine entry -> what its row says.
FORGED = {
    "a better rmse": ("accuracy.figures.rmse", 0.5, r"its rmse is 0.5, but its errors by face give 2"),
    "a better interval": ("accuracy.rmse_low", 1.0, r"its interval is 1 to 2, but its sums by face give 2 to 2"),
    "a better nme": ("accuracy.figures.nme", 1.0, r"its nme is 1, but its errors by face give 5"),
    "fewer failures": ("detail.nme", [50.0] * 10, r"its nme is 5, but its errors by face give 50"),
    "no failures": ("accuracy.figures.failure_rate", 40.0, r"its failure_rate is 40"),
    "no nme": ("accuracy.figures.nme", None, "it has one of nme and errors by face that give it without the other"),
    "more faces": ("accuracy.faces", 11, "it counts 11 faces and 200 values, its lists have 10 and 200"),
    "one list shorter": ("detail.squares", [80.0] * 9, "lists by face are of different lengths"),
    "no lists": ("detail.squares", [], "lists by face are of different lengths"),
    "a better keypoint": ("accuracy.rmse_by_keypoint.nose_tip", 0.1, "its rmse of nose_tip is 0.1, but its off"),
    "a keypoint less": ("accuracy.rmse_by_keypoint.nose_tip", None, "one of nose_tip's rmse and offsets"),
    "a better median": ("accuracy.error_quantiles", {"0.5": 9.0}, "error_quantiles have 9 px at 0.5, more than"),
    "falling quantiles": ("accuracy.error_quantiles", {"0.5": 2.0, "0.9": 1.0}, "its error_quantiles do not rise"),
    "another worst face": ("detail.worst", [[[9.0, 9.0]] * 15], "number 1 of its worst faces is not one of its sums"),
    "a better robustness": ("robustness", {"blur": [0.5]}, "its robustness begins with 0.5 px for blur"),
    "no checkpoint": ("checkpoint", "", "checkpoint is not the 1 of which it gives the hashes"),
    "another checkpoint": ("checkpoint", "0" * 64, "checkpoint is not the 1 of which it gives the hashes"),
    "another's weights": ("weights", ["0" * 64], "checkpoint is not the 1 of which it gives the hashes"),
    "more members": ("members", 2, "checkpoint is not the 2 of which it gives the hashes"),
    "trained on the test": ("data.fingerprints.train", "f", "its record of the training data does not show it"),
    "trained on who knows": ("data.fingerprints", {}, "its record of the training data does not show it"),
    "trained on other data": ("data.name", "more", "its checkpoint: that has another record of its training"),
    "another network": ("model", "resnet18", "it contradicts its checkpoint: that is not of resnet18"),
}  # fmt: skip


def changed(value: dict, field: str, new) -> dict:
    value = copy.deepcopy(value)
    *within, last = field.split(".")
    place = value
    for name in within:
        place = place[name]
    place[last] = new
    return value


UNREADABLE = {
    "a string for a number": ("accuracy.figures.rmse", "2", 'accuracy.figures.rmse is "2", expected a number'),
    "null for a number": ("accuracy.figures.rmse", None, "figures: rmse is missing or null, expected a number"),
    "a negative number": ("accuracy.figures.rmse", -1, "accuracy.figures: rmse is -1, expected 0 to 96"),
    "a huge number": ("accuracy.figures.rmse", 10**300, "is too large a number"),
    "more than all": ("accuracy.figures.failure_rate", 101, "failure_rate is 101, expected 0 to 100"),
    "a metric of its own": ("accuracy.figures.luck", 1, "'luck' is not a metric, expected one of rmse, nme"),
    "a figure too many": ("accuracy.nme", 1, "accuracy has the unknown nme"),
    "a word for a truth": ("held_out", "no", 'held_out is "no", expected true or false'),
    "a list for an object": ("detail", [], "detail is [], expected an object"),
    "a keypoint of its own": ("accuracy.rmse_by_keypoint", {"rank": 1}, "rmse_by_keypoint.rank"),
    "no name": ("name", "", 'name is "", expected 1 characters or more'),
    "two lines of a name": ("name", "a\nb", "name is"),
    "another's name": ("name", "genuine", "has the name 'genuine', whose file is genuine.json"),
    "another benchmark": ("benchmark", "kaggle", "is an entry of 'kaggle', not of 'drawn'"),
    "a field of its own": ("rank", 1, "has the unknown rank"),
    "a later format": ("format", 9, "format is 9, expected 4"),
    "half a letter": ("model", "\ud800", "has text that is not Unicode"),
}  # fmt: skip
BROKEN = {
    "another object": ('{"x": 1}', "lacks name"),
    "nothing": ("", "is not readable as JSON"),
    "half": ('{"name": "a"', "is not readable as JSON"),
    "null": ("null", "is null, expected an object"),
    "a list": ("[]", "is [], expected an object"),
    "NaN": ('{"x": NaN}', "NaN is no number"),
    "infinity": ('{"x": -Infinity}', "-Infinity is no number"),
    "1e999": ('{"x": 1e999}', "1e999 is too large a number"),
    "a name twice": ('{"name": "a", "name": "b"}', "'name' is there twice"),
    "a nest": ("[" * 100_000, "more than 20 levels of brackets"),
    "a small nest": ('{"x": ' * 30 + "1" + "}" * 30, "more than 20 levels of brackets"),
    "two megabytes": (" " * 2_000_000, "has more than the 1,000,000 bytes"),
    "no text": ("\ud800", "is not readable as JSON"),
}
