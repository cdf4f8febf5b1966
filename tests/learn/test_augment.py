import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fkd.errors import FkdError
from fkd.keypoints import NAMES
from fkd.learn.augment import augment, blur, cover, form, mirror, relight, similarity, warp
from fkd.learn.config import GEOMETRY, AugmentConfig


def blobs(points: torch.Tensor) -> torch.Tensor:
    """Images [B, 1, 96, 96] with one Gaussian blob at points [B, 2] px."""
    grid = torch.arange(96.0)
    x = torch.exp(-((grid[None] - points[:, :1]) ** 2) / 18)
    y = torch.exp(-((grid[None] - points[:, 1:]) ** 2) / 18)
    return (y[:, :, None] * x[:, None, :])[:, None]


def centroids(images: torch.Tensor) -> torch.Tensor:
    """The centroids of blobs in images [B, 1, 96, 96]: [B, 2] px."""
    weights = images[:, 0] / images.sum((1, 2, 3))[:, None, None]
    grid = torch.arange(96.0)
    return torch.stack([(weights.sum(1) * grid).sum(1), (weights.sum(2) * grid).sum(1)], 1)


def as_points(places: torch.Tensor) -> torch.Tensor:
    """One labelled point a face, the nose tip, which a mirror leaves its name: [B, 2] -> [B, 15, 2]."""
    points = torch.full((len(places), 15, 2), torch.nan)
    points[:, NAMES.index("nose_tip")] = places
    return points


def matrix(angle: float, scale: float, dx: float, dy: float, count: int) -> torch.Tensor:
    return similarity(
        torch.full((count,), math.radians(angle)),
        torch.full((count,), float(scale)),
        torch.tensor([[float(dx), float(dy)]]).expand(count, 2),
    )


PLACES = torch.tensor([[57.5, 47.5], [40.2, 55.7], [58.0, 37.0], [36.0, 44.0]])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((90, 1, 0, 0), (47.5, 57.5)),
        ((-40, 1, 0, 0), (55.1604, 41.0721)),
        ((0, 0.8, 0, 0), (55.5, 47.5)),
        ((0, 1.2, 0, 0), (59.5, 47.5)),
        ((0, 1, 5.3, -3.7), (62.8, 43.8)),
        ((15, 1.1, 4, 2), (62.1252, 52.3470)),
    ],
)
def test_image_and_points_move_together(change, expected):
    images, points = warp(blobs(PLACES), as_points(PLACES), matrix(*change, len(PLACES)))
    assert torch.allclose(points[0, 10], torch.tensor(expected), atol=1e-4)
    assert torch.allclose(centroids(images), points[:, 10], atol=0.05)


def test_stretch_and_shear_are_what_they_say():
    points = as_points(torch.tensor([[57.5, 47.5], [47.5, 57.5], [47.5, 57.5], [57.5, 47.5]]))
    stretch, shear = torch.tensor([1.44, 1.44, 1.0, 1.44]), torch.tensor([0.0, 0.0, 0.1, 0.0])
    angle, shift = torch.zeros(4), torch.zeros(4, 2)
    angle[3], shift[3, 0] = math.pi / 2, 3  # stretched, then turned and shifted
    deformed = similarity(angle, torch.ones(4), shift, form(stretch, shear))
    moved = warp(blobs(points[:, 10]), points, deformed)[1][:, 10]
    expected = torch.tensor([[59.5, 47.5], [47.5, 47.5 + 10 / 1.2], [48.5, 57.5], [50.5, 59.5]])
    assert torch.allclose(moved, expected, atol=1e-4)


def test_a_bend_moves_image_and_points_together_each_place_its_own_way():
    """The images are ramps: their value at a moved point is its place before."""
    places = (torch.rand(2, 2, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1) * 3
    places[1] = places[0]
    at = torch.arange(96.0) / 95
    ramps = torch.stack([at.expand(96, 96), at[:, None].expand(96, 96)])[:, None]  # across, down
    points = torch.full((2, 15, 2), torch.nan)
    points[:, :4] = PLACES
    images, moved = warp(ramps, points, matrix(15, 1.1, 4, 2, 2), places)
    found = F.grid_sample(images, moved[:, None, :4] / 47.5 - 1, align_corners=True)[:, 0, 0] * 95  # [2, 4]
    assert torch.allclose(found, PLACES.T, atol=0.06)  # bicubic samples of a ramp are not exact
    unbent = warp(ramps, points, matrix(15, 1.1, 4, 2, 2))[1]
    by = (moved - unbent)[0, :4]
    assert by.norm(dim=1).max() > 0.5 and by.std(0).min() > 0.3


def test_mirror_sends_20_to_75_and_swaps_sides():
    points = torch.full((2, 15, 2), torch.nan)
    points[:, NAMES.index("left_eye_center")] = torch.tensor([20.0, 30.0])
    images, mirrored = mirror(blobs(points[:, 0]), points, torch.tensor([True, False]))
    assert mirrored[0, NAMES.index("right_eye_center")].tolist() == [75.0, 30.0]
    assert torch.isfinite(mirrored[0]).sum() == 2 and torch.equal(mirrored[1].nan_to_num(), points[1].nan_to_num())
    assert torch.allclose(centroids(images), torch.tensor([[75.0, 30.0], [20.0, 30.0]]), atol=0.01)


@given(seed=st.integers(0, 1000), strength=st.floats(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_missing_point_stays_missing(seed, strength):
    config = AugmentConfig().scaled(strength)
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(6, 1, 96, 96, generator=generator)
    points = torch.rand(6, 15, 2, generator=generator) * 95
    points[torch.rand(6, 15, generator=generator) < 0.5] = torch.nan
    moved, result = augment(images, points, config, generator)
    assert moved.shape == images.shape and moved.min() >= 0 and moved.max() <= 1
    assert torch.equal(torch.isnan(result[..., 0]), torch.isnan(result[..., 1]))
    # A mirror renames points, so only their count can be compared.
    before, after = torch.isnan(points).sum((1, 2)), torch.isnan(result).sum((1, 2))
    assert (after >= before).all()
    inside = result[torch.isfinite(result)]
    assert (inside >= -0.5).all() and (inside <= 95.5).all()


def test_light_leaves_the_points_and_does_what_it_says():
    images = 0.25 + 0.5 * torch.rand(2, 1, 96, 96)
    lit = relight(images, torch.tensor([0.1, -0.1]), torch.tensor([1.0, 0.5]))
    assert torch.allclose(lit.mean((1, 2, 3)), images.mean((1, 2, 3)) + torch.tensor([0.1, -0.1]), atol=1e-5)
    assert torch.allclose(lit.std((1, 2, 3)), images.std((1, 2, 3)) * torch.tensor([1.0, 0.5]), atol=1e-5)
    points = torch.rand(2, 15, 2) * 95
    still = AugmentConfig(mirror=False, wide=0, **dict.fromkeys(GEOMETRY, 0.0))
    assert torch.allclose(augment(images, points, still, torch.Generator().manual_seed(0))[1], points, atol=1e-4)


def test_blur_softens_and_cover_hides_a_square():
    images = torch.rand(2, 1, 96, 96)
    soft = blur(images, torch.tensor([0.0, 1.0]))
    assert torch.equal(soft[0], images[0]) and soft[1].std() < 0.4 * images[1].std()
    assert soft[1].mean().item() == pytest.approx(images[1].mean().item(), abs=0.01)
    centres = torch.tensor([[20.0, 70.0], [90.0, 50.0]])
    hidden = cover(images, centres, torch.tensor([10.0, 0.0]), torch.tensor([0.5, 1]))
    assert (hidden[0, 0, 65:76, 15:26] == 0.5).all() and (hidden[0] != images[0]).sum() == 11 * 11
    assert (hidden[1] != images[1]).sum() <= 1


def test_the_ranges_narrow_evenly_to_their_last_part():
    config = AugmentConfig(rotation=40, cover=20, last=0.2).scaled(0.5)
    turned = [config.at(epoch, 5).rotation for epoch in range(1, 6)]
    assert turned == pytest.approx([20, 16, 12, 8, 4])
    assert config.at(5, 5).cover == 10, "a range that moves no point stays"
    assert AugmentConfig(last=1).at(9, 9) == AugmentConfig(last=1)


@pytest.mark.parametrize("strength", [-1, 10.5, float("nan"), float("inf")])
def test_a_strength_that_leaves_no_face_is_refused(strength):
    with pytest.raises(FkdError, match="strength of augmentation is .*, expected 0 to 10"):
        AugmentConfig().scaled(strength)
    with pytest.raises(FkdError, match="settings: scale is .*, expected"):
        AugmentConfig(scale=strength)


def test_some_faces_are_badly_framed():
    config = dataclasses.replace(AugmentConfig(mirror=False).scaled(0), wide=0.25, wide_scale=0.45, wide_shift=24)
    points = torch.tensor([[[30.0, 40.0], [66.0, 40.0]]]).repeat(400, 1, 1)
    points = torch.cat([points, torch.full((400, 13, 2), torch.nan)], 1)
    _, moved = augment(torch.zeros(400, 1, 96, 96), points, config, torch.Generator().manual_seed(0))
    apart = (moved[:, 1] - moved[:, 0]).norm(dim=1)
    assert (apart == 36).float().mean() == pytest.approx(0.75, abs=0.06)
    assert apart[~apart.isnan()].min() < 26 and apart[~apart.isnan()].max() > 50, "1.57 times smaller and larger"
