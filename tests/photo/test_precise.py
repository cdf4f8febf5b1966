"""Points averaged over several crops of a face: `precise`."""

import math
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES
from PIL import Image

from fkd.data.conventions import COMPETITION
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.keypoints import MEAN_FACE, unmirror
from fkd.photo.crop import apply, frame_matrix, invert
from fkd.photo.detectors import network
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.landmarks import LandmarkDetector
from fkd.photo.detectors.network import NetworkDetector
from fkd.photo.face import FaceBox
from fkd.photo.predict import predict

PHOTO = Image.new("L", (400, 400), 90)
BOXES = [FaceBox((x, x / 2, x + 120, x / 2 + 120), 1.0, turn=x / 200) for x in range(0, 5000, 100)]
TRUE = [apply(invert(frame_matrix(box.box, box.turn)), MEAN_FACE) + np.arange(30).reshape(15, 2) / 9 for box in BOXES]
LANDMARKS = LandmarkDetector("shape", lambda image: np.zeros((68, 2)), "")


@pytest.fixture
def detector(monkeypatch):
    """It misses by 1 px, in another direction for each crop; it sees the crops' matrices, not their pixels."""
    matrices = []

    def crop(photo, matrix):
        matrices.append(matrix)
        return np.full((96, 96), len(matrices) - 1)

    def run_frames(run, frames):
        straight = [answer(matrices[number]) for number in frames[: len(frames) // 2, 0, 0]]
        spread = np.arange(len(frames), dtype=float)[:, None].repeat(15, 1)
        points = np.concatenate([straight, unmirror(np.array(straight)) + 0.02])
        return {"points": points, "uncertainty": spread}

    def answer(matrix):
        seen = [apply(matrix, points) for points in TRUE]
        nearest = min(seen, key=lambda points: np.linalg.norm(points - MEAN_FACE))
        angles = np.random.default_rng(zlib.crc32(matrix.tobytes())).uniform(0, 2 * np.pi, 15)
        return nearest + np.stack([np.cos(angles), np.sin(angles)], 1)

    monkeypatch.setattr(network, "crop", crop)
    monkeypatch.setattr(network, "run_frames", run_frames)
    return NetworkDetector(
        "made up", "", "#000000", "none", "", DataRecord(""), 1.0, Path(), dict, COMPETITION, np.zeros(2)
    )


def error(faces) -> float:
    """Their RMS distance from the true points, photo px."""
    apart = [np.linalg.norm(face.points - points, axis=1) for face, points in zip(faces, TRUE, strict=False)]
    return float(np.sqrt(np.mean(np.square(apart))))


def test_what_differs_from_crop_to_crop_is_averaged_away(detector):
    photos = [PHOTO] * len(BOXES)
    plain, precise = (detector.on_photos(photos, BOXES, precise=precise) for precise in (False, True))
    assert error(precise) < 0.65 * error(plain)
    for face, other in zip(plain, precise, strict=True):  # all else is as without
        assert math.isclose(face.doubt, other.doubt) and face.doubt > 0 and face.box == other.box
        assert (face.spread == other.spread).all()
    assert detector.on_photos([], [], precise=True) == []


def test_crops_are_turned_both_ways_by_the_same_angle():
    across = [np.diff(apply(view, [[0, 0], [95, 0]]), axis=0)[0] for view in network.VIEWS]
    turns = [np.rad2deg(np.arctan2(y, x)) for x, y in across]
    assert min(np.abs(turns)) > 2 and np.mean(turns) == pytest.approx(0)


def test_a_shipped_model_answers_precisely_for_the_faces_of_a_photo():
    detector = CheckpointDetector.read(EXAMPLES.parent / "checkpoints" / "resnet18")
    photo = Image.open(EXAMPLES / "grace_hopper.jpg")
    (plain,), (precise,) = predict(detector, photo), predict(detector, photo, precise=True)
    apart = np.linalg.norm(precise.points - plain.points, axis=1)
    assert 0 < apart.mean() < 0.02 * 88 and (precise.spread == plain.spread).all()  # px; the eyes are 88 px apart
    assert precise.points.dtype == np.float32 and precise.doubt == plain.doubt


def test_a_detector_without_precise_answers_is_refused():
    with pytest.raises(FkdError, match="shape has no precise answers: use it without `precise`"):
        predict(LANDMARKS, PHOTO, precise=True)
