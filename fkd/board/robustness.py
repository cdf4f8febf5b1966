"""Accuracy on degraded faces: the test faces made worse step by step, and the RMSE at each step."""

import io
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image, ImageFilter
from tqdm import tqdm

from fkd.board.record import STEPS
from fkd.data.faces import Faces
from fkd.keypoints import BOTTOM_LIP, FRAME_SIZE, LEFT_EYE, MEAN_FACE, RIGHT_EYE
from fkd.learn.augment import similarity, warp
from fkd.metrics import accuracy
from fkd.photo.detector import Detector, mean_on_frames


def robustness(detectors: Sequence[Detector], faces: Faces, mirror: bool = False) -> dict[str, list[float]]:
    """RMSE in px of the mean of several detectors at each of STEPS, by degradation.

    A point that turning or shifting moves out of the frame is not counted.
    """
    four_point = faces.four_point

    def error(degradation: str, step: float) -> float:
        worse = degrade(faces, degradation, step)
        predicted = mean_on_frames(detectors, worse.images, four_point, mirror)
        return round(accuracy(predicted, worse.points, resamples=1).rmse, 4)

    unchanged = error("blur", STEPS["blur"][0])
    errors = {degradation: [unchanged] for degradation in STEPS}
    todo = [(degradation, step) for degradation, steps in STEPS.items() for step in steps[1:]]
    for degradation, step in tqdm(todo, desc="degraded faces", disable=None):
        errors[degradation].append(error(degradation, step))
    return errors


def degrade(faces: Faces, degradation: str, step: float) -> Faces:
    """Faces changed by one degradation of STEPS, always the same way; labels move with the picture.

    Raises KeyError for an unknown degradation.
    """
    if step == STEPS[degradation][0]:
        return faces
    images, points = faces.images, faces.points
    number = np.arange(len(images))
    if degradation == "blur":
        images = _each(images, lambda picture: picture.filter(ImageFilter.GaussianBlur(step)))
    elif degradation == "JPEG":
        images = _each(images, lambda picture: _jpeg(picture, int(step)))
    elif degradation == "noise":
        images = images + np.random.default_rng(0).normal(0, step, images.shape)
    elif degradation == "darkness":
        images = images * (1 - step / 100)
    elif degradation in ("rotation", "shift"):
        none, side = torch.zeros(len(images)), torch.from_numpy(1 - 2 * (number % 2)).float()
        way = torch.from_numpy(number % 8 * np.pi / 4).float()
        shift = torch.stack([way.cos(), way.sin()], 1) * step
        matrix = (
            similarity((side * step).deg2rad(), none + 1, torch.zeros(len(images), 2))
            if degradation == "rotation"
            else similarity(none, none + 1, shift)
        )
        moved, labels = warp(torch.from_numpy(images).float()[:, None] / 255, torch.from_numpy(points).float(), matrix)
        images, points = moved[:, 0].numpy() * 255, labels.numpy()
    else:
        which = (
            np.where(number % 2, LEFT_EYE, RIGHT_EYE)
            if degradation == "covered eye"
            else np.full(len(number), BOTTOM_LIP)
        )
        centre = points[number, which]  # [N, 2] px
        centre = np.where(np.isfinite(centre), centre, np.array(MEAN_FACE, np.float32)[which])
        grid = np.arange(FRAME_SIZE)
        across, down = (np.abs(grid - centre[:, [axis]]) <= step / 2 for axis in (0, 1))  # bool [N, 96]
        images = np.where(down[:, :, None] & across[:, None, :], 128, images)
    return Faces(images.round().clip(0, 255).astype(np.uint8), points)


def _each(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


def _jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)
