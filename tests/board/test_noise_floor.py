import dataclasses
import json

import numpy as np
import pytest
from forged import entry, made_up

from fkd.board.entries import find_benchmark, problems, read_entries, read_floor, write_entry
from fkd.board.floor import Floor, by_keypoint, shared_error
from fkd.keypoints import NAMES


def test_what_is_shared_is_the_labels_noise_and_not_the_networks():
    rng = np.random.default_rng(0)
    sizes = np.linspace(0.5, 3, 15)[:, None]  # of the labels' noise, px
    labels, first, second = (rng.normal(0, size, (2000, 15, 2)) for size in (sizes, 1.0, 2.0))
    labels[rng.random((2000, 15)) < 0.5] = np.nan
    found = by_keypoint(labels - first, labels - second, np.arange(2000))
    assert [part.shared for part in found.values()] == pytest.approx(sizes[:, 0].tolist(), abs=0.15)
    last = found[NAMES[-1]]
    assert last.rmse == pytest.approx([np.sqrt(3**2 + 1), np.sqrt(3**2 + 2**2)], abs=0.1)
    assert last.share == pytest.approx(9 / 11.5, abs=0.05) and last.low < last.shared < last.high
    assert last.values == np.isfinite(labels[:, -1]).sum()


def test_opposite_errors_share_nothing_and_where_there_is_no_label_there_is_no_figure():
    errors = np.ones((4, 15, 2))
    assert (opposite := shared_error(errors, -errors, np.arange(4))) and opposite.shared == opposite.share == 0
    assert shared_error(errors * np.nan, errors, np.arange(4)) is None


def test_near_duplicates_do_not_narrow_the_interval():
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 1, (50, 15, 2)) * rng.uniform(0.2, 3, (50, 1, 1))
    once = shared_error(errors, errors, np.arange(50))
    nine = shared_error(np.repeat(errors, 9, 0), np.repeat(errors, 9, 0), np.repeat(np.arange(50), 9))
    assert (nine.low, nine.high) == pytest.approx((once.low, once.high)) and nine.shared == once.shared


def test_a_floor_is_of_its_benchmarks_test_faces_alone(tmp_path):
    write_entry(tmp_path, entry("a", 2.0), "drawn faces")
    benchmark = find_benchmark(tmp_path, "drawn")
    assert read_floor(tmp_path, benchmark) is None and problems(tmp_path) == []
    path = tmp_path / "drawn" / "floor.json"

    def written(floor: Floor) -> Floor | None:
        path.write_text(json.dumps(dataclasses.asdict(floor)))
        return read_floor(tmp_path, benchmark)

    assert written(made_up()) == made_up() and problems(tmp_path) == []
    assert [one.name for one in read_entries(tmp_path, benchmark).measured] == ["a"]
    assert read_entries(tmp_path, benchmark).unreadable == {}, "it is no entry"
    for other in (made_up(fingerprint="g"), made_up(benchmark="other")):
        assert written(other) is None
        (said,) = problems(tmp_path)
        assert "floor.json is of the test faces of" in said and "run benchmarks/floor.py again" in said
    path.write_text("{}")
    assert read_floor(tmp_path, benchmark) is None and "floor.json lacks" in problems(tmp_path)[0]
    with pytest.raises(ValueError, match="cannot be an entry's name"):
        write_entry(tmp_path, entry("floor", 1.0), "drawn faces")
