import numpy as np

from fkd.keypoints import MIRROR
from fkd.learn.inference import predict_points
from fkd.learn.models import ModelConfig, build_model


def test_mirror_averaging_is_symmetrical(faces):
    model, images = build_model(ModelConfig("fcnn")).eval(), faces.images[:5]
    straight = predict_points(model, images, mirror=True)
    mirrored = predict_points(model, images[:, :, ::-1].copy(), mirror=True)[:, list(MIRROR)]
    mirrored[..., 0] = 95 - mirrored[..., 0]
    assert np.allclose(straight, mirrored, atol=1e-3)
