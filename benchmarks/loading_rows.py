"""Rows of benchmarks/bench.py: reading training.csv, and grouping its look-alikes."""

import pandas as pd
from rows import Bench, Pairs, Row, empty_cache, seconds

from fkd.data.competition import read_training
from fkd.data.split import look_alikes

READ_CSV = "pandas.read_csv alone"


def first_read(bench: Bench) -> Pairs:
    def read() -> None:
        with empty_cache():
            read_training(bench.whole)

    return bench.in_turn(read, lambda: pd.read_csv(bench.whole / "training.csv"))


def cached_read(bench: Bench) -> Pairs:
    def load() -> None:
        read_training(bench.whole).images.max()  # reads every byte

    pairs = []
    for _ in range(bench.runs):
        with empty_cache():
            first = seconds(load)
            pairs.append((seconds(load), first))
    return pairs


def groups(bench: Bench) -> Pairs:
    images = read_training(bench.whole).images
    return bench.in_turn(lambda: look_alikes(images), lambda: pd.read_csv(bench.whole / "training.csv"))


ROWS = [
    Row("first read of training.csv", READ_CSV, "s", first_read, ratio=8),
    Row("cached read of training.csv", "first read", "s", cached_read, ratio=1 / 100),
    Row("look-alike groups", READ_CSV, "s", groups, most=12),
]
