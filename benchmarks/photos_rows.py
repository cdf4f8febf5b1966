"""Rows of benchmarks/bench.py: what a photo takes among many."""

import functools
import tempfile
from pathlib import Path

from PIL import ImageOps
from rows import ROOT, Bench, Pairs, Row, process

from fkd.hub.reference import load
from fkd.photo.folders import walk_photos
from fkd.photo.pipeline import answer_photos
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo

PHOTOS, LONGEST = 96, 900  # in a folder; px
CHECKPOINT = ROOT / "checkpoints" / "resnet18"


def write_photos(folder: Path, count: int = PHOTOS) -> None:
    """The example photos at several sizes up to LONGEST, and their mirror images."""
    examples = sorted((ROOT / "examples").glob("*.*g"))
    for number in range(count):
        photo = read_photo(examples[number % len(examples)])
        photo.thumbnail([LONGEST - 40 * (number // len(examples) % 8)] * 2)
        photo = ImageOps.mirror(photo) if number // len(examples) % 2 else photo
        photo.save(folder / f"{number}.jpg", quality=90)


def photo_of_a_folder(bench: Bench) -> Pairs:
    detector = load(CHECKPOINT)
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder))

        def together() -> None:
            list(answer_photos(detector, ((str(path), path) for path in walk_photos([folder]))))

        def one_by_one() -> None:
            for path in walk_photos([folder]):
                predict(detector, read_photo(path))

        together()
        pairs = bench.in_turn(together, one_by_one)
    return [(1000 * ours / PHOTOS, 1000 * other / PHOTOS) for ours, other in pairs]


def predict_command(bench: Bench, photos: int) -> Pairs:
    """Seconds of `fkd predict` from the start of its process, with its networks cached, against importing torch."""
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder), photos)
        command = ["-m", "fkd", "predict", folder, "--checkpoint", str(CHECKPOINT), "--out", f"{folder}/points.json"]
        process(*command)  # exports and compiles, if need be
        return bench.in_turn(lambda: process(*command), lambda: process("-c", "import torch"))


ROWS = [
    Row("fkd predict, one photo", "import torch", "s", functools.partial(predict_command, photos=1), most=1.8),
    Row("fkd predict, 140 photos", "import torch", "s", functools.partial(predict_command, photos=140), most=8),
    Row("a photo of a folder", "one photo after the other", "ms", photo_of_a_folder, ratio=0.6, most=33),
]
