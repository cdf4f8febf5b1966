"""Rows of benchmarks/bench.py: `fkd predict` from the start of its process."""

import functools
import tempfile
from pathlib import Path

from PIL import ImageOps
from rows import ROOT, Bench, Pairs, Row, process

from fkd.photo.reading import read_photo

CHECKPOINT = str(ROOT / "checkpoints" / "resnet18")
MAX_SIDE = 900  # px


def write_photos(folder: Path, count: int) -> None:
    """The example photos at several sizes up to MAX_SIDE, and their mirror images, in a new folder."""
    folder.mkdir()
    examples = sorted((ROOT / "examples").glob("*.*g"))
    for number in range(count):
        photo = read_photo(examples[number % len(examples)])
        photo.thumbnail([MAX_SIDE - 40 * (number // len(examples) % 8)] * 2)
        photo = ImageOps.mirror(photo) if number // len(examples) % 2 else photo
        photo.save(folder / f"{number}.jpg", quality=90)


def predict_command(bench: Bench, photos: int) -> Pairs:
    """Seconds of the command, with its networks cached."""
    with tempfile.TemporaryDirectory() as folder:
        write_photos(source := Path(folder, "photos"), photos)
        command = f"-m fkd predict {source} --checkpoint {CHECKPOINT} --out {folder}/points.csv --overwrite".split()
        process(*command)  # exports and compiles if it has to
        return bench.in_turn(lambda: process(*command), lambda: process("-c", "import torch"))


ROWS = [
    Row("fkd predict, one photo", "import torch", "s", functools.partial(predict_command, photos=1), most=1.8),
    Row("fkd predict, 140 photos", "import torch", "s", functools.partial(predict_command, photos=140), most=8),
]
