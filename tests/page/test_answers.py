"""The Compare tab's answers: a visitor's mistake is a sentence."""

import numpy as np
import pytest
from conftest import EXAMPLES
from drawn import to_pts

from fkd.errors import FkdError
from fkd.page.answers import (
    CHOOSE,
    GONE,
    NO_BOX,
    NO_MATCH,
    NO_POINTS,
    Answered,
    Options,
    View,
    answer_again,
    answer_box,
    answer_photo,
    answer_points,
)
from fkd.page.viewer import Scores
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.sources import MOST_FACES

PHOTO = str(EXAMPLES / "grace_hopper.jpg")
OPTIONS = Options(["tiny"])


@pytest.fixture
def detectors(tiny_checkpoint) -> dict[str, CheckpointDetector]:
    return {"tiny": CheckpointDetector.read(tiny_checkpoint)}


@pytest.fixture
def answered(detectors) -> Answered:
    return answer_photo(detectors, PHOTO, OPTIONS).answered


def test_without_a_model_or_with_a_bad_file_of_points_the_sentence_says_so(detectors, answered, tmp_path):
    bad = tmp_path / "truth.csv"
    bad.write_text("x")
    wrong = {
        CHOOSE: Options([]),
        "lacks left": Options(["tiny"], truth=str(bad)),
        "unknown model 'gone'": Options(["gone"]),
    }
    for text, options in wrong.items():
        with pytest.raises(FkdError, match=text):
            answer_again(detectors, answered, options)
        assert text in answer_photo(detectors, PHOTO, options).status
    first = answer_photo(detectors, PHOTO, Options([]))
    assert first.picture(Scores()) is None
    assert len(answer_again(detectors, first.answered, OPTIONS).answered.comparison.boxes) == 1


def test_a_deleted_photo_is_named_and_a_broken_one_clears_the_picture(detectors, answered, tmp_path):
    photo = tmp_path / "face.jpg"
    photo.write_text("no picture")
    view = answer_photo(detectors, str(photo), OPTIONS)
    assert "face.jpg is not a readable image" in view.status and view.answered is None
    photo.unlink()
    with pytest.raises(FkdError, match=GONE):
        answer_again(detectors, Answered(str(photo), answered.comparison, ""), OPTIONS)


@pytest.mark.parametrize("corners", [[1, 2, 3], ["a"] * 4, [0, 0, 1e-320, 50], [5, 5, 5.5, 90], [0, 0, 1e308, 1e308]])
def test_what_is_no_box_is_refused(detectors, answered, corners):
    with pytest.raises(FkdError, match=NO_BOX):
        answer_box(detectors, corners, None, answered, OPTIONS)


def test_a_deleted_box_is_not_found_again_in_the_same_picture(detectors, answered):
    without = answer_box(detectors, None, 0, answered, OPTIONS).answered
    view = answer_again(detectors, without, OPTIONS)
    assert view.answered.comparison.boxes == [] and view.picture(Scores())["photo"] == answered.picture


def test_a_photo_has_a_hundred_faces_at_most(detectors):
    answered = answer_photo(detectors, PHOTO, Options(["tiny"], whole=True)).answered
    answered.comparison.boxes[:] = answered.comparison.boxes * MOST_FACES
    with pytest.raises(FkdError, match=f"at most {MOST_FACES} faces"):
        answer_box(detectors, [9, 9, 90, 90], None, answered, OPTIONS)


def test_points_placed_by_hand_are_true_points_in_every_later_answer_and_in_files(detectors, answered, tmp_path):
    x, y = answered.comparison.boxes[0].centre
    points = [[x + 9.0 * (index - 7), y + 5.0 * (index - 7)] for index in range(15)]
    points[3] = None
    view = answer_points(points, 0, answered)
    assert np.isnan(view.answered.comparison.truth[0][3]).all()
    again = answer_again(detectors, view.answered, OPTIONS).answered
    assert again.comparison.truth[0][14] == pytest.approx(points[14])
    second = answer_points([point and [point[0] + 2, point[1]] for point in points], 0, again)
    left, right = np.array(points[0]), np.array(points[1])
    assert f"differ by {200 / np.hypot(*(left - right)):.1f}% of the eye distance" in second.status
    picture = View("", again).picture(Scores())
    assert picture["placed"] == [True] and picture["truth"][0][3] is None


@pytest.mark.parametrize(
    "points", ["x", [[1, 2]] * 14, [None] * 15, [[1, 2, 3]] * 15, [[1e9, 2]] * 15, [["a", "b"]] * 15]
)
def test_what_is_no_set_of_points_is_refused(answered, points):
    with pytest.raises(FkdError, match=NO_POINTS):
        answer_points(points, 0, answered)


def test_true_points_of_another_photo_are_named(detectors, answered, tmp_path):
    far = tmp_path / "far.pts"
    far.write_text(to_pts(np.full((15, 2), 9000.0)))
    assert NO_MATCH in answer_again(detectors, answered, Options(["tiny"], truth=str(far))).status
