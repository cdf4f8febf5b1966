"""Face finders side by side on photos made of the competition's training faces.

python benchmarks/faces.py --data DIR [--photos 200] [--checkpoint checkpoints/resnet18]

The photos are 640 x 480 px or upright, grey, with noise. Frames of the densely labelled rows are pasted into
them with soft edges; the background is the frame itself, blurred. A third as many have 4000 x 3000 px. A face
counts as found if a box has its centre within a quarter of the frame's side of the frame's centre and 0.45
to 1.3 times its side; all other boxes count as false. OpenCV and dlib are measured if they are installed.
"""

import argparse
import contextlib
import importlib
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from fkd.data.competition import read_training
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.predict import find_confirmed_faces

PAD = 40


def paste(photo: np.ndarray, frame: np.ndarray, centre, side: float, roll: float) -> None:
    """Paste a frame [96, 96] into photo [H, W], float32, with its surroundings mirrored and faded out."""
    padded = Image.fromarray(np.pad(frame, PAD, mode="symmetric"))
    size = padded.width
    # Chebyshev distance from the centre: the frame itself stays whole, its mirrored border fades.
    distance = np.abs(np.arange(size) - (size - 1) / 2)
    distance = np.maximum(distance[:, None], distance[None])
    mask = np.clip((48 + 0.8 * PAD - distance) / (0.7 * PAD), 0, 1) * 255
    cos, sin = np.cos(np.deg2rad(roll)) * 96 / side, np.sin(np.deg2rad(roll)) * 96 / side
    x, y = centre
    back = (cos, -sin, size / 2 - cos * x + sin * y, sin, cos, size / 2 - sin * x - cos * y)
    if side < 80:
        padded = padded.filter(ImageFilter.GaussianBlur(float(40 / side)))
    shape = photo.shape[::-1]
    layers = [
        layer.transform(shape, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
        for layer in (padded, Image.fromarray(mask.astype(np.uint8)))
    ]
    face, alpha = (np.asarray(layer, np.float32) for layer in layers)
    photo += (face - photo) * alpha / 255


def make_photo(frames, rng, sides, roll=0.0, light=1.0, grid=False, size=None):
    """Return a photo, uint8 [H, W], and (x, y, side) of each face in it."""
    width, height = size or ((640, 480) if grid or rng.random() < 0.6 else (480, 640))
    rng.integers(2)  # keeps the photos of earlier versions
    image = Image.fromarray(frames[0] if len(frames) else rng.integers(0, 256, (9, 12), np.uint8))
    image = image.resize((width, height), Image.Resampling.BICUBIC).filter(
        ImageFilter.GaussianBlur(max(width, height) / 21)
    )
    photo = np.array(image, np.float32)
    faces = []
    for k, frame in enumerate(frames):
        side = np.exp(rng.uniform(*np.log(sides)))
        if grid:
            x, y = 110 + 210 * (k % 3) + rng.uniform(-15, 15), 120 + 230 * (k // 3) + rng.uniform(-15, 15)
        else:
            x, y = (rng.uniform(min(side, n) / 2, n - min(side, n) / 2) for n in (width, height))
        paste(photo, frame, (x, y), side, roll)
        faces.append((x, y, side))
    photo = photo * light + rng.normal(0, 2, photo.shape)
    return np.clip(np.round(photo), 0, 255).astype(np.uint8), faces


def make_sets(images, photos: int) -> dict[str, list]:
    """Return the named sets of (photo, faces)."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(images))
    kinds = {
        "one face, 100-420 px": (1, {"sides": (100, 420)}),
        "one, 50-100 px": (1, {"sides": (50, 100)}),
        "one, tilted 25": (1, {"sides": (100, 420), "roll": 25}),
        "one, on its side": (1, {"sides": (100, 420), "roll": 90}),
        "one, dark": (1, {"sides": (100, 420), "light": 0.15}),
        "five, 110-160 px": (5, {"sides": (110, 160), "grid": True}),
        "no face": (0, {"sides": (100, 420)}),
    }
    for side in (60, 80, 110, 150, 250):
        kinds[f"12 megapixels, one of {side} px"] = (1, {"sides": (side, side), "size": (4000, 3000)})
    sets = {}
    for name, (count, settings) in kinds.items():
        sets[name] = []
        for _ in range(photos // 3 if "size" in settings else photos):
            chosen, rows = rows[:count], np.roll(rows, -count)
            sets[name].append(make_photo(images[chosen], rng, **settings))
    return sets


def make_finders(detector: CheckpointDetector) -> dict:
    """Return name -> function from a photo, uint8 [H, W], to boxes (x0, y0, x1, y1)."""
    finders = {}
    with contextlib.suppress(ImportError):
        cv2 = importlib.import_module("cv2")
        for name in ("alt2", "default"):
            cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_{name}.xml")
            finders[f"OpenCV Haar {name}"] = lambda photo, cascade=cascade: [
                (x, y, x + width, y + height)
                for x, y, width, height in cascade.detectMultiScale(photo, 1.1, 5, minSize=(50, 50))
            ]
    with contextlib.suppress(ImportError):
        hog = importlib.import_module("dlib").get_frontal_face_detector()
        finders["dlib HOG"] = lambda photo: [
            (box.left(), box.top(), box.right(), box.bottom()) for box in hog(photo, 0)
        ]
    finders["fkd"] = lambda photo: [face.box for face in find_confirmed_faces([detector], Image.fromarray(photo))]
    return finders


def hit(box, face) -> bool:
    (x0, y0, x1, y1), (x, y, side) = box, face
    near = np.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y) < 0.25 * side
    return near and 0.45 < (x1 - x0) / side < 1.3


def measure(find, examples) -> tuple[float, float, float]:
    """Return the part of the faces that is found, false boxes per photo and ms per photo."""
    found = total = false = 0
    seconds = 0.0
    for photo, faces in examples:
        start = time.perf_counter()
        boxes = find(photo)
        seconds += time.perf_counter() - start
        hits = np.array([[hit(box, face) for face in faces] for box in boxes], bool)
        hits = hits.reshape(len(boxes), len(faces))
        found += hits.any(0).sum()
        total += len(faces)
        false += len(boxes) - hits.any(1).sum()
    return found / max(total, 1), false / len(examples), seconds / len(examples) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description="Face finders side by side.")
    parser.add_argument("--data", type=Path, required=True, help="the competition's folder")
    parser.add_argument("--photos", type=int, default=200, help="photos per set (default 200)")
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/resnet18"), help="confirms weak faces")
    arguments = parser.parse_args()
    faces = read_training(arguments.data)
    photos = faces.images[~faces.four_point]  # the four-point rows are frames of videos, and blurred
    sets = make_sets(photos, arguments.photos)
    finders = make_finders(CheckpointDetector.read(arguments.checkpoint))
    large = f"{arguments.photos // 3} of 12 megapixels"
    print(f"{arguments.photos} photos per set ({large}): faces found, false boxes per photo, ms per photo\n")
    print("| photos | " + " | ".join(finders) + " |")
    print("|---" * (len(finders) + 1) + "|")
    for name, examples in sets.items():
        cells = []
        for find in finders.values():
            found, false, ms = measure(find, examples)
            part = f"{found:.1%}, " if examples[0][1] else ""
            cells.append(f"{part}{false:.3f}, {ms:.0f} ms")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
