import numpy as np
import pandas as pd
import pytest
import torch
from ablation import BOTH, DECODED, VARIANTS, dark, run, summary

from fkd.data.split import Split
from fkd.learn.heatmap import SIGMA, cells


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_and_is_measured(name, faces):
    rows = np.arange(60)
    split = Split(rows[rows % 3 > 0], rows[rows % 3 == 0], rows[:0])
    base = {"epochs": 1, "warmup_epochs": 0, "batch_size": 20}
    found = run(name, base, faces, split, 0, "test_resnet", "cpu")
    assert [row.pop("variant") for row in found] == ([BOTH, DECODED] if name == BOTH else [name])
    for row in found:
        assert row.pop("seed") == 0 and len(row) == 6 and all(0 < error < 80 for error in row.values())


def test_dark_finds_the_centre_of_a_gaussian_between_cells():
    points = torch.tensor([[[20.3, 70.8], [47.5, 47.5]]])
    away = cells(torch.zeros(1, 1, 48, 48)) - points[..., None]
    across, down = (-away.square() / (2 * SIGMA**2)).unbind(2)
    assert (dark(down[..., :, None] + across[..., None, :]) - points).abs().max() < 0.01


def test_the_table_gives_mean_and_spread_over_seeds():
    runs = pd.DataFrame([{"variant": "ours", "seed": seed, "all": 1.0 + seed} for seed in range(3)])
    assert summary(runs).loc["ours"].to_dict() == {"all": "2.000 (1.000 to 3.000)", "seeds": 3}
    assert summary(runs[:1]).loc["ours"].to_dict() == {"all": "1.000", "seeds": 1}, "one seed has no spread"
