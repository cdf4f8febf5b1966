import numpy as np
import pytest
from conftest import THREE, draw_faces, draw_three_conventions

from fkd.data.conventions import COMPETITION, channels, find_conventions, label_points, mix, nearest, present
from fkd.data.split import split_data
from fkd.keypoints import BOTTOM_LIP, LEFT_EYE, NAMES, NOSE_TIP, TOP_LIP


def names(conventions):
    return [convention.name for convention in conventions.values]


def names_of(conventions, rows):
    return [names(conventions)[number] for number in conventions.rows[rows]]


@pytest.fixture(scope="module")
def found():
    return find_conventions(draw_three_conventions(60).points)


def test_a_change_of_the_lips_along_the_file_is_found(found):
    assert names(found) == ["outer lips", "inner lips", "four points"]
    assert names_of(found, [0, 59, 60, 119, 120, 179]) == [name for name in names(found) for _ in range(2)]
    outer, inner, four = found.values
    assert (outer.own, set(inner.own)) == ((), {"mouth_center_top_lip", "mouth_center_bottom_lip"})
    assert outer.lip_gap == pytest.approx(0.24, abs=0.03) and inner.lip_gap == pytest.approx(0.05, abs=0.03)
    assert four.points == tuple(NAMES[i] for i in (LEFT_EYE, 1, NOSE_TIP, BOTTOM_LIP)) and four.lip_gap is None
    backwards = find_conventions(draw_three_conventions(60).points[::-1])
    assert names(backwards) == names(found), "the outer lips come first wherever they stand in the file"


def test_two_changes_make_three_conventions():
    points = draw_faces(180, four_point_share=0).points
    points[60:120, TOP_LIP, 1] -= 3
    points[120:, TOP_LIP, 1] += 6
    assert names(find_conventions(points)) == ["outer lips", "wide lips", "inner lips"]


@pytest.mark.parametrize("seed", range(5))
def test_no_change_is_found_where_there_is_none(seed):
    assert names(find_conventions(draw_faces(400, seed).points)) == ["15 points", "four points"]
    assert names(find_conventions(draw_faces(60, seed, four_point_share=1).points)) == ["four points"]
    few = draw_faces(60, seed, four_point_share=0).points
    few[30:, BOTTOM_LIP, 1] -= 6
    assert names(find_conventions(few)) == ["15 points"], "too few rows on each side"
    shuffled = draw_three_conventions(60).points[:120][np.random.default_rng(seed).permutation(120)]
    assert names(find_conventions(shuffled)) == ["15 points"], "only the file's order shows it"


def test_missing_labels_do_not_hide_a_change():
    points = draw_three_conventions(80).points
    points[np.arange(0, 160, 4), TOP_LIP] = np.nan
    points[7] = np.nan
    assert names_of(find_conventions(points), [0, 7, 79, 81, 159]) == ["outer lips"] * 3 + ["inner lips"] * 2


def test_mixed_conventions_differ_by_their_points_alone(found):
    mixed = mix(found)
    assert names(mixed) == ["15 points", "four points"]
    assert (mixed.rows == np.repeat([0, 0, 1], 60)).all() and channels(mixed.values).max() == 14


def test_conventions_that_no_face_to_train_on_follows_are_left_out(found):
    inner = present(found, np.arange(60, 120))
    assert names(inner) == ["inner lips"] and inner.values[0].own == ()
    assert set(inner.rows[:60]) == set(inner.rows[120:]) == {-1} and set(inner.rows[60:120]) == {0}
    assert nearest(found.values[1], COMPETITION).name == "15 points"
    assert nearest(found.values[2], found.values).name == "four points"
    assert nearest(found.values[0], found.values[1:]).name == "inner lips"


def outputs(images):
    """Each output at its number, in x and y, so that a test sees which one an answer is from."""
    count = channels(THREE).max() + 1
    points = np.tile(np.arange(count, dtype=np.float32)[None, :, None], (len(images), 1, 2))
    sure = np.where(images[:, 0, :1] > 0, 50.0, -50.0)  # of the second convention, if the first pixel is bright
    return points, np.concatenate([-sure, sure], 1).astype(np.float32)


BLACK, WHITE = np.zeros((96, 96), np.uint8), np.full((96, 96), 255, np.uint8)


def test_every_face_is_answered_in_its_convention_and_a_photo_in_the_first():
    images = np.stack([BLACK, WHITE, WHITE, BLACK])
    offset = np.array([0.0, 0.25, 0.5])
    answers = label_points(outputs, THREE, offset, images, np.array([False, False, True, False])).round(4)
    assert (answers[[0, 3], :, 1] == np.arange(15)).all()
    assert answers[1, [NOSE_TIP, TOP_LIP, BOTTOM_LIP], 1].tolist() == [NOSE_TIP, 15, 16], "the inner lips' outputs"
    assert answers[2, [NOSE_TIP, TOP_LIP, BOTTOM_LIP], 1].tolist() == [17, TOP_LIP, 18], "the four points' outputs"
    assert np.allclose(answers[..., 0] - answers[..., 1], np.array([0, 0.25, 0.5, 0])[:, None]), "labels, not points"
    assert (label_points(outputs, THREE, offset, images)[..., 1] == np.arange(15)).all()


def test_an_unsure_network_answers_with_the_mean():
    def unsure(images):
        points, logits = outputs(images)
        return points, logits * 0

    mean = (TOP_LIP + 15) / 2
    answers = label_points(unsure, THREE, np.zeros(3), BLACK[None], np.array([False]))
    assert answers[0, TOP_LIP].tolist() == pytest.approx([mean, mean])
    mirrored = label_points(unsure, THREE, np.zeros(3), BLACK[None], np.array([False]), mirror=True)
    assert mirrored[0, TOP_LIP].tolist() == pytest.approx([47.5, mean])


def test_four_points_are_answered_by_the_nearest_that_was_trained():
    points = np.tile(np.arange(17.0, dtype=np.float32)[None, :, None], (1, 1, 2))
    answers = label_points(lambda images: (points, None), THREE[:2], np.zeros(2), BLACK[None], np.array([True]))
    assert (answers[0, :, 1] == np.arange(15)).all()


@pytest.mark.slow
def test_real_faces_have_two_conventions(real_data):
    faces, _ = split_data(real_data)
    found = find_conventions(faces.points)
    assert found.values == COMPETITION
    assert ((found.rows == 1) == faces.four_point).all()
