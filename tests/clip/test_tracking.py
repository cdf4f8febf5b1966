import numpy as np
import pytest
from clip.clips import face_clip, sway, truth
from conftest import EXAMPLES
from PIL import Image

from fkd.clip.tracking import track
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.predict import predict

CHECKPOINTS = EXAMPLES.parent / "checkpoints"


@pytest.fixture(scope="module")
def resnet18():
    return CheckpointDetector.read(CHECKPOINTS / "resnet18")


def test_a_face_that_moves_is_followed(tmp_path, resnet18):
    moves = sway(40, still=10)
    tracked = track(face_clip(tmp_path / "a.mp4", moves), [resnet18])
    (face,) = tracked.tracks
    with Image.open(EXAMPLES / "grace_hopper.jpg") as photo:
        (still,) = predict(resnet18, photo.convert("L"))
    error = face.points - truth(moves, still.points)
    assert np.sqrt((error**2).sum(2).mean()) < 1.5
    assert np.isfinite(face.smooth).all() and np.isfinite(face.doubt).all()
