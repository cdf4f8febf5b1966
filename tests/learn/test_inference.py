import numpy as np
import pytest

from fkd.keypoints import MIRROR
from fkd.learn import inference
from fkd.learn.inference import predict_points
from fkd.learn.models import ModelConfig, build_model
from fkd.metrics import accuracy


@pytest.mark.slow
def test_the_metric_does_not_depend_on_batch_size(faces, monkeypatch):
    model = build_model(ModelConfig("resnet18")).eval()
    results = []
    for size in (1, 7, 60):
        monkeypatch.setattr(inference, "BATCH", size)
        results.append(accuracy(predict_points(model, faces.images, faces.four_point), faces.points))
    assert results[0].rmse == pytest.approx(results[1].rmse, abs=1e-5) == pytest.approx(results[2].rmse, abs=1e-5)


def test_mirror_averaging_is_symmetrical(faces):
    model, images = build_model(ModelConfig("fcnn")).eval(), faces.images[:5]
    straight = predict_points(model, images, mirror=True)
    mirrored = predict_points(model, images[:, :, ::-1].copy(), mirror=True)[:, list(MIRROR)]
    mirrored[..., 0] = 95 - mirrored[..., 0]
    assert np.allclose(straight, mirrored, atol=1e-3)
