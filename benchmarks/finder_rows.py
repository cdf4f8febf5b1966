"""Rows of benchmarks/bench.py: the time to find a photo's faces, against one pass of dlib's HOG detector."""

from collections.abc import Callable, Sequence

import dlib
import numpy as np
from faces import make_photo
from PIL import Image
from rows import ROOT, Bench, Pairs, Row, seconds

from fkd.photo.finder import find_faces, glance
from fkd.photo.pixels import to_grey

PHOTOS = sorted([*(ROOT / "examples").glob("*.jpg"), *(ROOT / "examples").glob("*.png")])
LOOK, SMALL_LOOK = 640, 400  # px, longest side of dlib's looks
FRAME = 480  # px, longest side of the camera's frames in Live
TIMES = 3  # each photo, in a run


def beside_hog(
    bench: Bench, find: Callable[[Image.Image], object], photos: Sequence[Image.Image], longest: int
) -> Pairs:
    """Milliseconds of both for a photo, the mean of all, run by run."""
    detector = dlib.get_frontal_face_detector()
    greys = []
    for photo in photos:
        grey = to_grey(photo).copy()
        grey.thumbnail((longest, longest))
        greys.append(np.asarray(grey))
    find(photos[0])  # loads the network
    scale = 1000 / (TIMES * len(photos))
    pairs = []
    for _ in range(bench.runs):
        hog = seconds(lambda: [detector(grey, 0) for grey in TIMES * greys])
        pairs.append((scale * seconds(lambda: [find(photo) for photo in TIMES * list(photos)]), scale * hog))
    return pairs


def examples() -> list[Image.Image]:
    photos = []
    for path in PHOTOS:
        with Image.open(path) as photo:
            photos.append(photo.convert("RGB"))
    return photos


def everyday(bench: Bench) -> Pairs:
    return beside_hog(bench, find_faces, examples(), LOOK)


def faceless(bench: Bench) -> Pairs:
    rng = np.random.default_rng(0)
    photos = [Image.fromarray(make_photo(np.empty((0, 96, 96), np.uint8), [], rng, (100, 420))[0]) for _ in range(4)]
    return beside_hog(bench, find_faces, photos, LOOK)


def film(bench: Bench) -> Pairs:
    frames = examples()
    for frame in frames:
        frame.thumbnail((FRAME, FRAME))
    return beside_hog(bench, glance, frames, SMALL_LOOK)


HOG, SMALL_HOG = "dlib HOG, one look of 640 px", "dlib HOG, one look of 400 px"
ROWS = [
    Row("finding faces, everyday photo", HOG, "ms", everyday, most=22),
    Row("finding faces, none there", HOG, "ms", faceless, most=60),
    Row("a glance at a video frame", SMALL_HOG, "ms", film, ratio=1),
]
