"""Accuracy on degraded faces: the test faces made worse step by step, and the RMSE at each step."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageFilter
from tqdm import tqdm

from fkd.board.record import STEPS
from fkd.data.faces import Faces
from fkd.keypoints import BOTTOM_LIP, LEFT_EYE, MEAN_FACE, RIGHT_EYE
from fkd.learn.augment import cover, similarity, warp
from fkd.metrics import accuracy
from fkd.photo.detector import Detector, mean_on_frames


def robustness(detectors: Sequence[Detector], faces: Faces, mirror: bool = False) -> dict[str, list[float]]:
    """RMSE in px of the mean of several detectors at each of STEPS, by degradation.

    A point that turning or shifting moves out of the frame is not counted.
    """

    def error(degradation: str, step: float) -> float:
        worse = degrade(faces, degradation, step)
        predicted = mean_on_frames(detectors, worse.images, faces.four_point, mirror)
        return round(accuracy(predicted, worse.points, resamples=1).rmse, 4)

    unchanged = error("blur", STEPS["blur"][0])
    errors = {degradation: [unchanged] for degradation in STEPS}
    later = [(degradation, step) for degradation, steps in STEPS.items() for step in steps[1:]]
    for degradation, step in tqdm(later, desc="degraded faces"):
        errors[degradation].append(error(degradation, step))
    return errors


def degrade(faces: Faces, degradation: str, step: float) -> Faces:
    """Faces changed by one degradation of STEPS, always the same way; labels move with the picture."""
    images, points = faces.images, faces.points
    number = np.arange(len(images))
    match degradation:
        case _ if step == STEPS[degradation][0]:
            return faces
        case "blur" | "JPEG":
            images = np.stack([_filtered(Image.fromarray(image), degradation, step) for image in images])
        case "noise":
            images = images + np.random.default_rng(0).normal(0, step, images.shape)
        case "darkness":
            images = images * (1 - step / 100)
        case "rotation" | "shift":
            images, points = _moved(faces, degradation, step)
        case "covered eye":
            images = _covered(faces, np.where(number % 2, LEFT_EYE, RIGHT_EYE), step)
        case "covered mouth":
            images = _covered(faces, np.full(len(number), BOTTOM_LIP), step)
    return Faces(images.round().clip(0, 255).astype(np.uint8), points)


def _filtered(picture: Image.Image, degradation: str, step: float) -> np.ndarray:
    if degradation == "blur":
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(step)))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(step))
    return np.asarray(Image.open(file))


def _moved(faces: Faces, degradation: str, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 [N, 96, 96] in 0..255 and points, rotated half each way, or shifted in eight directions."""
    number = torch.arange(len(faces))
    angle, shift = torch.zeros(len(faces)), torch.zeros(len(faces), 2)
    if degradation == "rotation":
        angle = ((1 - 2 * (number % 2)) * step).deg2rad()
    else:
        direction = number % 8 * torch.pi / 4
        shift = torch.stack([direction.cos(), direction.sin()], 1) * step
    matrix = similarity(angle, torch.ones(len(faces)), shift)
    images = torch.from_numpy(faces.images).float()[:, None] / 255
    moved, points = warp(images, torch.from_numpy(faces.points).float(), matrix)
    return moved[:, 0].numpy() * 255, points.numpy()


def _covered(faces: Faces, keypoint: np.ndarray, side: float) -> np.ndarray:
    """Images with a grey square around a keypoint of each face, or around its usual place if unlabelled."""
    centre = faces.points[np.arange(len(faces)), keypoint]  # [N, 2] px
    centre = np.where(np.isfinite(centre), centre, np.array(MEAN_FACE, np.float32)[keypoint])
    sides, grey = torch.full((len(faces),), side), torch.full((len(faces),), 128, dtype=torch.uint8)
    images = cover(torch.from_numpy(faces.images)[:, None], torch.from_numpy(centre), sides, grey)
    return np.asarray(images[:, 0])
