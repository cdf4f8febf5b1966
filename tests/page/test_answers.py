"""The Compare tab's answers: what cannot be asked for leaves what is shown as it is."""

import gradio as gr
import pytest
from conftest import EXAMPLES

from fkd.page.answers import CHOOSE, NO_BOX, Wishes, answer_again, answer_box, answer_photo
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.many_photos import MOST_FACES

PHOTO = str(EXAMPLES / "grace_hopper.jpg")
ASKED = Wishes(["tiny"])


@pytest.fixture
def detectors(tiny_checkpoint) -> dict[str, CheckpointDetector]:
    return {"tiny": CheckpointDetector.read(tiny_checkpoint)}


def stays(view, said: str) -> bool:
    status, *others = view.outputs()
    return said in status and all(other == gr.skip() for other in others)


def test_without_a_model_or_with_a_bad_file_of_points_the_photo_stays(detectors, tmp_path):
    answered = answer_photo(detectors, PHOTO, ASKED).answered
    bad = tmp_path / "truth.csv"
    bad.write_text("x")
    assert stays(answer_again(detectors, answered, Wishes([])), CHOOSE)
    assert stays(answer_again(detectors, answered, Wishes(["tiny"], truth=str(bad))), "lacks 30")
    assert stays(answer_again(detectors, answered, Wishes(["gone"])), "has made room")
    assert answer_again(detectors, answered, ASKED).answered.comparison.boxes == answered.comparison.boxes
    first = answer_photo(detectors, PHOTO, Wishes([]))
    assert first.status == CHOOSE and len(answer_again(detectors, first.answered, ASKED).answered.comparison.boxes) == 1


@pytest.mark.parametrize("corners", [[1, 2, 3], ["a"] * 4, [0, 0, 1e-320, 50], [5, 5, 5.5, 90], [0, 0, 1e308, 1e308]])
def test_what_is_no_box_changes_nothing(detectors, corners):
    answered = answer_photo(detectors, PHOTO, ASKED).answered
    assert stays(answer_box(detectors, corners, None, answered, ASKED), NO_BOX)


def test_a_box_that_was_deleted_is_not_found_again(detectors):
    answered = answer_photo(detectors, PHOTO, ASKED).answered
    without = answer_box(detectors, None, 0, answered, ASKED).answered
    assert answer_again(detectors, without, ASKED).answered.comparison.boxes == []


def test_a_photo_has_a_hundred_faces_at_most(detectors):
    answered = answer_photo(detectors, PHOTO, Wishes(["tiny"], whole=True)).answered
    answered.comparison.boxes[:] = answered.comparison.boxes * MOST_FACES
    assert stays(answer_box(detectors, [9, 9, 90, 90], None, answered, ASKED), f"{MOST_FACES} faces are the most")
