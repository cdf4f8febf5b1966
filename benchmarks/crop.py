"""Is the crop the reason of an error? The same faces answered in their own frame, and found again in a photo.

python benchmarks/crop.py --data DIR --checkpoint checkpoints/resnet18 [--photos 200] [--part validation]

Held-out (or validation) faces that are densely labelled, each pasted at 240 px into a photo of 640 x 480 px (see
benchmarks/faces.py). The model answers for the frame itself, for the face that `predict` finds, and for it with
`precise`. Seconds are the medians of whole calls, finding the face included, the two ways in turn on each photo.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from faces import hit, make_photo
from PIL import Image

from fkd.data.split import split_data
from fkd.metrics import METRICS, accuracy
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.predict import predict

IN_PHOTOS = {"found in a photo": False, "found in a photo, precise": True}  # whether precise


def main() -> None:
    parser = argparse.ArgumentParser(description="Errors in the frame and in a photo, side by side.")
    parser.add_argument("--data", type=Path, required=True, help="the competition's folder")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    arguments = parser.parse_args()
    detector = CheckpointDetector.read(arguments.checkpoint)
    faces, split = split_data(arguments.data)
    faces = faces[getattr(split, arguments.part)]
    faces = faces[~faces.four_point][: arguments.photos]
    offset = detector.label_offset[0]  # a photo's points are not moved to the labels
    faces.points[..., 0] -= offset
    answers = {"in the frame": detector.on_frames(faces.images, mirror=True) - [offset, 0]}
    answers |= {name: np.full_like(faces.points, np.nan) for name in IN_PHOTOS}  # NaN where it is not found
    seconds = {name: np.zeros(len(faces)) for name in IN_PHOTOS}
    rng = np.random.default_rng(0)
    for row, frame in enumerate(faces.images):
        photo, ((x, y, side),) = make_photo(frame[None], rng, sides=(240, 240.001))
        for name, precise in IN_PHOTOS.items():
            start = time.perf_counter()
            found = predict(detector, Image.fromarray(photo), precise=precise)
            seconds[name][row] = time.perf_counter() - start
            for face in found:
                if hit(face.box, (x, y, side)):
                    # The frame's centre, (47.5, 47.5), is at (x, y) - 0.5: the paste counts from corners.
                    answers[name][row] = (face.points - (x - 0.5, y - 0.5)) * 96 / side + 47.5
                    break
    rows = np.isfinite(answers["found in a photo"]).all((1, 2))
    if not rows.any():
        parser.error(f"none of {len(faces)} densely labelled {arguments.part} faces was found")
    print(f"{rows.sum()} of {len(faces)} {arguments.part} faces found; on these:")
    for name, points in answers.items():
        result = accuracy(points[rows], faces.points[rows])
        figures = [f"{metric.label} {metric.shown(result.figures[metric.key])}" for metric in METRICS]
        figures += [f"{np.median(seconds[name]):.3f} s per photo"] if name in seconds else []
        print(f"  {name:25} {', '.join(figures)}")


if __name__ == "__main__":
    main()
