"""Photo -> where its faces are, as squares framed like the competition's pictures.

Pixel (i, j) is a square with its centre at (i, j): a picture of width w spans x from -0.5 to w - 0.5.
"""

import functools
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from fkd.keypoints import FRAME_SIZE, MEAN_FACE, NAMES
from fkd.photo.crop import rotation
from fkd.photo.face import FaceBox
from fkd.photo.reading import full_size, to_grey
from fkd.photo.runtime import Network

# Wu, Peng and Yu (2023), "YuNet: A Tiny Millisecond-level Face Detector", for grey pictures; yunet.txt has its origin
# and licence. pixels float32 [1, 1, H, W] in 0..255 -> for each stride S scores_S [1, 1, H/S, W/S] and points_S
# [1, 10, H/S, W/S], x and y in turn, in strides from the cell. H and W are multiples of 32.
WEIGHTS = Path(__file__).with_name("yunet.onnx")
STRIDES = (8, 16, 32)  # px, of the cells that answer: small, medium and large faces
POINTS = [
    NAMES.index(name)  # in YuNet's order
    for name in ("right_eye_center", "left_eye_center", "nose_tip", "mouth_right_corner", "mouth_left_corner")
]
# Longest side of the first look, px: faces from a twentieth of it are found.
LOOK = 512
LARGE = 640  # where faces are small or faint
HUGE = 2048  # where the smallest face found in a large photo is too small for others not to be missed
# Further looks where the first finds nothing sure: turn in degrees, longest side.
MORE_LOOKS = ((0, LARGE), (90, 384), (180, 384), (270, 384))
SMALL = 1 / 8  # part of the longest side: if the largest face is smaller, there may be some too small for LOOK
TINY = 1 / 16  # and if the smallest is smaller, or no face was found, some too small for LARGE
# Thresholds of the score, chosen on training faces pasted into photos and on photos without a face, made like those of
# benchmarks/faces.py, but not the same ones.
LOWEST = 0.5  # below it, not a face; detectors have the last word on weak ones
SURE = 0.8  # from which no further look is needed, and no detector to confirm the face
LYING_COST = 0.05  # photos lying on their side or head are rare
APART = 0.5  # least distance of two faces' centres, in sides of the larger one
STEP = 30  # degrees that turns are multiples of; a detector copes with less
DARK = 160  # grey that is exceeded in a hundredth of the photo, at least


def find_faces(photo: Image.Image) -> list[FaceBox]:
    """Find the faces of an upright photo of any mode by YuNet, largest first.

    If the first look finds no sure face, the photo is also searched larger and turned, and the best look counts. A
    large photo is searched at HUGE too if its faces are small.
    """
    whole = to_grey(photo)
    grey = _lit(_shrunk(whole, LARGE))
    zoom = max(full_size(photo)) / max(grey.size)
    faces = _look(grey, 0, LOOK, zoom)
    if _best(faces) < SURE:
        faces = max([faces, *(_look(grey, *more, zoom) for more in MORE_LOOKS)], key=_best)
    elif max(face.side for face in faces) < SMALL * max(full_size(photo)):
        faces = _suppress([*faces, *_look(grey, 0, LARGE, zoom)])
    least = min((face.side for face in faces if face.score >= SURE), default=0.0)
    if max(photo.size) > LARGE and least < TINY * max(full_size(photo)):
        large = _lit(_shrunk(whole, HUGE))
        close = _look(large, 0, max(large.size), max(full_size(photo)) / max(large.size))
        faces = _suppress([*faces, *close])
    return sorted(faces, key=lambda face: -face.side)


def whole_photo(photo: Image.Image) -> list[FaceBox]:
    """The whole photo as the box of one face, in place of `find_faces` for photos that are cropped to a face."""
    width, height = full_size(photo)
    return [FaceBox((-0.5, -0.5, width - 0.5, height - 0.5), 1.0)]


def detect(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find candidates for faces in grey pixels, uint8 [H, W]; one face has several, from neighbouring cells.

    Returns scores float32 [N], and points complex [N, 5], x + iy in px, in the order of POINTS.
    """
    height, width = (STRIDES[-1] * -(-side // STRIDES[-1]) for side in pixels.shape)
    batch = np.zeros((1, 1, height, width), np.float32)
    batch[0, 0, : pixels.shape[0], : pixels.shape[1]] = pixels
    outputs = _network()(batch)
    scores, points = [], []
    for stride in STRIDES:
        score, offsets = outputs[f"scores_{stride}"][0, 0], outputs[f"points_{stride}"][0]
        y, x = np.nonzero(score >= LOWEST)
        scores.append(score[y, x])
        of_face = offsets[:, y, x].T  # [n, 10]
        points.append(stride * ((x + 1j * y)[:, None] + of_face[:, 0::2] + 1j * of_face[:, 1::2]))
    return np.concatenate(scores), np.concatenate(points)


@functools.cache
def _network() -> Network:
    return Network(WEIGHTS, [f"{kind}_{stride}" for kind in ("scores", "points") for stride in STRIDES])


def _best(faces: list[FaceBox]) -> float:
    return max((face.score - LYING_COST * (90 <= face.turn <= 270) for face in faces), default=0.0)


def _shrunk(grey: Image.Image, longest: int) -> Image.Image:
    scale = min(1, longest / max(grey.size))
    return grey.resize([max(1, round(n * scale)) for n in grey.size], reducing_gap=2.0) if scale < 1 else grey


def _lit(grey: Image.Image) -> Image.Image:
    """A dark photo, brightened, and its noise smoothed, which is brightened too."""
    counts = np.cumsum(grey.histogram())
    top = max(int(np.searchsorted(counts, 0.99 * counts[-1])), 1)
    return grey if top >= DARK else grey.filter(ImageFilter.BoxBlur(1)).point(lambda value: value * DARK / top)


def _look(grey: Image.Image, turn: int, longest: int, zoom: float) -> list[FaceBox]:
    """The faces in a picture that is resized and turned by quarters; boxes in px of one `zoom` times as large."""
    scale = longest / max(grey.size)
    image = grey.resize([max(1, round(n * scale)) for n in grey.size], Image.Resampling.BILINEAR)
    pixels = np.rot90(np.asarray(image), turn // 90)
    scores, points = detect(pixels)
    points = np.stack([points.real, points.imag], -1)  # [N, 5, 2] px of the turned picture
    middle, turned_middle = (np.subtract(size, 1) / 2 for size in (image.size, pixels.shape[::-1]))
    points = (points - turned_middle) @ rotation(-turn).T + middle
    return _suppress(_boxes(scores, (points + 0.5) * zoom / scale - 0.5))


def _boxes(scores: np.ndarray, points: np.ndarray) -> list[FaceBox]:
    """The frames that put the mean face on YuNet's points [N, 5, 2], px, by least squares."""
    mean = np.array(MEAN_FACE)[POINTS] @ [1, 1j]  # [5], x + iy of the frame
    found = points @ [1, 1j]  # [N, 5]
    centred = mean - mean.mean()
    # A similarity of the plane is a product of complex numbers: its size is the scale, its angle the turn.
    factors = (found @ centred.conj()) / np.vdot(centred, centred).real
    centres = found.mean(1) + factors * ((FRAME_SIZE - 1) / 2 * (1 + 1j) - mean.mean())
    faces = []
    for score, centre, factor in zip(scores, centres, factors, strict=True):
        (x, y), half = (float(centre.real), float(centre.imag)), float(abs(factor)) * FRAME_SIZE / 2
        exact = float(np.angle(factor, deg=True))
        turn = float(STEP * round(exact / STEP))
        box = (x - half, y - half, x + half, y + half)
        faces.append(FaceBox(box, float(score), turn % 360, exact - turn))
    return faces


def _suppress(faces: list[FaceBox]) -> list[FaceBox]:
    """Of boxes on one face the one with the best score."""
    chosen: list[FaceBox] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(np.hypot(*(face.centre - other.centre)) > APART * max(face.side, other.side) for other in chosen):
            chosen.append(face)
    return chosen
