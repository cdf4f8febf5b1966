"""A photo -> its faces with keypoints, in pixels of the upright photo."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from fkd.keypoints import FRAME_SIZE, MEAN_FACE
from fkd.photo.crop import align_matrix, apply, invert
from fkd.photo.detector import Detector
from fkd.photo.face import Face, FaceBox
from fkd.photo.finder import SURE, find_faces
from fkd.photo.point_files import FacesInPhoto

CONFIRMED = 1.25  # doubt up to which a detector takes a weak box for a face: hardly ever elsewhere
TOGETHER = 16  # faces in a batch: with their mirror images as many frames as a processor's cache holds
FOLLOWED = 2.0  # maximum doubt when tracking a face in video

Finder = Callable[[Image.Image], list[FaceBox]]


def find_confirmed_faces(detectors: Sequence[Detector], photo: Image.Image, find: Finder = find_faces) -> list[FaceBox]:
    """Find the faces of an upright photo; those that the finder is unsure of stay if every detector confirms them.

    A detector confirms a face if its doubt is at most CONFIRMED.
    """
    found = find(photo)
    weak = [box for box in found if box.score < SURE]
    for detector in detectors:
        faces = detector.on_photos([photo] * len(weak), weak)
        weak = [box for box, face in zip(weak, faces, strict=True) if face.doubt <= CONFIRMED]
    return [box for box in found if box.score >= SURE or box in weak]


def predict(
    detector: Detector,
    photo: Image.Image,
    boxes: Sequence[FaceBox] | None = None,
    find: Finder = find_faces,
    precise: bool = False,
) -> FacesInPhoto:
    """Find the faces of an upright photo, or take the given boxes, and their keypoints.

    A box in which the detector sees no face at all (its doubt is infinite) has no answer. precise: points averaged over
    several crops of each face, as `Detector.on_photos`; docs/benchmarks.md has the gain and the time.
    """
    if boxes is None:
        boxes = find_confirmed_faces([detector], photo, find)
    faces = detector.on_photos([photo] * len(boxes), boxes, precise)
    return FacesInPhoto(face for face in faces if face.doubt < math.inf)


def predict_together(
    detector: Detector, photos: Sequence[Image.Image], boxes: Sequence[Sequence[FaceBox]], precise: bool = False
) -> list[list[Face]]:
    """The faces of several upright photos as from `predict`, given what its finder found in each.

    Faces go through the detector TOGETHER at a time, and a weak one once, not twice.
    """
    flat = [(number, box) for number, of_photo in enumerate(boxes) for box in of_photo]
    answers: list[list[Face]] = [[] for _ in photos]
    for start in range(0, len(flat), TOGETHER):
        batch = flat[start : start + TOGETHER]
        faces = detector.on_photos([photos[number] for number, _ in batch], [box for _, box in batch], precise)
        for (number, box), face in zip(batch, faces, strict=True):
            if face.doubt <= CONFIRMED or (box.score >= SURE and face.doubt < math.inf):
                answers[number].append(face)
    return answers


def follow(detectors: Sequence[Detector], photo: Image.Image, before: Face) -> list[Face]:
    """Track a face from the previous video frame by each detector, without a finder; an empty list if it is lost.

    It is lost where every detector's doubt exceeds FOLLOWED; a face that doubtful is not followed at all.
    """
    if before.doubt > FOLLOWED:
        return []
    to_photo = invert(align_matrix(before.points, MEAN_FACE))
    x, y = apply(to_photo, [(FRAME_SIZE - 1) / 2] * 2)
    half = np.sqrt(abs(np.linalg.det(to_photo[:, :2]))) * FRAME_SIZE / 2
    box = FaceBox((x - half, y - half, x + half, y + half), 1.0)
    faces = [detector.on_photos([photo], [box])[0] for detector in detectors]
    return faces if surest(faces).doubt <= FOLLOWED else []


def surest(faces: Sequence[Face]) -> Face:
    """Of several detectors' answers for one face, that with the least doubt."""
    return min(faces, key=lambda face: face.doubt)
