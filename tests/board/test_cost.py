import numpy as np
from conftest import detector

from fkd.board.cost import cost, hardware
from fkd.data.sixty_eight import OF_68
from fkd.learn.models import ModelConfig
from fkd.photo.detectors.landmarks import LandmarkDetector


def test_cost_counts_the_baseline():
    result = cost([detector(ModelConfig("fcnn"))], repeats=3)
    assert result.macs == 9216 * 500 + 500 * 30
    assert result.parameters == 4_623_530 and result.latency_ms > 0 and "thread" in result.hardware


def test_of_what_is_no_network_of_ours_only_the_time_is_known():
    lost = LandmarkDetector("lost", lambda image: np.full((68, 2), np.nan), OF_68, {}, "none", "0" * 64, "#ffffff")
    result = cost([lost], repeats=1)
    assert (result.parameters, result.macs) == (None, None) and result.latency_ms > 0


def test_the_cost_of_an_ensemble_and_of_mirroring_is_that_of_all_its_passes():
    detectors = [detector(ModelConfig("fcnn")) for _ in range(3)]
    one, all_of_it = cost(detectors[:1], repeats=1), cost(detectors, mirror=True, repeats=1)
    assert all_of_it.macs == 6 * one.macs and all_of_it.parameters == 3 * one.parameters


def test_the_processor_is_named_with_its_threads(monkeypatch):
    for count, words in ((1, ", 1 thread"), (2, ", 2 threads")):
        monkeypatch.setattr("torch.get_num_threads", lambda count=count: count)
        assert hardware("cpu").endswith(words)
    assert hardware("cpu", "OpenVINO").endswith(", OpenVINO")
