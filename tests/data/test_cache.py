import multiprocessing

import numpy as np
import pytest
from conftest import draw_faces, training_table

from fkd.data.competition import read_training
from fkd.data.faces import Faces


def same(a: Faces, b: Faces) -> bool:
    return np.array_equal(a.images, b.images) and np.array_equal(a.points, b.points, equal_nan=True)


def test_a_damaged_cache_is_made_anew_and_says_so(competition, faces, tmp_path_factory, monkeypatch):
    root = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FKD_CACHE", str(root))
    read_training(competition)
    (cached,) = root.glob("training-*.safetensors")
    cached.write_bytes(cached.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="damaged.*made anew"):
        assert same(read_training(competition), faces)
    assert same(read_training(competition), faces)
    assert len(list(root.iterdir())) == 1, "nothing is left aside"


def test_an_edited_file_is_not_served_from_the_cache(competition, faces):
    read_training(competition)
    training_table(draw_faces(60, seed=5)).to_csv(competition / "training.csv", index=False)
    assert not same(read_training(competition), faces)


def _read(folder):
    return len(read_training(folder))


def test_two_processes_may_read_at_once(competition):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(_read, [competition] * 8) == [60] * 8
