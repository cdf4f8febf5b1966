from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fkd.photo import finder
from fkd.photo.crop import apply, crop, frame_matrix, invert
from fkd.photo.finder import find_faces

EXAMPLES = Path(__file__).parents[2] / "examples"
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
    assert face.side * 36.2 / 96 == pytest.approx(apart, rel=0.2) and face.turn == 0 and face.score > 0.5


@pytest.mark.parametrize("angle", [90, 180, 270])
@pytest.mark.parametrize(("name", "eyes", "apart"), [EILEEN, GRACE])
def test_finds_faces_that_lie(name, eyes, apart, angle):
    photo, eyes = turned(open_example(name), angle, eyes)
    (face,) = find_faces(photo)
    assert face.turn % 360 == 360 - angle
    assert np.hypot(*(eyes_of(face) - eyes)) < 0.25 * apart


def test_finds_a_dark_face_and_one_cut_by_the_edge():
    photo = open_example(GRACE[0])
    assert len(find_faces(photo.point(lambda value: value / 40))) == 1
    assert len(find_faces(photo.crop((150, 110, 380, 330)))) == 1


def test_finds_every_face_of_a_group_largest_first():
    photo = Image.new("RGB", (900, 700), (90, 110, 130))
    face = open_example(GRACE[0]).crop((120, 60, 400, 360))
    for k, corner in enumerate([(20, 20), (320, 60), (620, 20), (150, 380), (520, 400)]):
        photo.paste(face.resize((240 + 8 * k, 256 + 8 * k)), corner)
    sides = [face.side for face in find_faces(photo)]
    assert len(sides) == 5 and sides == sorted(sides, reverse=True)


def test_further_looks_only_where_the_first_finds_nothing_sure(monkeypatch):
    looks, detect = [], finder.detect
    monkeypatch.setattr(finder, "detect", lambda pixels: looks.append(pixels.shape) or detect(pixels))
    assert find_faces(open_example(GRACE[0])) and len(looks) == 1
    looks.clear()
    assert not find_faces(Image.new("L", (640, 480), 90))
    assert looks == [(384, 512), (480, 640), (384, 288), (288, 384), (384, 288)]


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 2)])
def test_tiny_photos_have_no_face_and_can_be_cropped(size):
    photo = Image.new("RGB", size, (10, 20, 30))
    assert find_faces(photo) == []
    image = crop(photo, frame_matrix((-0.5, -0.5, size[0] - 0.5, size[1] - 0.5)))
    assert image.shape == (96, 96) and np.ptp(image) == 0


def test_a_small_face_in_a_large_photo_is_found():
    photo = Image.new("RGB", (4000, 3000), "grey")
    with Image.open(EXAMPLES / "grace_hopper.jpg") as grace:
        photo.paste(grace.convert("RGB").reduce(2), (3000, 400))
    (found,) = find_faces(photo)
    assert found.centre == pytest.approx([3000 + 263 / 2, 400 + 220 / 2], abs=15) and found.side < 130
