import numpy as np
import pytest
from PIL import Image

from fkd.photo.crop import align_matrix, apply, crop, frame_matrix, invert


def test_the_frame_of_a_whole_picture_is_the_picture():
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    matrix = frame_matrix((-0.5, -0.5, 95.5, 95.5))
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    np.testing.assert_array_equal(crop(Image.fromarray(pixels), matrix), pixels)
    # Turning counter-clockwise, as np.rot90 does.
    upright = crop(Image.fromarray(pixels), frame_matrix((-0.5, -0.5, 95.5, 95.5), 90))
    np.testing.assert_array_equal(upright, np.rot90(pixels))


def test_a_picture_of_twelve_bits_is_as_bright_in_a_crop_as_in_eight():
    ramp = np.linspace(0, 255, 200 * 200).reshape(200, 200)
    matrix = frame_matrix((20.5, 20.5, 80.5, 80.5))  # a dark part, which alone would be scaled by fewer bits
    eight, twelve = (crop(Image.fromarray(deep), matrix) for deep in (ramp.astype(np.uint8), (ramp * 16).astype("u2")))
    assert np.abs(eight.astype(int) - twelve).max() <= 2


@pytest.mark.parametrize("side", [30, 170, 1000])
@pytest.mark.parametrize("turn", [0, 17])
@pytest.mark.parametrize("centre", [(300.3, 241.7), (3.2, 420.6)])
def test_the_content_lands_where_the_matrix_says(side, turn, centre):
    spot = side / 20
    y, x = np.mgrid[:480, :640]
    blob = 200 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * spot**2))
    photo = Image.fromarray(np.round(blob).astype(np.uint8))
    # The frame has another centre, and may reach outside the photo.
    middle = np.add(centre, [0.15 * side, -0.1 * side])
    matrix = frame_matrix((*(middle - side / 2), *(middle + side / 2)), turn)
    image = crop(photo, matrix).astype(float)
    v, u = np.mgrid[:96, :96]
    expected = apply(matrix, centre)
    near = np.hypot(u - expected[0], v - expected[1]) < 4 * spot * 96 / side
    if centre[0] > 100:
        weight = np.where(near, image, 0)
        found = np.array([(weight * u).sum(), (weight * v).sum()]) / weight.sum()
        np.testing.assert_allclose(found, expected, atol=0.1)
    # Every pixel is as drawn, at the photo's edge too.
    places = apply(invert(matrix), np.stack([u, v], -1)).clip(0, [639, 479])
    drawn = 200 * np.exp(-((places - centre) ** 2).sum(-1) / (2 * spot**2))
    assert np.abs(image - drawn).max() < 14


def test_a_fine_pattern_is_averaged_when_shrunk():
    y, x = np.mgrid[:900, :900]
    photo = Image.fromarray(((x + y) % 2 * 255).astype(np.uint8))
    image = crop(photo, frame_matrix((100, 100, 800, 800), 10))
    assert np.abs(image.astype(float) - 127.5).max() < 6


def test_align_finds_the_similarity_and_ignores_missing_points():
    rng = np.random.default_rng(0)
    reference = rng.uniform(10, 80, (15, 2))
    matrix = frame_matrix((200, 100, 420, 320), -21)
    points = apply(invert(matrix), reference)
    points[2] = np.nan
    reference[5, 0] = np.nan
    np.testing.assert_allclose(align_matrix(points, reference), matrix, atol=1e-9)


def test_align_is_least_squares_and_never_mirrors():
    points, reference = np.random.default_rng(1).normal(0, 9, (2, 6, 2))
    best = align_matrix(points, reference)
    (a, c), (b, d) = best[:, :2]
    assert (a, b) == pytest.approx((d, -c)) and a * d - b * c > 0
    rest, centred = (apply(best, points) - reference) @ [1, 1j], (points - points.mean(0)) @ [1, 1j]
    assert abs(rest.sum()) < 1e-9 and abs(np.vdot(centred, rest)) < 1e-9, "no shift, turn or scale is better"


@pytest.mark.parametrize("points", [np.full((3, 2), np.nan), [[1, 2], [1, 2], [np.nan, 4]]])
def test_align_needs_two_points(points):
    with pytest.raises(ValueError, match="two different points"):
        align_matrix(points, [[1, 1], [2, 2], [3, 3]])
