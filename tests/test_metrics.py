import dataclasses
import json
import sys

import numpy as np
import pytest
from commands import run
from conftest import draw_faces
from forged import KNOWN, entry
from huggingface_hub import ModelCard

from fkd.board.entries import find_benchmark, read_entries, write_entry
from fkd.board.ranking import ranking
from fkd.board.record import Evaluation
from fkd.errors import FkdError
from fkd.files import typed
from fkd.hub.card import model_card
from fkd.hub.claims import _claims
from fkd.keypoints import NAMES
from fkd.metrics import METRICS, FaceErrors, Metric, accuracy, detail
from fkd.page.leaderboard import questions
from fkd.photo.detectors.checkpoint import CheckpointDetector


def test_rmse_is_one_division_over_all_labelled_coordinates(faces):
    faces.points[:, 5] = np.nan
    predicted = np.nan_to_num(faces.points, nan=1e6)
    predicted[0, 0] += (3, 4)
    result = accuracy(predicted, faces.points)
    count = np.isfinite(faces.points).sum()
    assert result.values == count and result.faces == 60
    assert result.rmse == pytest.approx(np.sqrt(25 / count))
    assert result.rmse_by_keypoint[NAMES[5]] is detail(predicted, faces.points).offsets[NAMES[5]] is None
    assert result.rmse_by_keypoint["left_eye_center"] == pytest.approx(np.sqrt(25 / 120))
    assert result.rmse_by_keypoint["right_eye_center"] == 0
    assert result.rmse_low <= result.rmse <= result.rmse_high


def test_nme_is_percent_of_the_distance_between_the_eyes():
    points = np.full((2, 15, 2), np.nan, np.float32)
    points[:, 0], points[:, 1] = (70, 40), (30, 40)
    predicted = np.nan_to_num(points)
    predicted[0, 0] += (0, 4)
    predicted[1, 1] -= (20, 0)
    result = accuracy(predicted, points)
    assert result.figures["nme"] == pytest.approx((5 + 25) / 2)
    assert result.figures["failure_rate"] == 50 and result.nme_faces == 2
    assert result.error_quantiles["0.5"] == pytest.approx(2)


def test_the_detail_adds_up_to_the_accuracy(faces):
    rng = np.random.default_rng(0)
    predicted = np.nan_to_num(faces.points) + rng.normal((1, 0), (1, 2), faces.points.shape)
    whole, each = accuracy(predicted, faces.points), detail(predicted, faces.points)
    assert np.sqrt(sum(each.squares) / sum(each.values)) == pytest.approx(whole.rmse, abs=1e-3)
    assert np.mean(each.nme) == pytest.approx(whole.figures["nme"], abs=1e-2)
    mean_x, mean_y, xx, xy, yy = each.offsets["nose_tip"]
    assert (mean_x, mean_y) == pytest.approx((1, 0), abs=0.6)
    assert xx == pytest.approx(1, abs=0.5) and yy == pytest.approx(4, abs=2) and abs(xy) < 1


def test_faces_without_labels_and_broken_predictions_are_refused(faces):
    with pytest.raises(FkdError, match="none of the faces has a label"):
        accuracy(np.zeros((2, 15, 2)), np.full((2, 15, 2), np.nan))
    with pytest.raises(FkdError, match="not finite"):
        accuracy(np.full(faces.points.shape, np.nan), faces.points)


def test_the_interval_covers_the_noise_of_the_sample():
    rng = np.random.default_rng(0)
    points = draw_faces(200, four_point_share=0).points
    result = accuracy(points + rng.normal(0, 2, points.shape), points)
    assert result.rmse_low < 2 < result.rmse_high and result.rmse_high - result.rmse_low < 0.3


def median(errors: FaceErrors) -> float | None:
    return float(np.nanmedian(errors.nme))


MEDIAN = Metric("median_nme", "median error", "%", 1000, "median over faces of the mean point error", median)


def test_a_fourth_metric_is_one_more_item_of_the_list(monkeypatch, tmp_path, evaluated):
    for name, module in list(sys.modules.items()):  # as if it was in the list that they import
        if name.startswith("fkd.") and getattr(module, "METRICS", None) is METRICS:
            monkeypatch.setattr(module, "METRICS", (*METRICS, MEDIAN))
    points = draw_faces(40).points
    predicted = np.nan_to_num(points) + np.random.default_rng(1).normal(0.5, 2, points.shape)
    evaluation = entry("net", 2.0, accuracy=accuracy(predicted, points), detail=detail(predicted, points))
    value = evaluation.accuracy.figures["median_nme"]
    assert value == pytest.approx(np.median([x for x in evaluation.detail.nme if x is not None]), abs=1e-3)
    write_entry(tmp_path, evaluation, "drawn faces")
    older = json.loads(json.dumps(dataclasses.asdict(evaluation))) | {"name": "older"}
    del older["accuracy"]["figures"]["median_nme"]
    write_entry(tmp_path, typed(older, Evaluation, "older"), "drawn faces")
    benchmark = find_benchmark(tmp_path, "drawn")
    rows = ranking(benchmark, read_entries(tmp_path, benchmark), KNOWN)
    assert [(row.status, row.record()["median_nme"]) for row in rows] == [("verified", value), ("verified", None)]
    assert f"{value:.3f}" in run("leaderboard", "--leaderboard", tmp_path) and MEDIAN.shown(None) == "-"
    assert "**median error, %**" in questions()
    card = model_card(CheckpointDetector.read(evaluated), evaluation)
    assert f"| median error: {MEDIAN.about} | {value:.2f}% |" in card
    assert ModelCard(card).data.eval_results[-1].metric_type == "median_nme"
    data = {
        "type": "drawn",
        "name": "drawn",
        "revision": "f",
        "args": {"faces": benchmark.faces, "values": benchmark.values},
    }
    figures = [{"type": "rmse", "value": 1.0}, {"type": "median_nme", "value": 2.0}]
    result = {"task": {"type": "keypoint-detection"}, "dataset": data, "metrics": figures}
    model = {"id": "ada/net", "model-index": [{"name": "net", "results": [result]}]}
    (claim,) = _claims(model, [benchmark])
    assert claim.figures == {"rmse": 1.0, "median_nme": 2.0}
