import numpy as np
import pytest
from conftest import draw_faces

from fkd.keypoints import NAMES
from fkd.metrics import accuracy, detail


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


def test_the_interval_covers_the_noise_of_the_sample():
    rng = np.random.default_rng(0)
    points = draw_faces(200, four_point_share=0).points
    result = accuracy(points + rng.normal(0, 2, points.shape), points)
    assert result.rmse_low < 2 < result.rmse_high and result.rmse_high - result.rmse_low < 0.3
