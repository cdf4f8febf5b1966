import numpy as np
import pytest
from conftest import detector, draw_faces

from fkd.board.record import STEPS, UNITS
from fkd.board.robustness import degrade, robustness
from fkd.data.faces import Faces
from fkd.keypoints import LEFT_EYE, RIGHT_EYE
from fkd.learn.models import ModelConfig


@pytest.mark.parametrize("kind", STEPS)
def test_the_first_step_leaves_a_face_as_it_is_and_each_later_one_changes_it_more(kind, faces):
    assert degrade(faces, kind, STEPS[kind][0]) is faces and kind in UNITS
    changes = []
    for step in STEPS[kind][1:]:
        worse = degrade(faces, kind, step)
        assert worse.images.dtype == np.uint8 and worse.images.shape == faces.images.shape
        assert np.isnan(worse.points[np.isnan(faces.points)]).all(), "no label appears"
        assert np.array_equal(degrade(faces, kind, step).images, worse.images), "always the same"
        changes.append(np.abs(worse.images.astype(float) - faces.images).mean())
    assert changes[0] > 0.2 and changes[-1] > 1.2 * changes[0]


def test_labels_move_with_the_picture():
    """A white dot at each label is found where the moved label says."""
    rng = np.random.default_rng(0)
    points = np.full((8, 15, 2), np.nan, np.float32)
    points[:, LEFT_EYE] = rng.uniform(35, 60, (8, 2)).round()
    points[:, RIGHT_EYE] = (48, 20)
    images = np.zeros((8, 96, 96), np.uint8)
    x, y = points[:, LEFT_EYE].T.astype(int)
    images[np.arange(8), y, x] = 255
    for kind, step in (("rotation", 30), ("shift", 12)):
        worse = degrade(Faces(images, points), kind, step)
        grid = np.stack(np.meshgrid(np.arange(96), np.arange(96)), -1)  # [96, 96, (x, y)]
        weight = worse.images[..., None] / worse.images.sum((1, 2))[:, None, None, None]
        found = (grid * weight).sum((1, 2))
        assert np.abs(found - worse.points[:, LEFT_EYE]).max() < 0.3
        assert np.abs(worse.points[:, LEFT_EYE] - points[:, LEFT_EYE]).max() > 3
    assert np.isnan(degrade(Faces(images, points - (0, 15)), "shift", 12).points[:, RIGHT_EYE]).any(), "out of frame"


def test_what_is_covered_is_the_eye():
    faces = draw_faces(4, four_point_share=0)
    worse = degrade(faces, "covered eye", 16)
    for number, eye in enumerate((RIGHT_EYE, LEFT_EYE, RIGHT_EYE, LEFT_EYE)):
        x, y = faces.points[number, eye].round().astype(int)
        assert (worse.images[number, y - 6 : y + 7, x - 6 : x + 7] == 128).all()
        assert (worse.images[number] == faces.images[number]).mean() > 0.95


def test_every_step_of_every_kind_has_an_error(faces):
    result = robustness([detector(ModelConfig("fcnn"))], faces)
    assert {kind: len(errors) for kind, errors in result.items()} == {kind: len(s) for kind, s in STEPS.items()}
    assert all(np.isfinite(errors).all() for errors in result.values())
    assert len({errors[0] for errors in result.values()}) == 1
