import numpy as np
import pytest

from fkd.keypoints import MIRROR
from fkd.learn.inference import predict_points
from fkd.learn.models import ModelConfig, build_model
from fkd.metrics import accuracy


@pytest.mark.slow
def test_the_metric_does_not_depend_on_batch_size(faces):
    model = build_model(ModelConfig("resnet18")).eval()
    four_point = faces.four_point
    results = [
        accuracy(predict_points([model], faces.images, four_point, batch_size=size), faces.points)
        for size in (1, 7, 60)
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
