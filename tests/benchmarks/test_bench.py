import sys

import bench
import pytest
from conftest import draw_faces, write_competition
from rows import Row


@pytest.mark.parametrize(
    ("ours", "others", "ratio", "most", "met"),
    [
        ([1.0, 1.0, 9.0], [4.0, 5.0, 6.0], 0.25, None, True),  # the median counts
        ([1.0, 2.0, 9.0], [4.0, 5.0, 6.0], 0.25, None, False),
        ([1.0, 2.0, 3.0], [9.0, 9.0, 9.0], None, 2.0, True),
        ([1.0, 2.1, 3.0], [9.0, 9.0, 9.0], None, 2.0, False),
        ([1.0, 1.0, 1.0], [9.0, 9.0, 9.0], 0.1, 2.0, False),
    ],
)
def test_a_row_holds_its_targets_against_medians(ours, others, ratio, most, met):
    row = Row("row", "other", "s", lambda _: [], ratio, most)
    text, held = bench.line(row, list(zip(ours, others, strict=True)))
    assert held == met and ("**missed**" in text) == (not met)
    ratios = sorted(a / b for a, b in zip(ours, others, strict=True))
    assert f"{ratios[1]:.3g} ({ratios[0]:.3g} to {ratios[2]:.3g})" in text


@pytest.mark.parametrize(("figure", "status"), [(1.0, 0), (3.0, 1)])
def test_the_table_is_written_and_a_missed_target_is_the_exit_status(figure, status, tmp_path, monkeypatch):
    data = write_competition(tmp_path / "drawn", draw_faces(4), draw_faces(2, seed=1))
    out = tmp_path / "results.md"
    monkeypatch.setattr(bench, "ROWS", [Row("made up", "other", "s", lambda b: [(figure, 4.0)] * b.runs, 0.5)])
    monkeypatch.setattr(sys, "argv", ["bench.py", "--data", str(data), "--out", str(out)])
    assert bench.main() == status
    assert f"| made up | {figure:g} s | other | 4 s |" in out.read_text()
