import numpy as np
import pandas as pd
import pytest
from ablation import VARIANTS, run, summary

from fkd.data.split import Split


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_and_is_measured(name, faces):
    rows = np.arange(60)
    split = Split(rows[rows % 3 > 0], rows[rows % 3 == 0], rows[:0])
    row = run(name, {"epochs": 1, "warmup_epochs": 0, "batch_size": 20}, faces, split, 0, "test_resnet", "cpu")
    assert (row.pop("variant"), row.pop("seed")) == (name, 0)
    assert len(row) == 6 and all(0 < error < 80 for error in row.values())


def test_the_table_gives_mean_and_spread_over_seeds():
    runs = pd.DataFrame([{"variant": "ours", "seed": seed, "all": 1.0 + seed} for seed in range(3)])
    assert summary(runs).loc["ours"].to_dict() == {"all": "2.000 (1.000 to 3.000)", "seeds": 3}
    assert summary(runs[:1]).loc["ours"].to_dict() == {"all": "1.000", "seeds": 1}, "one seed has no spread"
