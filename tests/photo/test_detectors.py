"""The interface of a detector."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES, detector
from PIL import Image

from fkd.board.measuring import evaluate, submission
from fkd.data.record import DataRecord
from fkd.keypoints import MEAN_FACE
from fkd.learn.config import ModelConfig
from fkd.page.answers import Options, answer_photo
from fkd.page.guard import pick
from fkd.page.model import describe
from fkd.page.site import build_app
from fkd.page.viewer import Scores
from fkd.photo.colours import BLUE, GREEN, PALETTE, RED, distinct, network_colour
from fkd.photo.comparison import compare
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.face import Face, FaceBox
from fkd.photo.predict import find_confirmed_faces, predict

PHOTO = EXAMPLES / "grace_hopper.jpg"
BOX = FaceBox((180, 100, 350, 270), 1.0)


@dataclass(frozen=True)
class MeanFace:
    """A detector from elsewhere in one class: the mean face, whatever it is shown."""

    name: str = "mean face"
    owner: str = "ada"
    colour: str = PALETTE[3]
    network: str = "mean"
    sha256: str = "0" * 64
    data: DataRecord = field(default_factory=lambda: DataRecord("faces of ada's", "MIT"))
    validation_rmse: float = math.inf
    folder: Path | None = None
    doubt: float = 0.0

    def on_frames(self, images, four_point=None, mirror=False):
        return np.repeat(np.array(MEAN_FACE, np.float32)[None], len(images), 0)

    def on_photos(self, photos, boxes, precise=False):
        faces = []
        for box in boxes:
            points = (np.array(MEAN_FACE) / 96 * box.side + box.box[:2]).astype(np.float32)
            faces.append(Face(box.box, points, np.zeros((96, 96), np.uint8), doubt=self.doubt))
        return faces


@pytest.fixture(scope="module")
def resnet() -> CheckpointDetector:
    return CheckpointDetector.read(EXAMPLES.parent / "checkpoints" / "resnet18")


def test_a_detector_of_one_class_stands_beside_ours(resnet):
    mean: Detector = MeanFace()
    comparison = compare([resnet, mean], Image.open(PHOTO))
    assert list(comparison.answers) == ["resnet18", "mean face"] and len(comparison.answers["mean face"]) == 1
    assert comparison.colours == {"resnet18": GREEN, "mean face": PALETTE[3]}
    detectors = {detector.name: detector for detector in (resnet, mean)}
    shown = answer_photo(detectors, str(PHOTO), Options(list(detectors)))
    assert [model["name"] for model in shown.picture(Scores())["models"]] == ["resnet18", "mean face"]
    assert pick(detectors, "mean face") is mean and "By ada. Terms: MIT." in describe(mean)


def test_a_detector_of_one_class_is_predicted_measured_and_served(competition, tmp_path):
    """All that it takes is this class: no other file knows it."""
    mean: Detector = MeanFace()
    (face,) = predict(mean, Image.open(PHOTO))
    assert face.points.shape == (15, 2)
    entry = evaluate([mean], competition)
    assert (entry.name, entry.model, entry.data, entry.cost.parameters) == ("mean-face", "mean", mean.data, None)
    assert entry.accuracy.rmse < 10 and entry.aligned["rmse"] < entry.accuracy.rmse + 1 and not entry.held_out
    assert np.isfinite(submission([mean], competition)["Location"]).all()
    page = build_app([mean], tmp_path)
    assert '"mean face"' in json.dumps(page.get_config_file(), default=str)


def test_a_weak_face_stays_if_no_detector_doubts_it():
    photo, weak = Image.new("L", (400, 400)), FaceBox((180, 100, 350, 270), -0.5)
    for doubts, expected in (([0.0, 1.2], [weak, BOX]), ([0.0, 1.3], [BOX])):
        detectors = [MeanFace(doubt=doubt) for doubt in doubts]
        assert find_confirmed_faces(detectors, photo, lambda photo: [weak, BOX]) == expected


def test_colours_are_a_detectors_own_wherever_that_is_possible(resnet):
    assert [network_colour(name) for name in ("fcnn", "resnet18", "resnet50", "resnet34")] == [RED, GREEN, BLUE, GREEN]
    assert resnet.colour == GREEN
    assert distinct([BLUE, RED]) == [BLUE, RED]
    assert distinct([GREEN, GREEN, BLUE, RED]) == [GREEN, PALETTE[3], BLUE, RED]
    many = distinct([GREEN] * len(PALETTE))
    assert set(many) == set(PALETTE) and len(distinct([RED] * 20)) == 20


def test_frames_are_answered_with_the_label_offset_of_each_convention_and_photos_without():
    plain, moved = detector(ModelConfig("fcnn")), detector(ModelConfig("fcnn"))
    moved.label_offset = np.array([0.75, -0.5], np.float32)
    images = np.random.default_rng(0).integers(0, 256, (4, 96, 96), dtype=np.uint8)
    four_point = np.array([False, True, True, False])
    for mirror in (False, True):
        offset = moved.on_frames(images, four_point, mirror) - plain.on_frames(images, four_point, mirror)
        assert np.allclose(offset[..., 0], np.array([0.75, -0.5, -0.5, 0.75])[:, None], atol=1e-4)
        assert np.allclose(offset[..., 1], 0)
    box, photo = FaceBox((10, 10, 80, 80), 1.0), Image.fromarray(images[0])
    (one,), (two,) = (each.on_photos([photo], [box]) for each in (plain, moved))
    assert np.array_equal(one.points, two.points)
