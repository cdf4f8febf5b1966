import pytest
import torch

from fkd.keypoints import BOTTOM_LIP, NAMES, NOSE_TIP
from fkd.models import ModelConfig, build_model, targets


@pytest.mark.parametrize("name", ["fcnn", "resnet18", "resnet50", "resnet18d"])
@pytest.mark.parametrize("conventions", [1, 2])
def test_models_answer_15_points_in_the_frame(name, conventions):
    model = build_model(ModelConfig(name, conventions)).eval()
    with torch.inference_mode():
        points = model(torch.rand(2, 1, 96, 96))
    assert points.shape == (2, 15, 2) and points.dtype == torch.float32
    assert (points - 47.5).abs().max() < 20, "an untrained model answers near the middle"


def test_the_baseline_is_9216_500_30():
    model = build_model(ModelConfig("fcnn", 1))
    assert sum(p.numel() for p in model.parameters()) == 9216 * 500 + 500 + 500 * 30 + 30


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(ValueError, match="did you mean .*resnet50"):
        ModelConfig("resnet_50")
    with pytest.raises(ValueError, match="unknown model"):
        ModelConfig("vit_base_patch16_224")
    with pytest.raises(ValueError, match="expected 1 or 2"):
        ModelConfig("fcnn", 3)


def test_light_does_not_change_the_answer():
    model = build_model(ModelConfig("resnet18")).eval()
    face = torch.rand(1, 1, 96, 96)
    with torch.inference_mode():
        assert torch.allclose(model(face), model(face * 0.5 + 0.2), atol=1e-3)


def test_each_convention_has_its_own_nose_and_lip():
    points = torch.rand(3, 15, 2) * 95
    sparse = torch.tensor([False, True, True])
    target = targets(points, sparse, ModelConfig("fcnn", 2))
    assert target.shape == (3, 17, 2)
    assert torch.isnan(target[0, 15:]).all() and torch.equal(target[0, :15], points[0])
    assert torch.isnan(target[1:, [NOSE_TIP, BOTTOM_LIP]]).all()
    assert torch.equal(target[1:, 15:], points[1:, [NOSE_TIP, BOTTOM_LIP]])
    assert torch.equal(targets(points, sparse, ModelConfig("fcnn", 1)), points)

    model = build_model(ModelConfig("fcnn", 2)).eval()
    images = torch.rand(3, 1, 96, 96)
    with torch.inference_mode():
        default, asked, every = model(images), model(images, sparse), model.all_points(images)
    assert torch.equal(default, every[:, :15]) and torch.equal(asked[0], default[0])
    assert torch.equal(asked[1:, [NOSE_TIP, BOTTOM_LIP]], every[1:, 15:])
    others = [i for i in range(len(NAMES)) if i not in (NOSE_TIP, BOTTOM_LIP)]
    assert torch.equal(asked[:, others], default[:, others])
