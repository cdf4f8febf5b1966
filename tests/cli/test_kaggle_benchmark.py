"""The competition's exact shape: the whole path with files like Kaggle's."""

import json

import numpy as np
import pandas as pd
import pytest
from commands import run
from conftest import draw_faces, write_competition

from fkd.board.entries import KAGGLE
from fkd.data.competition import read_training
from fkd.data.faces import Faces, is_four_point
from fkd.keypoints import FOUR_POINT

OTHERS = [index for index in range(15) if index not in FOUR_POINT]


def textured(count: int, seed: int) -> Faces:
    """Drawn faces, each under another pattern, so that no two look alike."""
    rng = np.random.default_rng(seed)
    base = draw_faces(40, seed, four_point_share=0)
    which = rng.integers(0, 40, count)
    pattern = rng.integers(0, 2, (count, 12, 12)).repeat(8, 1).repeat(8, 2) * 110  # [N, 96, 96]
    return Faces((base.images[which] * 0.5 + pattern).astype(np.uint8), base.points[which].copy())


@pytest.mark.slow
def test_files_of_the_competitions_exact_shape(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training, test = textured(7049, 0), textured(1783, 1)
    training.points[2283:, OTHERS] = np.nan
    training.points[2140:2283, 9] = np.nan  # 2,140 complete rows
    test.points[585:, OTHERS] = np.nan
    test.points[0, OTHERS[:5]] = np.nan
    data = write_competition(tmp_path / "facial-keypoints-detection", training, test)
    assert is_four_point(read_training(data).points).sum() == 7049 - 2283

    run("train", "--model", "fcnn", "--data", data, "--out", "checkpoints/m", "--epochs", "2")
    said = run("evaluate", "checkpoints/m", "--data", data)
    assert f"m on {KAGGLE}: RMSE" in said and "not ranked" not in said
    entry = json.loads((tmp_path / "leaderboard" / KAGGLE / "m.json").read_text())
    assert entry["held_out"] and 600 < entry["accuracy"]["faces"] < 800
    assert KAGGLE in run("leaderboard")
    assert "27,124 rows" in run("submit", "--checkpoint", "checkpoints/m", "--data", data, "--out", "submission.csv")
    assert len(pd.read_csv("submission.csv")) == 27124
