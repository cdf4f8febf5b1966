import numpy as np
import pandas as pd
import pytest
from forged import entry

from fkd.board.record import Cost
from fkd.keypoints import MEAN_FACE
from fkd.metrics import detail
from fkd.page.face_plots import error_face
from fkd.page.figures import figures, plotted_first
from fkd.page.plots import keypoint_errors, trade_off, training_curves

COLOURS = {"a": "#ff0000", "b": "#00ff00"}


def test_each_model_has_its_curves_in_its_colour():
    history = pd.DataFrame({"epoch": [1, 2], "train_rmse": [3.0, 2.0], "validation_rmse": [2.5, 2.0]})
    figure = training_curves({"a": history, "b": history}, COLOURS)
    assert [trace.name for trace in figure.data] == ["a", "a, training", "b", "b, training"]
    assert figure.data[0].line.color == "#ff0000" and list(figure.data[0].y) == [2.5, 2.0]


def test_each_keypoint_has_a_bar_per_model():
    figure = keypoint_errors([entry("a", 1.0), entry("b", 2.0)], COLOURS)
    assert [len(trace.x) for trace in figure.data] == [15, 15]
    assert figure.data[1].marker.color == "#00ff00"


def test_the_pareto_front_holds_what_nothing_cheaper_beats():
    models = zip("abcd", [1, 2, 3, 4], [3.0, 2.0, 2.5, 1.0], strict=True)
    entries = [entry(name, rmse, cost=Cost(1, 1, float(ms), "here")) for name, ms, rmse in models]
    figure = trade_off(entries, dict.fromkeys("abcd", "red"))
    assert figure.data[0].name == "Pareto front" and list(figure.data[0].x) == [1, 2, 4]


def test_submitted_predictions_are_in_every_figure_but_those_of_cost_and_only_if_they_are_chosen():
    theirs = entry("b", 2.0, weights=[], cost=None)
    every = [theirs, entry("a", 3.0)]
    assert plotted_first(every) == ["a"] and plotted_first([theirs]) == ["b"]
    time, cumulative, *_ = figures(every, ["a", "b"])
    assert [trace.name for trace in time.data] == ["Pareto front", "a"]
    assert [trace.name for trace in cumulative.data] == ["b", "a"]


def test_half_of_the_errors_lie_in_the_ellipse():
    errors = np.random.default_rng(0).normal((1, 0), (1, 3), (4000, 2))
    points = np.tile(np.array(MEAN_FACE), (4000, 1, 1))
    predicted = points.copy()
    predicted[:, 0] += errors
    figure = error_face({"a": detail(predicted, points)}, COLOURS)
    drawn = np.array(list(zip(figure.data[-1].x, figure.data[-1].y, strict=True))[:40], float)
    away = (predicted[:, 0] - drawn.mean(0)) / (np.ptp(drawn, 0) / 2)
    assert ((away**2).sum(1) < 1).mean() == pytest.approx(0.5, abs=0.05)
