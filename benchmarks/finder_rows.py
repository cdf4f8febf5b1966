"""Rows of benchmarks/bench.py: finding a photo's faces, against one pass of dlib's HOG detector."""

from collections.abc import Callable
from functools import partial

import dlib
import numpy as np
from faces import make_photo
from PIL import Image
from rows import ROOT, Bench, Pairs, Row

from fkd.photo.finder import find_faces
from fkd.photo.reading import read_photo

TIMES = 3  # each photo, in a run
LOOK = 640  # px


def examples() -> list[Image.Image]:
    return [read_photo(path) for path in sorted((ROOT / "examples").glob("*.*g"))]


def faceless() -> list[Image.Image]:
    rng, none = np.random.default_rng(0), np.empty((0, 96, 96), np.uint8)
    return [Image.fromarray(make_photo(none, rng, (100, 420))[0]).convert("RGB") for _ in range(4)]


def against_hog(find: Callable[[Image.Image], object], photos: Callable[[], list[Image.Image]], bench: Bench) -> Pairs:
    """Milliseconds per photo; dlib gets grey copies of at most LOOK px."""
    hog, ours, greys = dlib.get_frontal_face_detector(), TIMES * photos(), []
    for photo in photos():
        grey = photo.convert("L")
        grey.thumbnail((LOOK, LOOK))
        greys.append(np.asarray(grey))
    find(ours[0])  # loads the network
    pairs = bench.in_turn(lambda: [find(photo) for photo in ours], lambda: [hog(grey, 0) for grey in TIMES * greys])
    return [(1000 * a / len(ours), 1000 * b / len(ours)) for a, b in pairs]


HOG = f"dlib HOG, one look of {LOOK} px"
ROWS = [
    Row("finding faces, everyday photo", HOG, "ms", partial(against_hog, find_faces, examples), most=22),
    Row("finding faces, none there", HOG, "ms", partial(against_hog, find_faces, faceless), most=60),
]
