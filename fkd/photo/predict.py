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
    detector: Detector, found: Sequence[tuple[Image.Image | None, Sequence[FaceBox]]], precise: bool = False
) -> list[list[Face]]:
    """The faces of several upright photos as from `predict`, given the boxes that its finder found in each."""
    answers: list[list[Face]] = [[] for _ in found]
    flat = [
        (photo, box, answer) for (photo, boxes), answer in zip(found, answers, strict=True) if photo for box in boxes
    ]
    for start in range(0, len(flat), TOGETHER):
        batch = flat[start : start + TOGETHER]
        faces = detector.on_photos([photo for photo, *_ in batch], [box for _, box, _ in batch], precise)
        for (_, box, answer), face in zip(batch, faces, strict=True):
            if face.doubt <= CONFIRMED or box.score >= SURE:
                answer.append(face)
    return answers
