"""Rows of benchmarks/bench.py: answers of the serving path against torch in float32; a photo to its overlays."""

import contextlib
import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from rows import ROOT, Bench, Pairs, Row

from fkd.data.split import in_order, split_data
from fkd.learn.inference import bf16_is_quick
from fkd.metrics import accuracy
from fkd.photo.comparison import Comparison, compare
from fkd.photo.detectors.by_torch import load_by_torch
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.draw import draw_points
from fkd.photo.finder import find_faces
from fkd.photo.reading import read_photo

BF16 = bf16_is_quick(torch.device("cpu"))
TORCH = "torch in float32"
PHOTO = ROOT / "examples" / "grace_hopper.jpg"
TWO = ("resnet18", "resnet50")


def detector(name: str) -> CheckpointDetector:
    return CheckpointDetector.read(ROOT / "checkpoints" / name)


def by_torch(name: str) -> CheckpointDetector:
    """The same with torch's model, whatever is installed."""
    folder = ROOT / "checkpoints" / name
    return CheckpointDetector(load_by_torch(folder), folder)


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Busy processes next to this one."""
    beside = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in beside:
            process.kill()
            process.wait()


def answers(name: str, load: int = 0) -> Callable[[Bench], Pairs]:
    """Milliseconds for a face and its mirror image, next to `load` busy processes."""

    def measure(bench: Bench) -> Pairs:
        frame = np.random.default_rng(0).integers(0, 256, (1, 96, 96), np.uint8)
        ours, other = detector(name), by_torch(name)
        times = 4 if load else 20  # the threads that torch leaves spinning reach into the first answers after it
        for each in (ours, other):
            each._answer(frame)  # compiles
        with busy(load):
            pairs = bench.in_turn(
                lambda: [ours._answer(frame) for _ in range(times)],
                lambda: [other._answer(frame) for _ in range(times)],
            )
        return [(1000 * a / times, 1000 * b / times) for a, b in pairs]

    return measure


def together(name: str) -> Callable[[Bench], Pairs]:
    """Milliseconds per face for eight faces in one batch, against one after the other."""

    def measure(bench: Bench) -> Pairs:
        frames, ours = np.random.default_rng(0).integers(0, 256, (8, 96, 96), np.uint8), detector(name)
        ours._answer(frames)
        pairs = bench.in_turn(
            lambda: [ours._answer(frames) for _ in range(3)],
            lambda: [ours._answer(frames[[number]]) for _ in range(3) for number in range(8)],
        )
        return [(1000 * a / 24, 1000 * b / 24) for a, b in pairs]

    return measure


def rmse_difference(name: str) -> Callable[[Bench], Pairs]:
    """By how much the RMSE on the held-out tenth of the data differs, beside torch's; the same in every run."""

    def measure(bench: Bench) -> Pairs:
        faces, split = split_data(bench.data)
        test = faces[in_order(faces, split.test)]
        ours, other = (
            accuracy(each.on_frames(test.images, test.four_point), test.points, 1).rmse
            for each in (detector(name), by_torch(name))
        )
        return [(abs(ours - other), other)] * bench.runs

    return measure


def jpeg(megapixels: float) -> bytes:
    """A photo of one face as a phone writes it: 4:3, lying on its side, as its EXIF orientation says."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    photo = Image.open(PHOTO).convert("RGB")
    upright = photo.resize((height, round(photo.height * height / photo.width)), Image.Resampling.LANCZOS)
    upright = upright.crop((0, 0, height, width))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    file = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def overlays(file: bytes, detectors: list[CheckpointDetector]) -> dict[str, float]:
    """Seconds of each stage from a photo's file to the overlays of two detectors."""
    spent, start = {}, time.perf_counter()

    def stage(name: str) -> None:
        nonlocal start
        now = time.perf_counter()
        spent[name], start = now - start, now

    photo = read_photo(io.BytesIO(file))
    stage("reading")
    boxes = find_faces(photo)
    stage("finding")
    comparison: Comparison = compare(detectors, photo, boxes)
    stage("answering")
    for one in detectors:
        draw_points(photo, [face.points for face in comparison.answers[one.name]], one.colour)
    stage("drawing")
    assert boxes
    return spent


def photo_to_overlays(megapixels: float) -> Callable[[Bench], Pairs]:
    def measure(bench: Bench) -> Pairs:
        file, ours, other = jpeg(megapixels), [detector(name) for name in TWO], [by_torch(name) for name in TWO]
        for each in (ours, other):
            overlays(file, each)
        return bench.in_turn(lambda: overlays(file, ours), lambda: overlays(file, other))

    return measure


def stage(megapixels: float, name: str) -> Callable[[Bench], Pairs]:
    """Seconds of one stage, against all of them."""

    def measure(bench: Bench) -> Pairs:
        file, ours = jpeg(megapixels), [detector(name) for name in TWO]
        overlays(file, ours)
        spent = [overlays(file, ours) for _ in range(bench.runs)]
        return [(each[name], sum(each.values())) for each in spent]

    return measure


def decoded(bench: Bench) -> Pairs:
    file = jpeg(12)
    return bench.in_turn(lambda: read_photo(io.BytesIO(file)), lambda: Image.open(io.BytesIO(file)).load())


# Times as fast as torch, at least.
LEAST = {"resnet18": 2.2 if BF16 else 1.2, "resnet50": 3.0 if BF16 else 1.2}
MEGAPIXELS = {12: 0.35, 1: 0.12}  # s, on two idle cores
ROWS = [
    Row("a face by fcnn", TORCH, "ms", answers("fcnn")),
    *(Row(f"a face by {name}", TORCH, "ms", answers(name), ratio=round(1 / most, 3)) for name, most in LEAST.items()),
    *(
        Row(
            f"a face by {name}, {load} busy processes",
            TORCH,
            "ms",
            answers(name, load),
            ratio=round(1 / LEAST[name], 3),
        )
        for name in TWO
        for load in (2, 4)
    ),
    *(Row(f"RMSE of {name}, difference", TORCH, "px", rmse_difference(name), most=0.002) for name in ("fcnn", *TWO)),
    *(Row(f"a face of eight by {name}", "one after the other", "ms", together(name), ratio=1) for name in TWO),
    *(
        Row(f"{size} megapixels to two overlays", f"answers by {TORCH}", "s", photo_to_overlays(size), most=most)
        for size, most in MEGAPIXELS.items()
    ),
    *(
        Row(f"{size} megapixels: {name}", "all stages", "s", stage(size, name))
        for size in MEGAPIXELS
        for name in ("reading", "finding", "answering", "drawing")
    ),
    Row("reading 12 megapixels upright", "Pillow's decoding alone", "s", decoded),
]
