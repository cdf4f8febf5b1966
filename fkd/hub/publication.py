"""Files that a push adds to a checkpoint: the card and its two pictures."""

import io
from pathlib import Path

from PIL import Image

from fkd.board.record import Evaluation
from fkd.errors import FkdError
from fkd.hub.card import ERRORS, OVERLAY, model_card
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.draw import draw_errors, draw_points
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo


def publication(
    detector: CheckpointDetector,
    evaluation: Evaluation,
    repo_id: str,
    photo: Path | None,
    before: str = "",
) -> dict[str, bytes]:
    """Return README.md and its pictures, by path in the repository.

    photo: of a face, on which the model's points are drawn; it becomes public. None leaves that picture out. before:
    the repository's present card.
    Raises FkdError if the evaluation is of other weights, or no face is found in the photo.
    """
    checkpoint = detector.checkpoint
    if evaluation.checkpoint != checkpoint.sha256:
        raise FkdError(f"{checkpoint.name}: evaluation.json is of other weights: run `fkd evaluate` again")
    files = {ERRORS: _png(draw_errors(evaluation.accuracy.rmse_by_keypoint))}
    if photo:
        files[OVERLAY] = _png(_overlay(detector, photo))
    files["README.md"] = model_card(checkpoint, evaluation, repo_id, before, files).encode()
    return files


def _overlay(detector: CheckpointDetector, path: Path) -> Image.Image:
    photo = read_photo(path)
    faces = predict(detector, photo)
    if not faces:
        raise FkdError(f"{path}: no face is found in it, so it cannot show the model's answer: choose another")
    return draw_points(photo, [face.points for face in faces], detector.colour)


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    return file.getvalue()
