"""Photo -> where its faces are, as squares framed like the competition's pictures.

Pixel (i, j) is a square with its centre at (i, j): a picture of width w spans x from -0.5 to w - 0.5.
"""

import functools
import threading
from typing import Any

import dlib
import numpy as np
from PIL import Image, ImageOps

from fkd.photo.crop import crop, frame_matrix, rotation, to_grey
from fkd.photo.face import FaceBox

# Longest side of the first look; dlib's window is 80 px, so faces from an eighth of it are found.
LOOK = 640
WINDOW = 80
GLANCE = 400  # longest side where one look has to do: faces from a fifth of it are found
# Part of the longest side that is added around a look: a face cut by the photo's edge scores higher with it.
MARGIN = 0.06
# Sub-detector of dlib (frontal, turned left, turned right, tilted left, tilted right) -> the frame's centre
# relative to the detector's box, and the frame's side, both in box sides. Medians over 1,874 finds of the
# dense training faces pasted into photos at 110 to 420 px, mirrored pairs averaged. Left over, in px of the
# 96 px frame: 3.2 and 3.3 across and down (standard deviation), and 9.4 % of the scale; the steps of dlib's
# pyramid are 20 %.
FRAMES = (
    (0.000, -0.103, 1.134),
    (-0.017, -0.036, 1.095),
    (0.017, -0.036, 1.095),
    (-0.056, -0.091, 1.098),
    (0.056, -0.091, 1.098),
)
# Scores are dlib's, the distance to the detector's plane. All were chosen on training faces pasted into
# photos and on photos without a face, of the kind that benchmarks/faces.py makes.
LOWEST = -0.9  # what dlib is asked for
WEAKEST = -0.65  # mean of rank and trust below which there is no face; a model has the last word on weak ones
SURE = 0.15  # rank from which no further look is needed
SIZE_PRIOR = 0.3  # per doubling of the size: false boxes are mostly small
LYING_COST = 0.3  # photos lying on their side or head are rare
# Further looks where the first finds nothing sure: turn in degrees, longest side.
MORE_LOOKS = ((0, 512), (0, 1280), (20, 640), (-20, 640), (90, 640), (270, 640), (180, 640))
# A second face may be a passer-by, or no face at all. Its score, or where this is middling the mean of six
# close looks, must reach SECOND, and where it is smaller than PEER times the largest face, SMALL_COST more
# per halving.
CLEAR, MIDDLING = 1.0, -0.2
SECOND = 0.1
PEER = 0.65
SMALL_COST = 2.0
CLOSE_LOOKS = tuple((roll, size) for roll in (-15, 0, 15) for size in (160, 200))


def find_faces(photo: Image.Image) -> list[FaceBox]:
    """Find the faces of a photo, largest first; an empty list where there is none.

    photo: any mode, its EXIF turn already applied. Histograms of oriented gradients (Dalal and Triggs 2005)
    as in dlib's frontal face detector (King 2009). A photo whose upright look finds nothing sure is looked at
    again, smaller, larger, tilted and lying, and the look with the best face counts; so the only face of a
    photo is kept at a score at which a second one would not be.
    """
    grey = to_grey(photo)
    longest = max(grey.size)
    if longest > 2 * LOOK:
        scale = 2 * LOOK / longest
        grey = grey.resize([max(1, round(n * scale)) for n in grey.size], reducing_gap=2.0)
    # The pyramid's gradients are taken from 8 bits: a dark photo has too few levels of grey for them.
    grey = ImageOps.autocontrast(grey, cutoff=1)
    zoom = longest / max(grey.size)
    faces = [_zoomed(face, zoom) for face in _find(grey)]
    return sorted(faces, key=lambda face: -face.side)


def glance(photo: Image.Image) -> list[FaceBox]:
    """Find the upright faces that one small look is sure of, largest first, in a twentieth of the time.

    For the frames of a film, of which the next ones are looked at too. photo: as for `find_faces`.
    """
    faces = _look(ImageOps.autocontrast(to_grey(photo), cutoff=1), 0, GLANCE)
    return sorted((face for face in faces if face.score >= SURE), key=lambda face: -face.side)


def _find(grey: Image.Image) -> list[FaceBox]:
    unit = max(grey.size) / 4

    def rank(face: FaceBox) -> float:
        lying = abs(face.turn) >= 90
        return float(face.score + SIZE_PRIOR * np.log2(face.side / unit) - LYING_COST * lying)

    def best(faces: list[FaceBox]) -> float:
        return max(map(rank, faces), default=-np.inf)

    faces = _look(grey, 0, LOOK)
    if best(faces) < SURE:
        faces = max([faces, *(_look(grey, *more) for more in MORE_LOOKS)], key=best)
    if not faces:
        return []
    first = max(faces, key=rank)
    if rank(first) < SURE and (rank(first) + _trust(grey, first)) / 2 < WEAKEST:
        return []
    # Where the faces are this small, others of their size are below the detector's window.
    if PEER * first.side / max(grey.size) < WINDOW / LOOK:
        faces = _merged(faces + _look(grey, first.turn, 2 * LOOK))
        first = max(faces, key=rank)
    others = [(face, _trust(grey, face)) for face in faces if face is not first and face.score > MIDDLING]
    others = [(face, trust) for face, trust in others if trust >= SECOND]
    largest = max(face.side for face in [first, *(face for face, _ in others)])
    return [first] + [
        face for face, trust in others if trust >= SECOND + SMALL_COST * max(0, np.log2(PEER * largest / face.side))
    ]


def _trust(grey: Image.Image, face: FaceBox) -> float:
    """Return the score or, where it is middling, the mean over looks at the face at other sizes and rolls."""
    if face.score >= CLEAR:
        return face.score
    (x, y), reach = face.centre, 0.8 * face.side
    scores = []
    for roll, size in CLOSE_LOOKS:
        box = (x - reach, y - reach, x + reach, y + reach)
        found = _detect(crop(grey, frame_matrix(box, face.turn + roll, size), size))
        at_home = [
            score
            for centre, side, score in found
            if np.hypot(*(centre - size / 2)) < 0.15 * size and 0.45 < side / size < 0.9
        ]
        scores.append(max(at_home, default=LOWEST))
    return float(np.mean(scores))


def _detect(pixels: np.ndarray) -> list[tuple[np.ndarray, float, float]]:
    """Return (centre, side, score) of the frames of the faces dlib sees; px, (0, 0) is the corner."""
    with _LOCK:
        boxes, scores, views = _detector().run(np.ascontiguousarray(pixels), 0, LOWEST)
    found = []
    for box, score, view in zip(boxes, scores, views, strict=True):
        dx, dy, ratio = FRAMES[int(view)]
        width = box.right() + 1 - box.left()
        middle = np.array([box.left() + box.right() + 1, box.top() + box.bottom() + 1]) / 2
        found.append((middle + np.array([dx, dy]) * width, ratio * width, float(score)))
    return found


def _look(grey: Image.Image, turn: float, longest: int) -> list[FaceBox]:
    """Return everything dlib sees in the picture turned and resized, boxes in px of `grey`."""
    scale = longest / max(grey.size)
    image = grey.resize([max(1, round(n * scale)) for n in grey.size], Image.Resampling.BICUBIC)
    pad = round(MARGIN * longest)
    pixels = np.pad(np.asarray(image), pad, mode="edge")
    middle = np.array(pixels.shape[::-1]) / 2
    image = Image.fromarray(pixels)
    fill = int(np.median(pixels))
    turned = np.array(image.rotate(turn, Image.Resampling.BILINEAR, expand=True, fillcolor=fill))
    back = rotation(-turn)
    faces = []
    for centre, side, score in _detect(turned):
        (x, y) = (back @ (centre - np.array(turned.shape[::-1]) / 2) + middle - pad) / scale - 0.5
        half = side / scale / 2
        box = (float(x - half), float(y - half), float(x + half), float(y + half))
        faces.append(FaceBox(box, score, float(turn)))
    return faces


_LOCK = threading.Lock()  # dlib's detector keeps its pyramid in itself


@functools.cache
def _detector() -> Any:
    return dlib.get_frontal_face_detector()


def _merged(faces: list[FaceBox]) -> list[FaceBox]:
    kept: list[FaceBox] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(np.hypot(*(face.centre - other.centre)) > max(face.side, other.side) / 2 for other in kept):
            kept.append(face)
    return kept


def _zoomed(face: FaceBox, zoom: float) -> FaceBox:
    x0, y0, x1, y1 = (float((edge + 0.5) * zoom - 0.5) for edge in face.box)
    return FaceBox((x0, y0, x1, y1), face.score, face.turn)
