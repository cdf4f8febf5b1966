"""A photo -> its faces with keypoints, in pixels of the upright photo."""

from collections.abc import Callable, Sequence

from PIL import Image

from fkd.photo.detector import Detector
from fkd.photo.face import Face, FaceBox
from fkd.photo.finder import SURE, find_faces
from fkd.photo.point_files import FacesInPhoto
from fkd.photo.reading import PhotoLike, as_photo

CONFIRMED = 1.25  # maximum doubt of a detector that confirms a weak box: rarely met without a face
TOGETHER = 16  # faces in a batch: with their mirror images as many frames as a processor's cache holds

Finder = Callable[[Image.Image], list[FaceBox]]


def find_confirmed_faces(detectors: Sequence[Detector], photo: Image.Image, find: Finder = find_faces) -> list[FaceBox]:
    """Find the faces of an upright photo; where the finder is unsure, every detector's doubt is at most CONFIRMED."""
    found = find(photo)
    weak = [box for box in found if box.score < SURE]
    for detector in detectors:
        faces = detector.on_photos([photo] * len(weak), weak)
        weak = [box for box, face in zip(weak, faces, strict=True) if face.doubt <= CONFIRMED]
    return [box for box in found if box.score >= SURE or box in weak]


def predict(
    detector: Detector,
    photo: PhotoLike,
    boxes: Sequence[FaceBox] | None = None,
    find: Finder = find_faces,
    precise: bool = False,
) -> FacesInPhoto:
    """Find the faces of an upright photo, or take the given boxes, and their keypoints.

    photo: a path, a picture, or uint8 pixels [H, W] (grey) or [H, W, 3] (RGB). find: `whole_photo` for a cropped face.
    precise: average the points over several crops of each face; docs/benchmarks.md has the gain and the time.
    """
    photo = as_photo(photo)
    if boxes is None:
        boxes = find_confirmed_faces([detector], photo, find)
    return FacesInPhoto(detector.on_photos([photo] * len(boxes), boxes, precise))


def predict_together(
    detectors: Sequence[Detector], found: Sequence[tuple[Image.Image, Sequence[FaceBox]]], precise: bool = False
) -> list[tuple[list[FaceBox], list[list[Face]]]]:
    """The boxes of several upright photos, without those that a detector doubts, and each detector's faces in them.

    found: photos, and the boxes that a finder found in each.
    """
    photos = [photo for photo, boxes in found for _ in boxes]
    flat = [box for _, boxes in found for box in boxes]
    batches = [slice(start, start + TOGETHER) for start in range(0, len(flat), TOGETHER)]
    answers = [
        [face for batch in batches for face in detector.on_photos(photos[batch], flat[batch], precise)]
        for detector in detectors
    ]
    results: list[tuple[list[FaceBox], list[list[Face]]]] = []
    start = 0
    for _, boxes in found:
        here = [
            at
            for at in range(start, start + len(boxes))
            if flat[at].score >= SURE or all(faces[at].doubt <= CONFIRMED for faces in answers)
        ]
        results.append(([flat[at] for at in here], [[faces[at] for at in here] for faces in answers]))
        start += len(boxes)
    return results
