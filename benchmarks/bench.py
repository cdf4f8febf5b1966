"""fkd's time and memory, measured in turn with baselines, in one table; exits with 1 where a target is missed.

python benchmarks/bench.py --data DIR [--runs 5] [--only WORD] [--out benchmarks/RESULTS.md]

benchmarks/README.md describes each row, and how to add one.
"""

import argparse
import datetime
import os
import platform
import re
import statistics
import sys
import tempfile
from pathlib import Path

import answer_rows
import clip_rows
import engine_rows
import finder_rows
import loading_rows
import numpy as np
import page_rows
import pandas as pd
import photos_rows
import torch
import training_rows
from rows import Bench, Pairs, Row

from fkd.data.competition import read_training
from fkd.keypoints import COLUMNS
from fkd.learn.models import bf16_is_quick

FACES = 7_049  # as many as the competition's training.csv has
ROWS = [
    *loading_rows.ROWS, *page_rows.ROWS, *finder_rows.ROWS, *photos_rows.ROWS, *training_rows.ROWS, *answer_rows.ROWS,
    *engine_rows.ROWS, *clip_rows.ROWS,
]  # fmt: skip
HEAD = """\
| row | fkd | baseline | baseline | ratio (lowest to highest) | target, at most | |
|---|---|---|---|---|---|---|"""


def line(row: Row, pairs: Pairs) -> tuple[str, bool]:
    """The row's line in the table, and whether its targets are met."""
    ours, others = zip(*pairs, strict=True)
    ratios = [a / b for a, b in pairs]
    ratio, figure = statistics.median(ratios), statistics.median(ours)
    met = (row.ratio is None or ratio <= row.ratio) and (row.most is None or figure <= row.most)
    targets = [f"ratio {row.ratio:g}"] if row.ratio is not None else []
    targets += [f"{row.most:,} {row.unit}"] if row.most is not None else []
    verdict = "met" if met else "**missed**"
    cells = [
        row.name, f"{figure:,.4g} {row.unit}", row.other, f"{statistics.median(others):,.4g} {row.unit}",
        f"{ratio:.3g} ({min(ratios):.3g} to {max(ratios):.3g})", ", ".join(targets), verdict if targets else "",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |", met


def processor() -> str:
    """Number of cores, model, and whether it multiplies bfloat16."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    kind = "with" if bf16_is_quick(torch.device("cpu")) else "without"
    return f"{os.cpu_count()} x {model[1] if model else platform.machine()} {kind} bfloat16"


def write_training(data: Path, folder: Path) -> None:
    """Writes training.csv of FACES rows: those of `data`, and as many mirrored ones as lack."""
    faces = read_training(data)
    images = np.concatenate([faces.images, faces.images[:, :, ::-1]])[:FACES]
    table = pd.DataFrame(np.resize(faces.points, (len(images), 15, 2)).reshape(-1, 30), columns=list(COLUMNS))
    table["Image"] = [" ".join(map(str, image.ravel())) for image in images]
    table.to_csv(folder / "training.csv", index=False)


def main() -> int:
    parser = argparse.ArgumentParser(description="fkd's time and memory compared with baselines.")
    parser.add_argument("--data", type=Path, required=True, help="the competition's folder")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose names have this word")
    parser.add_argument("--out", type=Path, help="also writes the table to this file")
    arguments = parser.parse_args()
    chosen = [row for row in ROWS if arguments.only in row.name]
    if not chosen or (arguments.only and arguments.out):
        parser.error(f"no row's name has {arguments.only!r}" if not chosen else "--out takes the whole table")
    load, lines, missed = os.getloadavg()[0], [HEAD], 0
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        write_training(arguments.data, Path(folder))
        bench = Bench(arguments.runs, arguments.data, Path(folder))
        for row in chosen:
            text, met = line(row, row.measure(bench))
            missed += not met
            lines.append(text)
            print(text, flush=True)
    made_by = f"Python {platform.python_version()}, torch {torch.__version__}"
    loads = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    where = f"{datetime.date.today()}, {arguments.data.resolve().name}, {processor()}, {made_by}, {arguments.runs} runs"
    where = f"{where}; {loads}; {missed} targets missed."
    print(f"\n{where}")
    if arguments.out:
        arguments.out.write_text("\n".join(["# Results of `make bench`", "", where, "", *lines, ""]))
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
