"""Rows of benchmarks/bench.py: what a photo takes among many."""

import os
import tempfile
from pathlib import Path

from PIL import ImageOps
from rows import ROOT, Bench, Pairs, Row

from fkd.hub.reference import load
from fkd.photo.folders import walk_photos
from fkd.photo.pipeline import answer_folder, start_workers
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo

PHOTOS, LONGEST = 96, 900  # in a folder; px
CHECKPOINT = ROOT / "checkpoints" / "resnet18"


def write_photos(folder: Path) -> None:
    """The example photos at several sizes up to LONGEST, and their mirror images."""
    examples = sorted((ROOT / "examples").glob("*.*g"))
    for number in range(PHOTOS):
        photo = read_photo(examples[number % len(examples)])
        photo.thumbnail([LONGEST - 40 * (number // len(examples) % 8)] * 2)
        photo = ImageOps.mirror(photo) if number // len(examples) % 2 else photo
        photo.save(folder / f"{number}.jpg", quality=90)


def photo_of_a_folder(bench: Bench) -> Pairs:
    detector, cores = load(CHECKPOINT), len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, start_workers(cores) as pool:
        write_photos(Path(folder))

        def together() -> None:
            list(answer_folder(pool, cores, load, str(CHECKPOINT), walk_photos([folder])))

        def one_by_one() -> None:
            for path in walk_photos([folder]):
                predict(detector, read_photo(path))

        together()  # its processes have started when it is measured
        pairs = bench.in_turn(together, one_by_one)
    return [(1000 * ours / PHOTOS, 1000 * other / PHOTOS) for ours, other in pairs]


ROWS = [
    Row("a photo of a folder", "one photo after the other", "ms", photo_of_a_folder, ratio=0.6, most=33),
]
