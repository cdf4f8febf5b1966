import numpy as np
import pytest
from conftest import EXAMPLES

from fkd.photo.comparison import compare, disagreement, mean_error
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.face import Face, FaceBox
from fkd.photo.reading import read_photo

PHOTO = EXAMPLES / "grace_hopper.jpg"
BOX = FaceBox((180, 100, 350, 270), 1.0)


@pytest.fixture(scope="module")
def detectors():
    """Trained models: an untrained one's points nearly coincide, so a ratio of their distances is chance."""
    shipped = EXAMPLES.parent / "checkpoints"
    return [CheckpointDetector.read(shipped / "resnet18", "sure"), CheckpointDetector.read(shipped / "fcnn", "plain")]


def test_every_model_answers_for_every_face(detectors):
    result = compare(detectors, read_photo(PHOTO))
    assert {name: len(faces) for name, faces in result.answers.items()} == {"sure": 1, "plain": 1}
    assert (result.width, result.truth) == (512, [None])


def test_the_frame_has_a_row_per_face_and_model(detectors):
    table = compare(detectors, PHOTO, [BOX, BOX]).to_frame("grace.jpg")
    assert table[["photo", "face", "model"]].to_numpy().tolist() == [
        ["grace.jpg", face, model] for model in ("sure", "plain") for face in (1, 2)
    ]


def test_models_whose_eyes_are_at_one_place_differ_by_px_alone(detectors):
    points = np.full((15, 2), 250, np.float32)
    free = compare(detectors, read_photo(PHOTO), [BOX])
    frame = free.answers["sure"][0].frame
    spots = {name: [Face(BOX.box, points + shift, frame)] for name, shift in (("a", 0), ("b", 1))}
    apart = [disagreement(faces) for faces in zip(*spots.values(), strict=True)]
    assert np.isnan(apart).all()
    assert np.isnan(mean_error(points + 1, points))
