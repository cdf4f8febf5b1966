import dataclasses
import json

import numpy as np
import pytest
from conftest import detector

from fkd.board.measuring import measure
from fkd.board.record import from_json
from fkd.keypoints import MEAN_FACE, NOSE_TIP
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


class Elsewhere(Shifted):
    """Knows every face's labels, but its nose lies 3 px lower, and in the four-point convention 2 px to the left."""

    def __init__(self, untrained, faces):
        super().__init__(untrained.checkpoint, untrained.folder)
        labels = np.where(np.isfinite(faces.points), faces.points, np.array(MEAN_FACE))
        object.__setattr__(self, "known", dict(zip(map(np.ndarray.tobytes, faces.images), labels, strict=True)))

    def on_frames(self, images, four_point=None, mirror=False):
        points = np.array([self.known.get(image.tobytes(), np.array(MEAN_FACE)) for image in images], np.float32)
        four = np.zeros(len(images), bool) if four_point is None else four_point
        points[~four, NOSE_TIP, 1] += 3
        points[four, NOSE_TIP, 0] -= 2
        return points


def test_aligned_figures_leave_out_where_a_point_is_defined(competition, faces):
    entry = measure([Elsewhere(detector(ModelConfig("fcnn")), faces)], competition)
    assert entry.accuracy.rmse > 0.4 and entry.accuracy.rmse_by_keypoint["nose_tip"] > 1
    assert entry.aligned["rmse"] == pytest.approx(0, abs=1e-3) and set(entry.aligned) == set(entry.accuracy.figures)
    again = from_json(json.loads(json.dumps(dataclasses.asdict(entry))))
    assert again.aligned == entry.aligned and again.format == 5


def test_an_ensemble_is_the_mean_of_its_members_answers(competition, sixty):
    one = detector(ModelConfig("fcnn"))
    two = Shifted(one.checkpoint, one.folder)
    both = mean_on_frames([one, two], sixty.images)
    assert both.dtype == np.float32
    assert np.allclose(both, (one.on_frames(sixty.images) + two.on_frames(sixty.images)) / 2, atol=1e-4)
    entry = measure([one, two], competition, name="both")
    assert entry.members == 2 and entry.weights == ["0" * 64] * 2 and entry.name == "both"
    assert entry.cost.macs == 2 * measure([one], competition).cost.macs
    assert accuracy(both, sixty.points, 1).rmse < accuracy(one.on_frames(sixty.images), sixty.points, 1).rmse
