import dataclasses
import json

import numpy as np
import pytest
from conftest import detector

from fkd.board.measuring import cost, evaluate, hardware
from fkd.board.record import Evaluation
from fkd.files import typed
from fkd.keypoints import MEAN_FACE, NOSE_TIP
from fkd.learn.models import ModelConfig
from fkd.photo.detector import mean_on_frames
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.landmarks import LandmarkDetector


class Shifted(CheckpointDetector):
    """Has a checkpoint, but answers with the mean face, moved right by the mean grey of a frame."""

    def on_frames(self, images, four_point=None, mirror=False):
        points = np.repeat(np.array(MEAN_FACE, np.float32)[None], len(images), 0)
        points[..., 0] += images.mean((1, 2))[:, None] / 100
        return points


def test_a_detector_is_measured_by_its_answers(competition):
    untrained = detector(ModelConfig("fcnn"))
    entry = evaluate([Shifted(**vars(untrained))], competition)
    assert entry.accuracy.rmse < 10 < evaluate([untrained], competition).accuracy.rmse
    blur, darkness = entry.robustness["blur"], entry.robustness["darkness"]
    assert blur[0] == darkness[0] == pytest.approx(entry.accuracy.rmse, abs=1e-4) and len(set(darkness)) > 1
    assert entry.name == "untrained" and entry.model == "fcnn" and entry.weights == ["0" * 64]


class Elsewhere(Shifted):
    """Knows every face's labels, but puts the nose 3 px lower, and in the four-point convention 2 px to the left."""

    def __init__(self, untrained, faces):
        super().__init__(**vars(untrained))
        labels = np.where(np.isfinite(faces.points), faces.points, np.array(MEAN_FACE))
        object.__setattr__(self, "known", dict(zip(map(np.ndarray.tobytes, faces.images), labels, strict=True)))

    def on_frames(self, images, four_point=None, mirror=False):
        points = np.array([self.known.get(image.tobytes(), np.array(MEAN_FACE)) for image in images], np.float32)
        four = np.zeros(len(images), bool) if four_point is None else four_point
        points[~four, NOSE_TIP, 1] += 3
        points[four, NOSE_TIP, 0] -= 2
        return points


def test_aligned_figures_ignore_where_a_point_is_defined_and_an_entry_survives_json(competition, faces):
    entry = evaluate([Elsewhere(detector(ModelConfig("fcnn")), faces)], competition)
    assert entry.accuracy.rmse > 0.4 and entry.accuracy.rmse_by_keypoint["nose_tip"] > 1
    assert entry.aligned["rmse"] == pytest.approx(0, abs=1e-3) and set(entry.aligned) == set(entry.accuracy.figures)
    text = json.dumps(dataclasses.asdict(entry), allow_nan=False)
    assert typed(json.loads(text), Evaluation, "entry") == entry


def test_an_ensemble_is_the_mean_of_its_members_answers(competition, sixty):
    one = detector(ModelConfig("fcnn"))
    two = Shifted(**vars(one) | {"sha256": "1" * 64})
    both = mean_on_frames([one, two], sixty.images)
    assert np.allclose(both, (one.on_frames(sixty.images) + two.on_frames(sixty.images)) / 2, atol=1e-4)
    entry = evaluate([one, two], competition, name="both")
    assert entry.members == 2 and entry.weights == ["0" * 64, "1" * 64] and entry.name == "both"


def test_the_cost_is_that_of_all_passes_of_all_members():
    detectors = [detector(ModelConfig("fcnn")) for _ in range(3)]
    one, total = cost(detectors[:1], repeats=1), cost(detectors, mirror=True, repeats=1)
    assert one.macs == 9216 * 500 + 500 * 30 and one.parameters == 4_623_530
    assert one.latency_ms > 0 and "thread" in one.hardware and hardware("cpu", "OpenVINO").endswith(", OpenVINO")
    assert total.macs == 6 * one.macs and total.parameters == 3 * one.parameters
    foreign_detector = LandmarkDetector("foreign", lambda image: np.zeros((68, 2)), "0" * 64)
    foreign = cost([foreign_detector], repeats=1)
    assert (foreign.parameters, foreign.macs) == (None, None) and foreign.latency_ms > 0
