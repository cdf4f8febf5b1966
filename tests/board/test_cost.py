from conftest import detector

from fkd.board.cost import cost
from fkd.learn.models import ModelConfig


def test_cost_counts_the_baseline():
    result = cost([detector(ModelConfig("fcnn", 1))], repeats=3)
    assert result.macs == 9216 * 500 + 500 * 30
    assert result.parameters == 4_623_530 and result.latency_ms > 0 and "threads" in result.hardware


def test_the_cost_of_an_ensemble_and_of_mirroring_is_that_of_all_its_passes():
    detectors = [detector(ModelConfig("fcnn", 1)) for _ in range(3)]
    one, all_of_it = cost(detectors[:1], repeats=1), cost(detectors, mirror=True, repeats=1)
    assert all_of_it.macs == 6 * one.macs and all_of_it.parameters == 3 * one.parameters
