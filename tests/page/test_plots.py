import dataclasses

import numpy as np
import pytest
from forged import entry

from fkd.board.record import Cost
from fkd.keypoints import MEAN_FACE
from fkd.metrics import detail
from fkd.page.plots import error_face, trade_off


def test_the_pareto_front_has_the_models_that_no_cheaper_one_beats():
    models = zip("abcd", [1, 2, 3, 4], [3.0, 2.0, 2.5, 1.0], strict=True)
    entries = [entry(name, rmse, cost=Cost(1, 1, float(ms), "here")) for name, ms, rmse in models]
    front = trade_off(entries, dict.fromkeys("abcd", "red")).data[-1]
    assert front.name == "Pareto front" and list(front.x) == [1, 2, 4]


def test_half_of_the_errors_lie_in_the_ellipse():
    errors = np.random.default_rng(0).normal((1, 0), (1, 3), (4000, 2))
    points = np.tile(np.array(MEAN_FACE), (4000, 1, 1))
    predicted = points.copy()
    predicted[:, 0] += errors
    measured = dataclasses.replace(entry("a", 1.0), detail=detail(predicted, points))
    figure = error_face([measured], {"a": "#ff0000"})
    drawn = np.array(list(zip(figure.data[-1].x, figure.data[-1].y, strict=True))[:40], float)
    away = (predicted[:, 0] - drawn.mean(0)) / (np.ptp(drawn, 0) / 2)
    assert ((away**2).sum(1) < 1).mean() == pytest.approx(0.5, abs=0.05)
