"""Batched augmentation on the device: (images, points) -> (images, points).

images: float [B, 1, 96, 96] in 0..1. points: float [B, n * 15, 2], n sets, frame pixels, NaN where missing. A point
that is moved out of the frame becomes NaN; a missing point stays missing.
"""

import torch
import torch.nn.functional as F

from fkd.keypoints import FRAME_SIZE, MIRROR
from fkd.learn.config import AugmentConfig

LAST = FRAME_SIZE - 1


def augment(
    images: torch.Tensor, points: torch.Tensor, config: AugmentConfig, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws one random change per image: place and form, mirror, light, blur, cover, noise."""
    count, device = len(images), images.device

    def draw(limit: float) -> torch.Tensor:  # [B], uniform in -limit..limit
        return (torch.rand(count, generator=generator, device=device) * 2 - 1) * limit

    angle, scale = draw(config.rotation).deg2rad(), draw(config.scale)
    shift = torch.stack([draw(config.shift), draw(config.shift)], 1)  # [B, 2] px
    if config.wide:
        badly = torch.rand(count, generator=generator, device=device) < config.wide
        scale = torch.where(badly, draw(config.wide_scale), scale)
        wide_shift = torch.stack([draw(config.wide_shift), draw(config.wide_shift)], 1)
        shift = torch.where(badly[:, None], wide_shift, shift)
    matrix = similarity(angle, scale.exp(), shift, form(draw(config.stretch).exp(), draw(config.shear)))
    bend = None
    if config.bend:
        bend = (torch.rand(count, 2, 4, 4, generator=generator, device=device) * 2 - 1) * config.bend
    images, points = warp(images, points, matrix, bend)
    if config.mirror:
        images, points = mirror(images, points, draw(1.0) > 0)
    images = relight(images, draw(config.brightness), draw(config.contrast).exp())
    if config.blur:
        images = blur(images, draw(config.blur).abs())
    if config.cover:
        centre = LAST / 2 + torch.stack([draw(LAST / 2), draw(LAST / 2)], 1)  # [B, 2] px
        images = cover(images, centre, draw(config.cover).abs(), draw(1.0).abs())
    strength = draw(config.noise).abs()[:, None, None, None]
    images = images + strength * torch.randn(images.shape, generator=generator, device=device)
    return images.clamp(0, 1), points


def mirror(images: torch.Tensor, points: torch.Tensor, which: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirrors the faces of `which` (bool [B]): x becomes 95 - x, and left and right points swap names."""
    partners = [first + each for first in range(0, points.shape[1], len(MIRROR)) for each in MIRROR]
    flipped = points[:, partners] * points.new_tensor([-1, 1]) + points.new_tensor([LAST, 0])
    images = torch.where(which[:, None, None, None], images.flip(-1), images)
    return images, torch.where(which[:, None, None], flipped, points)


def similarity(
    angle: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, form: torch.Tensor | None = None
) -> torch.Tensor:
    """Matrices [B, 2, 3] that apply form [B, 2, 2], turn by angle [B] (radians, clockwise) and scale [B], all about
    the centre of the frame, then shift [B, 2] px.
    """
    cos, sin = scale * angle.cos(), scale * angle.sin()
    linear = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # [B, 2, 2]
    linear = linear if form is None else linear @ form
    centre = torch.full_like(shift, LAST / 2)
    offset = centre + shift - (linear @ centre[..., None])[..., 0]
    return torch.cat([linear, offset[..., None]], 2)


def form(stretch: torch.Tensor, shear: torch.Tensor) -> torch.Tensor:
    """Matrices [B, 2, 2] of a stretch and a shear: with w the root of stretch [B], x becomes w x + shear y and y
    becomes y / w, so that the area stays.
    """
    wide, none = stretch.sqrt(), torch.zeros_like(shear)
    return torch.stack([torch.stack([wide, shear], 1), torch.stack([none, 1 / wide], 1)], 1)


def warp(
    images: torch.Tensor, points: torch.Tensor, matrix: torch.Tensor, bend: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Moves images and points by matrices [B, 2, 3] from old to new frame pixels (bicubic, edges repeated).

    bend: [B, 2, n, n] px, at n x n places over the new frame (bicubic between them): each pixel is taken from
    that far away in the image warped by the matrix alone.
    """
    linear, offset = matrix[:, :, :2], matrix[:, :, 2]
    # grid_sample asks where each new pixel comes from, in -1..1 from the first pixel's centre to the last's.
    back = torch.linalg.inv(linear)
    middle = torch.full_like(offset, LAST / 2)
    source = (back @ (middle - offset)[..., None])[..., 0]  # [B, 2] px: where the middle comes from
    theta = torch.cat([back, ((source - LAST / 2) / (LAST / 2))[..., None]], 2)
    grid = F.affine_grid(theta, list(images.shape), align_corners=True)
    points = points @ linear.transpose(1, 2) + offset[:, None]
    if bend is not None:
        source = (back @ bend.flatten(2)).view_as(bend)  # the same places before the matrix
        grid = grid + over_frame(source).permute(0, 2, 3, 1) / (LAST / 2)
        bend, moved = over_frame(bend), points
        for _ in range(5):  # solves moved + bend(moved) = points: a smooth bend changes little from step to step
            at = (moved / (LAST / 2) - 1).nan_to_num(0)[:, None]
            moved = points - F.grid_sample(bend, at, padding_mode="border", align_corners=True)[:, :, 0].mT
        points = moved
    images = F.grid_sample(images, grid, "bicubic", "border", align_corners=True).clamp(0, 1)
    inside = ((points >= -0.5) & (points <= LAST + 0.5)).all(-1, keepdim=True)
    return images, torch.where(inside, points, torch.nan)


def over_frame(places: torch.Tensor) -> torch.Tensor:
    """Values at n x n places over the frame, [B, C, n, n], at each of its pixels, [B, C, 96, 96] (bicubic)."""
    each = torch.eye(places.shape[-1], device=places.device)[None, None]
    spread = F.interpolate(each, (FRAME_SIZE, places.shape[-1]), mode="bicubic", align_corners=True)[0, 0]  # [96, n]
    return spread @ places @ spread.T  # faster than to enlarge each


def relight(images: torch.Tensor, brightness: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
    """Stretches each image about its mean by contrast [B], then adds brightness [B]; the points stay."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * contrast[:, None, None, None] + mean + brightness[:, None, None, None]


def blur(images: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Mixes each image with its Gaussian blur of 1.5 px by amount [B], 0..1; the points stay."""
    kernel = torch.exp(-torch.arange(-4.0, 5.0, device=images.device).square() / (2 * 1.5**2))
    kernel = kernel / kernel.sum()
    pixels = torch.eye(FRAME_SIZE, device=images.device)[:, None]
    spread = F.conv1d(F.pad(pixels, (4, 4), "replicate"), kernel.view(1, 1, 9))[:, 0]  # [96, 96]: a pixel a row
    soft = spread.T @ images @ spread  # faster than two convolutions of one channel
    return images + amount[:, None, None, None] * (soft - images)


def cover(images: torch.Tensor, centre: torch.Tensor, side: torch.Tensor, grey: torch.Tensor) -> torch.Tensor:
    """Covers each image with a square of side [B] px and grey [B], 0..1, at centre [B, 2] px; the points stay."""
    at = torch.arange(FRAME_SIZE, device=images.device)
    across, down = ((at - centre[:, axis, None]).abs() <= side[:, None] / 2 for axis in (0, 1))  # bool [B, 96]
    hidden = (down[:, :, None] & across[:, None, :])[:, None]
    return torch.where(hidden, grey[:, None, None, None], images)
