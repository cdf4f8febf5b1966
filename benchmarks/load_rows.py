"""Rows of benchmarks/bench.py: the page under load. As a script: memory over thousands of requests.

python benchmarks/load_rows.py [--requests 5000]
"""

import argparse
import functools
import statistics

import numpy as np
from rows import Bench, Pairs, Row
from start_rows import MODELS, PHOTO, served_page
from visits import Visitor, at_once

VISITORS, MODEL = 50, "resnet18"
FIRST, MORE = 250, 60  # requests until the page keeps as many sessions as it may, and between two looks at the memory


@functools.cache
def crowds(bench: Bench) -> list[tuple[list[float], list[float], float]]:
    """Per run: the seconds of answers one after the other, those of 50 visitors at once, and until the last had one."""
    runs = []
    with served_page() as (url, _):
        visitors = [Visitor(url, PHOTO) for _ in range(VISITORS)]
        at_once(visitors, "predict", MODEL)  # threads and memory are there
        for _ in range(bench.runs):
            alone = [visitors[0].ask("predict", MODEL) for _ in range(VISITORS // 2)]
            crowd = at_once(visitors, "predict", MODEL)
            runs.append((alone, crowd, max(crowd)))
    return runs


def throughput(bench: Bench) -> Pairs:
    return [(until_last / VISITORS, statistics.mean(alone)) for alone, _, until_last in crowds(bench)]


def longest_waits(bench: Bench) -> Pairs:
    return [(float(np.quantile(crowd, 0.95)), statistics.mean(crowd)) for _, crowd, _ in crowds(bench)]


def memory(bench: Bench) -> Pairs:
    """After each run MORE requests more, beside what there was after the first ones."""
    pairs = []
    with served_page() as (url, page):
        visitors = [Visitor(url, PHOTO) for _ in range(10)]
        for number in range(FIRST // len(visitors)):
            at_once(visitors, *(("compare", MODELS) if number < 5 else ("predict", MODEL)))
        first = page.memory_info().rss / 1e6
        for _ in range(bench.runs):
            for _ in range(MORE // len(visitors)):
                at_once(visitors, "predict", MODEL)
            pairs.append((page.memory_info().rss / 1e6, first))
    return pairs


ROWS = [
    Row("an answer, 50 visitors at once", "one after the other", "s", throughput, ratio=1 / 0.85),
    Row("95th percentile of 50 visitors' waits", "their mean", "s", longest_waits, ratio=3),
    Row("memory of the page after up to 300 more answers", "after 250", "MB", memory, ratio=1.05),
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory of the page over many requests.")
    parser.add_argument("--requests", type=int, default=5000)
    requests = parser.parse_args().requests
    with served_page() as (url, page):
        visitors = [Visitor(url, PHOTO) for _ in range(VISITORS)]
        print("| requests | MB |\n|---|---|", flush=True)
        for done in range(VISITORS, requests + 1, VISITORS):
            at_once(visitors, "predict", MODEL)
            if done % (5 * VISITORS) == 0:
                print(f"| {done:,} | {page.memory_info().rss / 1e6:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
