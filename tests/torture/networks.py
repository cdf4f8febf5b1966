"""ONNX files that are hostile, and good ones that are spoilt at random: each is refused in one sentence, or answers."""

import importlib.util
import random
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from fkd.hub.reference import load
from torture.case import Case, Skip, one_sentence, refused

if importlib.util.find_spec("onnx") is None:
    raise Skip("needs fkd[onnx]")

from hostile_onnx import HOSTILE, write
from onnx_files import mean_face

FRAMES = np.zeros((2, 96, 96), np.uint8)


def cases(quick: bool) -> Iterator[Case]:
    """Files that are refused, and a good one spoilt at random."""
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (content, _)) in enumerate(list(HOSTILE.items())[:: 8 if quick else 1]):
            yield Case(name, partial(_refuse, Path(folder) / f"{number}.onnx", content))
        count = 50 if quick else 5000
        yield Case(f"{count} spoilt files", partial(_spoil, Path(folder) / "spoilt.onnx", count))


def _refuse(path: Path, content: object) -> None:
    write(content, path)
    said = refused(lambda: load(f"onnx:{path}"))
    assert said.startswith(path.name) and str(path.parent) not in said, said


def _spoil(path: Path, count: int) -> None:
    good = mean_face(name="mean face", owner="ada", licence="MIT").SerializeToString()
    for seed in range(count):
        path.write_bytes(spoil_bytes(good, random.Random(seed)))
        one_sentence(lambda: load(f"onnx:{path}").on_frames(FRAMES))


def spoil_bytes(content: bytes, chance: random.Random) -> bytes:
    """Changes, leaves out or puts in a few bytes."""
    spoilt = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        start, length = chance.randrange(len(spoilt)), chance.randrange(1, 9)
        put = chance.randbytes(chance.choice([0, length]))
        spoilt[start : start + chance.choice([0, length])] = put
    return bytes(spoilt)
