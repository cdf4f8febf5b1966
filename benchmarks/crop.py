"""Is the crop the reason of an error? The same faces answered in their own frame, and found again in a photo.

python benchmarks/crop.py --data DIR --checkpoint checkpoints/resnet18 [--photos 200]

Held-out densely labelled faces, each pasted at 240 px into a photo of 640 x 480 px (see benchmarks/faces.py). The
model answers for the frame itself, and for the face that `predict` finds.
"""

import argparse
from pathlib import Path

import numpy as np
from faces import hit, make_photo
from PIL import Image

from fkd.data.split import split_data
from fkd.learn.inference import predict_points
from fkd.metrics import METRICS, accuracy
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.predict import predict


def main() -> None:
    parser = argparse.ArgumentParser(description="Errors in the frame and in a photo, side by side.")
    parser.add_argument("--data", type=Path, required=True, help="the competition's folder")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=200)
    arguments = parser.parse_args()
    detector = CheckpointDetector.read(arguments.checkpoint)
    faces, split = split_data(arguments.data)
    faces = faces[split.test]
    faces = faces[~faces.four_point][: arguments.photos]
    model = detector.checkpoint.model
    faces.points[..., 0] -= model.label_offset[0].item()  # a photo's points are not moved to the labels
    model.label_offset.zero_()
    in_frame = predict_points([model], faces.images, mirror=True)
    rng = np.random.default_rng(0)
    found, rows = [], []
    for row, frame in enumerate(faces.images):
        photo, ((x, y, side),) = make_photo(frame[None], [], rng, sides=(240, 240.001))
        for face in predict(detector, Image.fromarray(photo)):
            if hit(face.box, (x, y, side)):
                # The frame's centre, (47.5, 47.5), lies at (x, y) less half a pixel, as the paste counts corners.
                found.append((face.points - (x - 0.5, y - 0.5)) * 96 / side + 47.5)
                rows.append(row)
                break
    print(f"{len(found)} of {len(faces)} faces found; on these:")
    for name, points in (("in the frame", in_frame[rows]), ("found in a photo", np.array(found, np.float32))):
        result = accuracy(points, faces.points[rows])
        figures = [f"{metric.label} {metric.shown(result.figures[metric.key])}" for metric in METRICS]
        print(f"  {name:18} {', '.join(figures)}")


if __name__ == "__main__":
    main()
