import pytest
import timm
import torch

from fkd.keypoints import BOTTOM_LIP, NAMES, NOSE_TIP
from fkd.learn.config import HEAD_ABOUT, MODELS
from fkd.learn.heads import HEADS, HeatmapHead
from fkd.learn.models import KeypointModel, ModelConfig, build_model


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig("fcnn", 1),
        ModelConfig("fcnn", 2),
        ModelConfig("resnet18", 1),
        ModelConfig("resnet18d", 2, "regression"),
        ModelConfig("resnet50", 2, "regression", stem_stride=2),
        ModelConfig("resnet10t", 2, "heatmap", stem_stride=2),
    ],
    ids=str,
)
def test_models_answer_15_points_in_the_frame(config):
    model = build_model(config).eval()
    with torch.inference_mode():
        points = model.points(torch.rand(2, 1, 96, 96))
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
    for wrong, message in (
        ({"conventions": 3}, "conventions is 3, expected 1 or 2"),
        ({"head": "simcc"}, "head is 'simcc', expected 'regression' or 'heatmap'"),
        ({"stem_stride": 1}, "stem_stride is 1, expected 4 or 2"),
    ):
        with pytest.raises(ValueError, match=message):
            ModelConfig("resnet18", **wrong)
    with pytest.raises(ValueError, match="fcnn has no feature maps"):
        ModelConfig("fcnn", head="heatmap")


def test_half_the_stem_stride_is_twice_the_map_of_every_stage():
    for stride, sizes in ((4, [48, 24, 12, 6, 3]), (2, [48, 48, 24, 12, 6])):
        model = build_model(ModelConfig("resnet18", stem_stride=stride))
        image = torch.rand(2, 1, 96, 96)
        assert [part.shape[-1] for part in model.body(image)] == sizes
        assert model(image).shape == (2, 17, 48, 48)


def test_light_does_not_change_the_answer():
    model = build_model(ModelConfig("resnet18")).eval()
    face = torch.rand(1, 1, 96, 96)
    with torch.inference_mode():
        assert torch.allclose(model.points(face), model.points(face * 0.5 + 0.2), atol=1e-3)


def test_each_convention_has_its_own_nose_and_lip():
    points = torch.rand(3, 15, 2) * 95
    four_point = torch.tensor([False, True, True])
    target = build_model(ModelConfig("fcnn", 2)).targets(points, four_point)
    assert target.shape == (3, 17, 2)
    assert torch.isnan(target[0, 15:]).all() and torch.equal(target[0, :15], points[0])
    assert torch.isnan(target[1:, [NOSE_TIP, BOTTOM_LIP]]).all()
    assert torch.equal(target[1:, 15:], points[1:, [NOSE_TIP, BOTTOM_LIP]])
    assert torch.equal(build_model(ModelConfig("fcnn", 1)).targets(points, four_point), points)

    model = build_model(ModelConfig("fcnn", 2)).eval()
    images = torch.rand(3, 1, 96, 96)
    with torch.inference_mode():
        default, asked = model.points(images), model.points(images, four_point)
        every = model.head.points(model(images))
    assert torch.equal(default, every[:, :15]) and torch.equal(asked[0], default[0])
    assert torch.equal(asked[1:, [NOSE_TIP, BOTTOM_LIP]], every[1:, 15:])
    others = [i for i in range(len(NAMES)) if i not in (NOSE_TIP, BOTTOM_LIP)]
    assert torch.equal(asked[:, others], default[:, others])


def test_answers_lie_where_the_labels_do_mirrored_or_not():
    model = build_model(ModelConfig("fcnn", 2)).eval()
    images, four_point = torch.rand(3, 1, 96, 96), torch.tensor([False, True, True])
    for mirror in (False, True):
        model.label_offset.zero_()
        with torch.inference_mode():
            before, before_all = model.labels(images, four_point, mirror), model.labels(images, mirror=mirror)
            assert torch.equal(before, model.points(images, four_point, mirror))
            model.label_offset += torch.tensor([0.5, 1.0])
            assert torch.equal(before, model.points(images, four_point, mirror)), "the points themselves stay"
            moved = model.labels(images, four_point, mirror) - before
            moved_all = model.labels(images, mirror=mirror) - before_all
        for face, offset in enumerate((0.5, 1.0, 1.0)):
            assert torch.allclose(moved[face], torch.tensor([offset, 0.0]), atol=1e-4)
        assert torch.allclose(moved_all, torch.tensor([0.5, 0.0]), atol=1e-4)
        assert torch.allclose(model.targets(before + moved, four_point)[:, :2], before[:, :2], atol=1e-4)


def test_the_names_are_those_of_timms_residual_networks():
    """The list is ours, so that a config.json is read without timm."""
    assert set(MODELS) == {"fcnn", *timm.list_models(module="resnet")}
    assert HEADS.keys() == HEAD_ABOUT.keys()


def test_conventions_and_head_are_what_is_best_if_not_given():
    for name, conventions, head in (("fcnn", 1, "regression"), ("resnet18", 2, "heatmap")):
        assert ModelConfig(name) == ModelConfig(name, conventions, head)


def test_a_head_is_taken_from_the_table_alone(monkeypatch):
    class Nowhere(HeatmapHead):
        def points(self, output):
            return super().points(output) * torch.nan

    monkeypatch.setitem(HEADS, "nowhere", Nowhere)
    monkeypatch.setitem(HEAD_ABOUT, "nowhere", "and none")
    image = torch.rand(1, 1, 96, 96)
    assert build_model(ModelConfig("resnet18", head="nowhere")).points(image).isnan().all()
    assert KeypointModel(ModelConfig("resnet18"), Nowhere).points(image).isnan().all()
    with pytest.raises(ValueError, match="fcnn has no feature maps"):
        ModelConfig("fcnn", head="nowhere")


def test_only_heatmaps_say_how_sure_they_are():
    images = torch.rand(2, 1, 96, 96)
    for config, spreads in ((ModelConfig("fcnn"), False), (ModelConfig("resnet18"), True)):
        model = build_model(config).eval()
        output = model(images)
        spread, heatmaps = model.head.spread(output), model.head.heatmaps(output)
        assert (spread is not None and spread.shape == (2, 17)) == spreads
        assert (heatmaps is not None and heatmaps.shape[:2] == (2, 17)) == spreads
