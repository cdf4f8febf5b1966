import numpy as np
import pytest
import torch
from ablation import predict_points
from conftest import points_of

from fkd.data.conventions import COMPETITION, merge
from fkd.errors import FkdError
from fkd.keypoints import BOTTOM_LIP, NOSE_TIP, unmirror
from fkd.learn import config as config_module
from fkd.learn.heads import HEADS, HeatmapHead
from fkd.learn.models import KeypointModel, ModelConfig, build_model


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig("fcnn"),
        ModelConfig("fcnn", COMPETITION),
        ModelConfig("resnet18", merge(COMPETITION)),
        ModelConfig("resnet18d", head="regression"),
        ModelConfig("resnet50", head="regression"),
        ModelConfig("resnet10t", head="heatmap"),
        ModelConfig("mobilenetv4_conv_small"),
    ],
    ids=str,
)
def test_models_answer_15_points_in_the_frame_and_heatmaps_their_spread(config):
    model = build_model(config).eval()
    images = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        points, spread = points_of(model, images), model.head.spread(model(images)[0])
    assert points.shape == (2, 15, 2) and points.dtype == torch.float32
    assert (points - 47.5).abs().max() < 20, "an untrained model answers near the middle"
    assert spread.shape == (2, config.outputs) if "heatmap" in config.head else spread is None


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("resnet_50", "", "unknown model 'resnet_50': did you mean .*resnet50"),
        ("vit_base_patch16_224", "", "unknown model"),
        ("resnet18", "simcc", "head is 'simcc', expected 'regression' or 'heatmap' or"),
        ("fcnn", "heatmap", "fcnn has no feature maps"),
    ],
)
def test_an_unknown_network_is_refused(name, head, message):
    with pytest.raises(FkdError, match=message):
        build_model(ModelConfig(name, head=head))


def test_light_does_not_change_the_answer():
    model = build_model(ModelConfig("resnet18")).eval()
    face = torch.rand(1, 1, 96, 96)
    with torch.inference_mode():
        assert torch.allclose(points_of(model, face), points_of(model, face * 0.5 + 0.2), atol=1e-3)


def test_each_convention_has_its_own_targets():
    model = build_model(ModelConfig("fcnn", COMPETITION))
    points, convention = torch.rand(3, 15, 2) * 95, torch.tensor([0, 1, 1])
    target = model.targets(points, convention)
    assert target.shape == (3, 17, 2)
    assert torch.isnan(target[0, 15:]).all() and torch.equal(target[0, :15], points[0])
    assert torch.isnan(target[1:, [NOSE_TIP, BOTTOM_LIP]]).all()
    assert torch.equal(target[1:, 15:], points[1:, [NOSE_TIP, BOTTOM_LIP]])
    assert torch.equal(build_model(ModelConfig("fcnn")).targets(points, convention), points)


def test_a_new_head_needs_only_the_table(monkeypatch):
    assert tuple(HEADS) == config_module.HEADS

    class Nowhere(HeatmapHead):
        def points(self, output):
            return super().points(output) * torch.nan

    monkeypatch.setitem(HEADS, "nowhere", Nowhere)
    monkeypatch.setattr(config_module, "HEADS", (*HEADS, "nowhere"))
    image = torch.rand(1, 1, 96, 96)
    assert points_of(build_model(ModelConfig("resnet18", head="nowhere")), image).isnan().all()
    assert points_of(KeypointModel(ModelConfig("resnet18"), Nowhere), image).isnan().all()


def test_mirror_averaging_is_symmetrical(faces):
    model, images = build_model(ModelConfig("fcnn")).eval(), faces.images[:5]
    mirrored = predict_points(model, images[:, :, ::-1].copy(), mirror=True)
    assert np.allclose(predict_points(model, images, mirror=True), unmirror(mirrored), atol=1e-3)
