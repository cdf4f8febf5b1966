"""Rows of benchmarks/bench.py: reading training.csv, and grouping its look-alikes."""

from pathlib import Path

import torch
import torch.nn.functional as F
from rows import Bench, Pairs, Row, empty_cache, peak_memory, seconds

from fkd.data.competition import read_training
from fkd.data.split import LOOK_ALIKE, look_alikes

USUAL_PARSE = """
import numpy as np, pandas as pd
table = pd.read_csv({csv!r})
images = np.stack([np.fromstring(text, sep=" ") for text in table["Image"]])
"""


def usual_parse(csv: Path) -> str:
    return USUAL_PARSE.format(csv=str(csv / "training.csv"))


def parse(bench: Bench) -> Pairs:
    def first_read() -> None:
        with empty_cache():
            read_training(bench.whole)

    return bench.in_turn(first_read, lambda: exec(usual_parse(bench.whole), {}))


def parse_memory(bench: Bench) -> Pairs:
    read = f"from fkd.data.competition import read_training; read_training({str(bench.whole)!r})"
    pairs = []
    for _ in range(bench.runs):
        with empty_cache():
            pairs.append((peak_memory(read), peak_memory(usual_parse(bench.whole))))
    return pairs


def cached_load(bench: Bench) -> Pairs:
    def load() -> None:
        read_training(bench.whole).images.max()  # which reads every byte

    pairs = []
    for _ in range(bench.runs):
        with empty_cache():
            first = seconds(load)
            pairs.append((seconds(load), first))
    return pairs


def groups(bench: Bench) -> Pairs:
    images = read_training(bench.whole).images
    small = F.avg_pool2d(torch.from_numpy(images).float()[:, None], 4)[:, 0]

    def every_pair() -> None:
        """Each of the 25 shifts costs the same, so that one is timed and counts 25 times."""
        window = F.normalize(small[:, 3:21, 3:21].flatten(1), dim=1)
        for part in window.split(2048):
            (part @ window.T >= LOOK_ALIKE).nonzero()

    return [(ours, 25 * one_shift) for ours, one_shift in bench.in_turn(lambda: look_alikes(images), every_pair)]


PARSE = "pandas.read_csv, np.fromstring per row"
ROWS = [
    Row("first read of training.csv", PARSE, "s", parse, ratio=1 / 4),
    Row("its peak memory", PARSE, "MB", parse_memory, most=1200),
    Row("cached read of training.csv", "first read", "s", cached_load, ratio=1 / 100),
    Row("look-alike groups", "every pair in full", "s", groups, most=5),
]
