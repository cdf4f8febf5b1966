import dataclasses
import json

import numpy as np
import pytest
from conftest import detector

from fkd.board.cost import cost
from fkd.board.record import Evaluation, from_json
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.learn.models import ModelConfig
from fkd.metrics import accuracy, detail


def test_an_evaluation_survives_json(faces):
    result = Evaluation(
        name="m", benchmark="b", fingerprint="f", accuracy=accuracy(np.nan_to_num(faces.points), faces.points),
        detail=detail(np.nan_to_num(faces.points) + 1, faces.points),
        cost=cost([detector(ModelConfig("fcnn"))], repeats=1), weights=["0" * 64], model="fcnn", mirror=False,
        data=DataRecord("drawn"), held_out=True, robustness={"blur": [1.0, 2.0]},
    )  # fmt: skip
    text = json.dumps(dataclasses.asdict(result), allow_nan=False)
    assert from_json(json.loads(text)) == result
    for spoil, message in (
        ({"extra": 1}, "the evaluation has the unknown extra"),
        ({"accuracy": {"rmse": 1}}, "the evaluation: accuracy lacks faces"),
        ({"format": 4}, "the evaluation has format 4, expected 5: measure it again"),
        ({"cost": None}, "the evaluation: it has a checkpoint without its cost"),
    ):
        with pytest.raises(FkdError, match=message):
            from_json(json.loads(text) | spoil)
