import dataclasses
import json

import numpy as np
import pytest
from conftest import detector
from forged import entry

from fkd.board.cost import cost
from fkd.board.record import Evaluation, from_json
from fkd.data.record import DataRecord
from fkd.learn.models import ModelConfig
from fkd.metrics import accuracy, detail


def test_an_evaluation_survives_json(faces):
    result = Evaluation(
        name="m", benchmark="b", fingerprint="f", accuracy=accuracy(np.nan_to_num(faces.points), faces.points),
        detail=detail(np.nan_to_num(faces.points) + 1, faces.points),
        cost=cost([detector(ModelConfig("fcnn"))], repeats=1), checkpoint="0", model="fcnn", members=1, mirror=False,
        data=DataRecord("drawn"), held_out=True, robustness={"blur": [1.0, 2.0]},
    )  # fmt: skip
    text = json.dumps(dataclasses.asdict(result), allow_nan=False)
    assert from_json(json.loads(text)) == result
    for spoil, message in (
        ({"extra": 1}, "the evaluation has the unknown extra"),
        ({"accuracy": {"rmse": 1}}, "the evaluation: accuracy lacks faces"),
        ({"cost": None}, "the evaluation: it has a checkpoint without its cost"),
    ):
        with pytest.raises(ValueError, match=message):
            from_json(json.loads(text) | spoil)


def older(value: dict) -> dict:
    """An evaluation's JSON as format 2 had it: its figures beside the rest of its accuracy, none of them aligned."""
    accuracy = {name: part for name, part in value["accuracy"].items() if name != "figures"}
    others = {name: part for name, part in value.items() if name != "aligned"}
    return others | {"accuracy": accuracy | value["accuracy"]["figures"], "format": 2}


def test_older_formats_are_brought_up_to_date():
    now = entry("a", 2.0)
    second = older(json.loads(json.dumps(dataclasses.asdict(now))))
    third = {name: part for name, part in dataclasses.asdict(now).items() if name != "aligned"} | {"format": 3}
    assert from_json(third) == now and now.aligned is None
    first = {name: part for name, part in second.items() if name not in ("format", "weights")}
    assert from_json(second) == now and from_json(first) == now
    ensemble = from_json(first | {"members": 2})
    assert ensemble.weights == [] and ensemble.format == 4
    del second["accuracy"]["nme"]
    assert from_json(second) == now, "computed from its errors by face"
    for spoil, message in (
        ({"rmse": None}, "accuracy.figures: rmse is missing or null"),
        ({"failure_rate": 101}, "accuracy.figures: failure_rate is 101, expected 0 to 100"),
        ({"luck": 1}, "accuracy has the unknown luck"),
        ({"figures": {"rmse": 1.0}}, "accuracy has the unknown"),
    ):
        with pytest.raises(ValueError, match=message):
            from_json(second | {"accuracy": second["accuracy"] | spoil})
    with pytest.raises(ValueError, match="the evaluation: accuracy is 3, expected an object"):
        from_json(second | {"accuracy": 3})
