import pandas as pd

from fkd.keypoints import NAMES
from fkd.plots import keypoint_errors, training_curves

COLOURS = {"a": "#ff0000", "b": "#00ff00"}


def test_each_model_has_its_curves_in_its_colour():
    history = pd.DataFrame({"epoch": [1, 2], "train_rmse": [3.0, 2.0], "validation_rmse": [2.5, 2.0]})
    figure = training_curves({"a": history, "b": history}, COLOURS)
    assert [trace.name for trace in figure.data] == ["a", "a, training", "b", "b, training"]
    assert figure.data[0].line.color == "#ff0000" and list(figure.data[0].y) == [2.5, 2.0]


def test_each_keypoint_has_a_bar_a_model():
    table = pd.DataFrame([{"model": name, **dict.fromkeys(NAMES, error)} for name, error in (("a", 1.0), ("b", 2.0))])
    figure = keypoint_errors(table, COLOURS)
    assert [len(trace.x) for trace in figure.data] == [15, 15]
    assert figure.data[1].marker.color == "#00ff00"
