import numpy as np
import pytest
from conftest import detector

from fkd.board.measuring import measure
from fkd.board.record import joined
from fkd.keypoints import MEAN_FACE
from fkd.learn.models import ModelConfig
from fkd.metrics import accuracy
from fkd.photo.detector import mean_on_frames
from fkd.photo.detectors.checkpoint import CheckpointDetector


class Shifted(CheckpointDetector):
    """Has a checkpoint, but answers with the mean face, moved right by the mean grey of a frame."""

    def on_frames(self, images, four_point=None, mirror=False):
        points = np.repeat(np.array(MEAN_FACE, np.float32)[None], len(images), 0)
        points[..., 0] += images.mean((1, 2))[:, None] / 100
        return points


def test_an_entry_is_of_what_a_detector_answers_not_of_its_model(competition):
    untrained = detector(ModelConfig("fcnn"))
    shifted = Shifted(untrained.checkpoint, untrained.folder)
    entry = measure([shifted], competition)
    assert entry.accuracy.rmse < 10 < measure([untrained], competition).accuracy.rmse
    blur, darkness = entry.robustness["blur"], entry.robustness["darkness"]
    assert blur[0] == darkness[0] == pytest.approx(entry.accuracy.rmse, abs=1e-4) and len(set(darkness)) > 1
    assert entry.name == "untrained" and entry.model == "fcnn" and entry.weights == ["0" * 64]


def test_an_ensemble_is_the_mean_of_its_members_answers(competition, sixty):
    one = detector(ModelConfig("fcnn"))
    two = Shifted(one.checkpoint, one.folder)
    both = mean_on_frames([one, two], sixty.images)
    assert both.dtype == np.float32
    assert np.allclose(both, (one.on_frames(sixty.images) + two.on_frames(sixty.images)) / 2, atol=1e-4)
    entry = measure([one, two], competition, name="both")
    assert entry.members == 2 and entry.checkpoint == joined(["0" * 64] * 2) and entry.name == "both"
    assert entry.cost.macs == 2 * measure([one], competition).cost.macs
    assert accuracy(both, sixty.points, 1).rmse < accuracy(one.on_frames(sixty.images), sixty.points, 1).rmse
