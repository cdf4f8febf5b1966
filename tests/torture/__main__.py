"""Runs the areas, each in a process of its own, and prints a table; exit status 1 if one case falls.

python -m torture [AREA ...] [--quick]
"""

import argparse
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from torture.case import Skip

AREAS = ("fuzz", "training", "pictures", "page", "data_files", "predictions", "points", "records", "repositories")
AREAS += ("networks",)
LIMIT = 120  # s, of one case


def run_area(name: str, quick: bool) -> dict:
    """Runs an area's cases in this process: counts, what fell, the slowest case (s) and the peak memory (MB)."""
    held, fell, skipped, worst = 0, [], [], 0.0

    def too_slow(*_):
        raise AssertionError(f"not done after {LIMIT} s")

    signal.signal(signal.SIGALRM, too_slow)
    try:
        for case in importlib.import_module(f"torture.{name}").cases(quick):
            start = time.perf_counter()
            signal.alarm(LIMIT)
            try:
                case.run()
                held += 1
            except Skip as why:
                skipped.append(f"{case.name}: {why}")
            except Exception as error:  # whatever falls is counted, and the others still run
                fell.append(f"{case.name}: {type(error).__name__}: {' '.join(str(error).split())[:500]}")
            finally:
                signal.alarm(0)
            worst = max(worst, time.perf_counter() - start)
    except Skip as why:
        skipped.append(str(why))
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"area": name, "held": held, "fell": fell, "skipped": skipped, "worst": worst, "peak": peak / 1024}


def in_a_process(name: str, quick: bool) -> dict:
    """Runs an area in a process of its own; one that dies has fallen."""
    here = Path(__file__).parents[1]
    paths = f"{here.parent}:{here}"
    with tempfile.TemporaryDirectory(prefix="fkd-torture-") as scratch:
        result = subprocess.run(
            [sys.executable, "-m", "torture", name, "--json", *(["--quick"] if quick else [])],
            cwd=here.parent,
            env=os.environ | {"PYTHONPATH": paths, "TMPDIR": scratch, "FKD_CACHE": f"{scratch}/cache"},
            capture_output=True,
            text=True,
        )
    try:
        return json.loads(result.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        why = f"the process ended with {result.returncode}: {result.stderr[-2000:]}"
        return {"area": name, "held": 0, "fell": [why], "skipped": [], "worst": 0.0, "peak": 0.0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture")
    parser.add_argument("areas", nargs="*", choices=[*AREAS, []], metavar="AREA", help=f"of {', '.join(AREAS)}")
    parser.add_argument("--quick", action="store_true", help="a few cases of each, under a minute in all")
    parser.add_argument("--json", action="store_true", help="one area, in this process, as JSON")
    given = parser.parse_args()
    areas = given.areas or AREAS
    if given.json:
        print(json.dumps(run_area(areas[0], given.quick)))
        return 0
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:  # two at a time: the fuzzing takes half of the time alone
        results = list(pool.map(lambda name: in_a_process(name, given.quick), areas))
    print(f"{'area':12} {'cases':>6} {'held':>6} {'skipped':>8} {'worst, s':>9} {'peak, MB':>9}")
    for row in results:
        count = row["held"] + len(row["fell"])
        print(
            f"{row['area']:12} {count:6} {row['held']:6} {len(row['skipped']):8} {row['worst']:9.1f} {row['peak']:9.0f}"
        )
    for row in results:
        for why in row["skipped"]:
            print(f"skipped: {row['area']}: {why}")
    fallen = [f"FELL: {row['area']}: {why}" for row in results for why in row["fell"]]
    print("\n".join(fallen) if fallen else f"all held, {time.perf_counter() - start:.0f} s")
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
