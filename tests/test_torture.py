"""The quick part of `make torture`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torture.__main__ import AREAS, run_area
from torture.case import Case, one_sentence

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_a_few_cases_of_each_area_hold():
    result = subprocess.run(
        [sys.executable, "-m", "torture", "--quick"], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert all(f"\n{area} " in f"\n{result.stdout}" for area in AREAS)


def test_a_case_that_does_not_hold_is_told(monkeypatch):
    def crash():
        return one_sentence(lambda: {}["a key"])

    class Area:
        @staticmethod
        def cases(quick):
            yield Case("fine", lambda: one_sentence(lambda: 1))
            yield Case("a traceback", crash)

    monkeypatch.setitem(sys.modules, "torture.made_up", Area)
    row = run_area("made_up", quick=True)
    assert row["held"] == 1 and row["fell"][0].startswith("a traceback: AssertionError: KeyError instead of")
