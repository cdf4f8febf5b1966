import dataclasses
import json

import numpy as np
import pytest
from conftest import draw_faces

from fkd.data import is_sparse
from fkd.evaluate import Evaluation, accuracy, cost, detail, from_json, predict_points
from fkd.keypoints import MIRROR, NAMES
from fkd.models import ModelConfig, build_model


def test_rmse_is_one_division_over_all_asked_coordinates(faces):
    predicted = faces.points.copy()
    predicted[np.isnan(predicted)] = 1e6
    predicted[0, 0] += (3, 4)
    result = accuracy(predicted, faces.points)
    asked = np.isfinite(faces.points).sum()
    assert result.values == asked and result.faces == 60
    assert result.rmse == pytest.approx(np.sqrt(25 / asked))
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
    assert result.nme == pytest.approx((5 + 25) / 2)
    assert result.failure_rate == 50 and result.nme_faces == 2
    assert result.error_quantiles["0.5"] == pytest.approx(2)


def test_the_detail_adds_up_to_the_accuracy(faces):
    rng = np.random.default_rng(0)
    predicted = np.nan_to_num(faces.points) + rng.normal((1, 0), (1, 2), faces.points.shape)
    whole, each = accuracy(predicted, faces.points), detail(predicted, faces.points)
    assert np.sqrt(sum(each.squares) / sum(each.values)) == pytest.approx(whole.rmse, abs=1e-3)
    assert np.mean(each.nme) == pytest.approx(whole.nme, abs=1e-2)
    mean_x, mean_y, xx, xy, yy = each.offsets["nose_tip"]
    assert (mean_x, mean_y) == pytest.approx((1, 0), abs=0.6)
    assert xx == pytest.approx(1, abs=0.5) and yy == pytest.approx(4, abs=2) and abs(xy) < 1
    errors = [np.array([error for error in case if error]) for case in (*each.best, *each.worst)]
    sizes = [(error**2).sum() for error in errors]
    assert len(sizes) == 6 and max(sizes[:3]) < min(sizes[3:]) and {len(error) for error in errors} == {15}


def test_a_keypoint_nobody_labelled_has_no_error(faces):
    points = faces.points.copy()
    points[:, 5] = np.nan
    result = accuracy(np.nan_to_num(points), points)
    assert result.rmse_by_keypoint[NAMES[5]] is None
    assert detail(np.nan_to_num(points), points).offsets[NAMES[5]] is None


def test_nothing_labelled_and_broken_predictions_are_said(faces):
    with pytest.raises(ValueError, match="none of the faces has a label"):
        accuracy(np.zeros((2, 15, 2)), np.full((2, 15, 2), np.nan))
    with pytest.raises(ValueError, match="not finite"):
        accuracy(np.full(faces.points.shape, np.nan), faces.points)


def test_the_metric_does_not_depend_on_batch_size(faces):
    model = build_model(ModelConfig("resnet18")).eval()
    sparse = is_sparse(faces.points)
    results = [
        accuracy(predict_points([model], faces.images, sparse, batch_size=size), faces.points) for size in (1, 7, 60)
    ]
    assert results[0].rmse == pytest.approx(results[1].rmse, abs=1e-5) == pytest.approx(results[2].rmse, abs=1e-5)


def test_mirror_averaging_is_symmetrical_and_models_are_averaged(faces):
    models = [build_model(ModelConfig("fcnn")).eval() for _ in range(2)]
    images = faces.images[:5]
    straight = predict_points(models, images, mirror=True)
    mirrored = predict_points(models, images[:, :, ::-1].copy(), mirror=True)[:, list(MIRROR)]
    mirrored[..., 0] = 95 - mirrored[..., 0]
    assert np.allclose(straight, mirrored, atol=1e-3)
    single = [predict_points([model], images, mirror=True) for model in models]
    assert np.allclose(straight, np.mean(single, 0), atol=1e-4)


def test_the_interval_covers_the_noise_of_the_sample():
    rng = np.random.default_rng(0)
    points = draw_faces(200, sparse_share=0).points
    result = accuracy(points + rng.normal(0, 2, points.shape), points)
    assert result.rmse_low < 2 < result.rmse_high and result.rmse_high - result.rmse_low < 0.3


def test_cost_counts_the_baseline():
    result = cost([build_model(ModelConfig("fcnn", 1))], repeats=3)
    assert result.macs == 9216 * 500 + 500 * 30
    assert result.parameters == 4_623_530 and result.latency_ms > 0 and "threads" in result.hardware


def test_the_cost_of_an_ensemble_and_of_mirroring_is_that_of_all_its_passes():
    models = [build_model(ModelConfig("fcnn", 1)) for _ in range(3)]
    one, all_of_it = cost(models[:1], repeats=1), cost(models, mirror=True, repeats=1)
    assert all_of_it.macs == 6 * one.macs and all_of_it.parameters == 3 * one.parameters


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
