from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fkd.crop import align_matrix, apply, crop, frame_matrix, invert
from fkd.faces import find_faces

EXAMPLES = Path(__file__).parent.parent / "examples"
# Middle between the eyes, and the distance of the eyes, read off the photos by eye.
EILEEN = ("eileen_collins.png", (225, 102), 44)
GRACE = ("grace_hopper.jpg", (263, 190), 88)


def open_example(name: str) -> Image.Image:
    with Image.open(EXAMPLES / name) as photo:
        return photo.convert("RGB")


def eyes_of(face) -> np.ndarray:
    """The middle between the eyes where the frame has it, [2] photo px."""
    return apply(invert(frame_matrix(face.box, face.turn)), [47.5, 37.7])


def turned(photo: Image.Image, angle: float, point) -> tuple[Image.Image, np.ndarray]:
    image = photo.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    middle, new_middle = (np.array(each.size) / 2 - 0.5 for each in (photo, image))
    return image, np.array([[cos, sin], [-sin, cos]]) @ (point - middle) + new_middle


@pytest.mark.parametrize(("name", "eyes", "apart"), [EILEEN, GRACE])
def test_finds_the_one_face_in_the_frame_of_the_competition(name, eyes, apart):
    (face,) = find_faces(open_example(name))
    assert np.hypot(*(eyes_of(face) - eyes)) < 0.25 * apart
    assert face.side * 36.2 / 96 == pytest.approx(apart, rel=0.2)
    assert face.turn == 0
    assert face.score > 0.5


@pytest.mark.parametrize("angle", [90, 180, 270])
@pytest.mark.parametrize(("name", "eyes", "apart"), [EILEEN, GRACE])
def test_finds_faces_that_lie(name, eyes, apart, angle):
    photo, eyes = turned(open_example(name), angle, eyes)
    (face,) = find_faces(photo)
    assert face.turn % 360 == 360 - angle
    assert np.hypot(*(eyes_of(face) - eyes)) < 0.25 * apart


@pytest.mark.parametrize("angle", [25, -25])
@pytest.mark.parametrize(("name", "eyes", "apart"), [EILEEN, GRACE])
def test_finds_tilted_faces(name, eyes, apart, angle):
    photo, eyes = turned(open_example(name), angle, eyes)
    face = find_faces(photo)[0]
    assert np.hypot(*(eyes_of(face) - eyes)) < 0.4 * apart


@pytest.mark.parametrize(("name", "eyes", "apart"), [EILEEN, GRACE])
@pytest.mark.parametrize("width", [100, 2000])
def test_boxes_are_in_pixels_of_the_photo_as_given(name, eyes, apart, width):
    photo = open_example(name)
    scale = width / photo.width
    (face,) = find_faces(photo.resize((width, round(photo.height * scale))))
    assert np.hypot(*(eyes_of(face) - np.multiply(eyes, scale))) < 0.3 * apart * scale


def test_finds_a_dark_face_and_one_cut_by_the_edge():
    photo = open_example(GRACE[0])
    assert len(find_faces(photo.point(lambda value: value * 0.1))) == 1
    assert len(find_faces(photo.crop((150, 110, 380, 330)))) == 1


def test_finds_every_face_of_a_group_largest_first():
    photo = Image.new("RGB", (900, 700), (90, 110, 130))
    faces = {
        EILEEN[0]: (150, 40, 300, 200),
        GRACE[0]: (120, 60, 400, 360),
    }
    corners = [(20, 20), (320, 60), (620, 20), (150, 380), (520, 400)]
    for k, corner in enumerate(corners):
        name = list(faces)[k % 2]
        piece = open_example(name).crop(faces[name]).resize((240 + 8 * k, 256 + 8 * k))
        photo.paste(piece, corner)
    found = find_faces(photo)
    assert len(found) == 5
    assert [face.side for face in found] == sorted((face.side for face in found), reverse=True)


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 2)])
def test_tiny_photos_have_no_face_and_can_be_cropped(size):
    photo = Image.new("RGB", size, (10, 20, 30))
    assert find_faces(photo) == []
    image = crop(photo, frame_matrix((-0.5, -0.5, size[0] - 0.5, size[1] - 0.5)))
    assert image.shape == (96, 96)
    assert np.ptp(image) == 0


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "CMYK", "YCbCr", "1", "I", "F", "I;16"])
def test_takes_every_mode(mode):
    grey = open_example(GRACE[0]).convert("L")
    if mode in ("I", "I;16"):
        photo = Image.fromarray(np.asarray(grey).astype(np.int32 if mode == "I" else np.uint16) * 257)
    else:
        photo = grey.convert("RGB").convert(mode)
    assert photo.mode == mode
    (face,) = find_faces(photo)
    matrix = frame_matrix(face.box)
    difference = np.subtract(crop(photo, matrix), crop(grey, matrix), dtype=float)
    assert np.abs(difference).mean() < (40 if mode == "1" else 3)


def test_the_frame_of_a_whole_picture_is_the_picture():
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    matrix = frame_matrix((-0.5, -0.5, 95.5, 95.5))
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    np.testing.assert_array_equal(crop(Image.fromarray(pixels), matrix), pixels)
    # Turning counter-clockwise, as np.rot90 does.
    upright = crop(Image.fromarray(pixels), frame_matrix((-0.5, -0.5, 95.5, 95.5), 90))
    np.testing.assert_array_equal(upright, np.rot90(pixels))


def test_a_frame_is_the_square_about_a_box():
    matrix = frame_matrix((10, 20, 50, 40), size=80)
    np.testing.assert_allclose(apply(matrix, [[10, 10], [50, 50]]), [[-0.5, -0.5], [79.5, 79.5]])
    with pytest.raises(ValueError, match="size"):
        frame_matrix((3, 3, 3, 3))


@pytest.mark.parametrize("side", [30, 96, 170, 1000])
@pytest.mark.parametrize("turn", [0, 17, 90])
@pytest.mark.parametrize("centre", [(300.3, 241.7), (3.2, 420.6)])
def test_the_content_lands_where_the_matrix_says(side, turn, centre):
    spot = side / 20
    y, x = np.mgrid[:480, :640]
    blob = 200 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * spot**2))
    photo = Image.fromarray(np.round(blob).astype(np.uint8))
    # The frame's centre lies elsewhere, also such that the frame reaches outside the photo.
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
    # At the photo's edge too, every pixel is what the drawing says there.
    places = apply(invert(matrix), np.stack([u, v], -1)).clip(0, [639, 479])
    drawn = 200 * np.exp(-((places - centre) ** 2).sum(-1) / (2 * spot**2))
    assert np.abs(image - drawn).max() < 14


def test_a_fine_pattern_is_averaged_when_shrunk():
    y, x = np.mgrid[:900, :900]
    photo = Image.fromarray(((x + y) % 2 * 255).astype(np.uint8))
    image = crop(photo, frame_matrix((100, 100, 800, 800), 10))
    assert np.abs(image.astype(float) - 127.5).max() < 6


def test_invert_takes_points_back():
    rng = np.random.default_rng(0)
    points = rng.uniform(-50, 700, (4, 15, 2))
    points[1, 3] = np.nan
    matrix = frame_matrix((600, -40, 733, 90), 33)
    back = apply(invert(matrix), apply(matrix, points))
    np.testing.assert_allclose(back, points, atol=1e-9)
    assert np.isnan(back[1, 3]).all()


def test_align_finds_the_similarity_and_ignores_missing_points():
    rng = np.random.default_rng(0)
    reference = rng.uniform(10, 80, (15, 2))
    matrix = frame_matrix((200, 100, 420, 320), -21)
    points = apply(invert(matrix), reference)
    points[2] = np.nan
    reference[5, 0] = np.nan
    np.testing.assert_allclose(align_matrix(points, reference), matrix, atol=1e-9)


def test_align_is_least_squares_and_never_mirrors():
    rng = np.random.default_rng(1)
    points, reference = rng.normal(0, 9, (2, 6, 2))

    def miss(matrix):
        return ((apply(matrix, points) - reference) ** 2).sum()

    best = align_matrix(points, reference)
    assert np.linalg.det(best[:, :2]) > 0
    a, b = best[0, 0], best[1, 0]
    np.testing.assert_allclose(best[:, :2], [[a, -b], [b, a]])
    for change in rng.normal(0, 0.01, (20, 4)):
        other = best + [[change[0], -change[1], change[2]], [change[1], change[0], change[3]]]
        assert miss(other) > miss(best)


@pytest.mark.parametrize("points", [np.full((3, 2), np.nan), [[1, 2], [1, 2], [np.nan, 4]]])
def test_align_needs_two_points(points):
    with pytest.raises(ValueError, match="two different points"):
        align_matrix(points, [[1, 1], [2, 2], [3, 3]])
