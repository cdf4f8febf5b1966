"""Photo -> where its faces are, as squares framed like the competition's pictures.

Pixel (i, j) is a square with its centre at (i, j): a picture of width w spans x from -0.5 to w - 0.5.
"""

import numpy as np
from PIL import Image, ImageFilter

from fkd.keypoints import FRAME_SIZE, MEAN_FACE
from fkd.photo import yunet
from fkd.photo.crop import rotation
from fkd.photo.face import FaceBox
from fkd.photo.reading import to_grey

# Longest side of the first look, px: faces from a twentieth of it are found.
LOOK = 512
GLANCE = 320  # where one look has to do
LARGE = 640  # where faces are small or faint
# Further looks where the first finds nothing sure: turn in degrees, longest side.
MORE_LOOKS = ((0, LARGE), (90, 384), (180, 384), (270, 384))
SMALL = 1 / 8  # part of the longest side: where the largest face is smaller, there may be some too small for LOOK
# Scores, chosen on training faces pasted into photos, and on photos without a face, of the kind that
# benchmarks/faces.py makes, but others.
LOWEST = 0.5  # below it, not a face; detectors have the last word on weak ones
SURE = 0.8  # from which no further look is needed, and no detector to confirm the face
LYING_COST = 0.05  # photos lying on their side or head are rare
APART = 0.5  # least distance of two faces' centres, in sides of the larger one
STEP = 30  # degrees that turns are multiples of; a detector copes with less
DARK = 160  # grey that is exceeded in a hundredth of the photo, at least


def find_faces(photo: Image.Image) -> list[FaceBox]:
    """Find the faces of a photo, largest first; an empty list if it has none.

    photo: any mode, its EXIF turn already applied. By YuNet (Wu, Peng and Yu 2023). A photo whose upright look finds
    nothing sure is looked at again, larger and lying, and the look with the best face counts.
    """
    grey = _lit(_shrunk(to_grey(photo)))
    zoom = max(photo.size) / max(grey.size)
    faces = _look(grey, 0, LOOK, zoom)
    if _best(faces) < SURE:
        faces = max([faces, *(_look(grey, *more, zoom) for more in MORE_LOOKS)], key=_best)
    elif max(face.side for face in faces) < SMALL * max(photo.size):
        faces = _apart([*faces, *_look(grey, 0, LARGE, zoom)])
    return sorted(faces, key=lambda face: -face.side)


def glance(photo: Image.Image) -> list[FaceBox]:
    """Find the upright faces that one small look is sure of, largest first.

    For the frames of a film, of which the next ones are looked at too. photo: as for `find_faces`.
    """
    grey = _lit(_shrunk(to_grey(photo)))
    faces = _look(grey, 0, GLANCE, max(photo.size) / max(grey.size))
    return sorted((face for face in faces if face.score >= SURE), key=lambda face: -face.side)


def _best(faces: list[FaceBox]) -> float:
    return max((face.score - LYING_COST * (90 <= face.turn <= 270) for face in faces), default=0.0)


def _shrunk(grey: Image.Image) -> Image.Image:
    scale = min(1, LARGE / max(grey.size))
    return grey.resize([max(1, round(n * scale)) for n in grey.size], reducing_gap=2.0) if scale < 1 else grey


def _lit(grey: Image.Image) -> Image.Image:
    """A dark photo, brightened, and its noise smoothed, which is brightened too."""
    counts = np.cumsum(grey.histogram())
    top = max(int(np.searchsorted(counts, 0.99 * counts[-1])), 1)
    return grey if top >= DARK else grey.filter(ImageFilter.BoxBlur(1)).point(lambda value: value * DARK / top)


def _look(grey: Image.Image, turn: int, longest: int, zoom: float) -> list[FaceBox]:
    """The faces seen in a picture that is resized and turned by quarters; boxes in px of one `zoom` times as large."""
    scale = longest / max(grey.size)
    image = grey.resize([max(1, round(n * scale)) for n in grey.size], Image.Resampling.BILINEAR)
    pixels = np.rot90(np.asarray(image), turn // 90)
    scores, points = yunet.detect(pixels, LOWEST)
    points = np.stack([points.real, points.imag], -1)  # [N, 5, 2] px of the turned picture
    middle, turned_middle = (np.subtract(size, 1) / 2 for size in (image.size, pixels.shape[::-1]))
    points = (points - turned_middle) @ rotation(-turn).T + middle
    return _apart(_boxes(scores, (points + 0.5) * zoom / scale - 0.5))


def _boxes(scores: np.ndarray, points: np.ndarray) -> list[FaceBox]:
    """The frames that put the mean face on YuNet's points [N, 5, 2], px, by least squares."""
    mean = np.array(MEAN_FACE)[list(yunet.POINTS)] @ [1, 1j]  # [5], x + iy of the frame
    seen = points @ [1, 1j]  # [N, 5]
    centred = mean - mean.mean()
    # A similarity of the plane is a product of complex numbers: its size is the scale, its angle the turn.
    factors = (seen @ centred.conj()) / np.vdot(centred, centred).real
    centres = seen.mean(1) + factors * ((FRAME_SIZE - 1) / 2 * (1 + 1j) - mean.mean())
    faces = []
    for score, centre, factor in zip(scores, centres, factors, strict=True):
        (x, y), half = (float(centre.real), float(centre.imag)), float(abs(factor)) * FRAME_SIZE / 2
        turn = STEP * round(float(np.angle(factor, deg=True)) / STEP) % 360
        faces.append(FaceBox((x - half, y - half, x + half, y + half), float(score), float(turn)))
    return faces


def _apart(faces: list[FaceBox]) -> list[FaceBox]:
    """Of boxes on one face the one with the best score."""
    kept: list[FaceBox] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(np.hypot(*(face.centre - other.centre)) > APART * max(face.side, other.side) for other in kept):
            kept.append(face)
    return kept
