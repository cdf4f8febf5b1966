"""How fkd's time grows with what it is given, as one picture: benchmarks/growth.png, drawn by Chromium.

python benchmarks/growth.py [--runs 3] [--out benchmarks/growth.png]

Prints each point, and the exponent between the first and the last of a line: 1 is linear.
"""

import argparse
import json
import math
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.subplots import make_subplots
from rows import ROOT, empty_cache, seconds

from fkd import load, predict
from fkd.board.entries import read_benchmarks, read_entries
from fkd.data.competition import read_training
from fkd.keypoints import COLUMNS
from fkd.page.ranking_table import Choice
from fkd.page.standings import Board, view
from fkd.photo.reading import read_photo

Points = Iterator[tuple[str, float, Callable[[], object]]]  # of a line's name: the size, and what is timed
PHOTO = ROOT / "examples" / "grace_hopper.jpg"
FACE = 250  # px of a face's tile
PANELS = ("rows of training.csv", "entries of a leaderboard", "faces in a photo of 3.1 megapixels", "megapixels")


def rows_of_data(folder: Path) -> Points:
    """Up to 25,000: a larger csv has more than the gigabyte that fkd reads."""
    pixels = " ".join(str(number % 256) for number in range(9216))
    head = ",".join(COLUMNS) + ",Image\n"
    for count in (1_000, 5_000, 25_000):
        (folder / "training.csv").write_text(head + f"{','.join(['48.5'] * 30)},{pixels}\n" * count)
        yield "first read", count, lambda: first_read(folder)
    (folder / "training.csv").unlink()


def first_read(folder: Path) -> None:
    with empty_cache():
        read_training(folder)


def entries(folder: Path) -> Points:
    base = ROOT / "leaderboard" / "wild15"
    entry = json.loads((base / "resnet18.json").read_text())
    (folder / "wild15").mkdir()
    shutil.copy(base / "benchmark.json", folder / "wild15")
    (benchmark,) = read_benchmarks(folder)
    board = Board(folder, {"wild15": benchmark}, {"resnet18": ROOT / "checkpoints" / "resnet18"})
    written = 0
    load(ROOT / "checkpoints" / "resnet18")  # with what it imports, which is none of the ranking's time
    for count in (100, 1_000, 10_000):
        for number in range(written, count):
            (folder / "wild15" / f"m{number}.json").write_text(json.dumps(entry | {"name": f"m{number}"}))
        written = count
        yield "what is new is read", count, lambda: read_entries(folder, benchmark)
        yield "first ranking", count, lambda: board.rows(Choice())
        yield "a click on a filter", count, lambda: view(board, Choice(search="m7"))


def faces(folder: Path) -> Points:
    detector, photo = load(ROOT / "checkpoints" / "resnet18"), read_photo(PHOTO)
    box = np.array(predict(detector, photo)[0].box)
    middle, side = (box[:2] + box[2:]) / 2, (box[2] - box[0]) * 0.9
    tile = photo.crop((*(middle - side).astype(int), *(middle + side).astype(int))).resize((FACE, FACE))
    for count in (1, 2, 5, 10, 25, 50):
        crowd = Image.new("RGB", (10 * FACE, 5 * FACE), "grey")
        for number in range(count):
            crowd.paste(tile, (number % 10 * FACE, number // 10 * FACE))
        yield "found and answered", count, lambda crowd=crowd: predict(detector, crowd)  # type: ignore[misc]


def megapixels(folder: Path) -> Points:
    detector, photo = load(ROOT / "checkpoints" / "resnet18"), read_photo(PHOTO)
    predict(detector, photo)  # the first takes longer
    file = folder / "photo.jpg"
    for size in (1, 3, 12, 25, 50):
        scale = math.sqrt(size * 1e6 / (photo.width * photo.height))
        photo.resize([round(side * scale) for side in photo.size]).save(file, quality=90)
        yield "file to answer", size, lambda: predict(detector, read_photo(file))
        yield "of it: reading", size, lambda: read_photo(file)


def main() -> None:
    parser = argparse.ArgumentParser(description="How time grows with what is given.")
    parser.add_argument("--runs", type=int, default=3, help="of each point but the first readings; the median counts")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "growth.png")
    arguments = parser.parse_args()
    figure = make_subplots(1, 4, subplot_titles=PANELS)
    for column, measure in enumerate((rows_of_data, entries, faces, megapixels), 1):
        lines: dict[str, list[tuple[float, float]]] = {}
        with tempfile.TemporaryDirectory() as folder:
            for name, size, work in measure(Path(folder)):
                once = name in ("first read", "what is new is read", "first ranking")
                taken = statistics.median(seconds(work) for _ in range(1 if once else arguments.runs))
                lines.setdefault(name, []).append((size, taken))
                print(f"{PANELS[column - 1]}: {size:,} {name} {taken:.3g} s", flush=True)
        for name, points in lines.items():
            (first, start), *_, (last, end) = points
            exponent = math.log(end / start) / math.log(last / first)
            label = f"{name}: exponent {exponent:.2f}"
            print(label)
            figure.add_scatter(x=[x for x, _ in points], y=[y for _, y in points], name=label, row=1, col=column)
    draw(figure, arguments.out)


def draw(figure: go.Figure, out: Path) -> None:
    """Writes the figure as a picture. Raises RuntimeError without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        raise RuntimeError("no Chromium is installed to draw the picture (Debian: apt-get install chromium)")
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick="D2", ticksuffix=" s")
    figure.update_layout(template="plotly_white", width=1400, height=520, legend={"orientation": "h", "y": -0.15})
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "growth.html"
        figure.write_html(page, include_plotlyjs=True, config={"displayModeBar": False})
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += ["--window-size=1420,560", "--virtual-time-budget=5000", f"--screenshot={out}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
