import dataclasses
import json

import numpy as np
import pytest

from fkd.board.cost import cost
from fkd.board.record import Evaluation, from_json
from fkd.learn.models import ModelConfig, build_model
from fkd.metrics import accuracy, detail


def test_an_evaluation_survives_json(faces):
    result = Evaluation(
        name="m", benchmark="b", fingerprint="f", accuracy=accuracy(np.nan_to_num(faces.points), faces.points),
        detail=detail(np.nan_to_num(faces.points) + 1, faces.points),
        cost=cost([build_model(ModelConfig("fcnn"))], repeats=1), checkpoint="0", model="fcnn", members=1, mirror=False,
        data={"name": "drawn"}, held_out=True, robustness={"blur": [1.0, 2.0]},
    )  # fmt: skip
    text = json.dumps(dataclasses.asdict(result), allow_nan=False)
    assert from_json(json.loads(text)) == result
    for spoil, message in (
        ({"extra": 1}, "the evaluation has the unknown extra"),
        ({"accuracy": {"rmse": 1}}, "the evaluation: accuracy lacks faces"),
        ({"cost": None}, "the evaluation: cost is null, expected an object"),
    ):
        with pytest.raises(ValueError, match=message):
            from_json(json.loads(text) | spoil)
