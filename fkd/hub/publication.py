"""What a push adds to a checkpoint's own files: the card, its two pictures, the results in the Hub's format."""

import io
from pathlib import Path

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from PIL import Image

from fkd.board.record import Evaluation
from fkd.hub.card import ERRORS, OVERLAY, model_card
from fkd.metrics import METRICS
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
    dataset: str = "",
) -> dict[str, bytes]:
    """Contents by path in the repository: README.md, the pictures, and .eval_results if `dataset` is given.

    photo: of a face, for the picture of what the model does; it becomes public. None leaves that picture out. before:
    the card that is there now.
    dataset: user/name of the dataset repository that is the benchmark on the Hub.
    Raises ValueError if the evaluation is of other weights, or no face is found in the photo.
    """
    checkpoint = detector.checkpoint
    if evaluation.checkpoint != checkpoint.sha256:
        raise ValueError(f"{checkpoint.name}: evaluation.json is of other weights: run `fkd evaluate` again")
    files = {ERRORS: _png(draw_errors(evaluation.accuracy.rmse_by_keypoint))}
    if photo:
        files[OVERLAY] = _png(_overlay(detector, photo))
    files["README.md"] = model_card(checkpoint, evaluation, repo_id, before, files).encode()
    if dataset:
        files[f".eval_results/{evaluation.benchmark}.yaml"] = _eval_results(evaluation, dataset)
    return files


def _overlay(detector: CheckpointDetector, path: Path) -> Image.Image:
    photo = read_photo(path)
    faces = predict(detector, photo)
    if not faces:
        raise ValueError(f"{path}: no face is found in it, so it cannot show what the model does: choose another")
    return draw_points(photo, [face.points for face in faces], detector.colour)


def _eval_results(evaluation: Evaluation, dataset: str) -> bytes:
    result = evaluation.accuracy
    notes = f"fingerprint {evaluation.fingerprint}, {result.faces} faces, {result.values} coordinates"
    entries = [
        EvalResultEntry(
            dataset_id=dataset, task_id=metric.key, value=round(value, 4), date=evaluation.date, notes=notes
        )
        for metric in METRICS
        if (value := result.figures.get(metric.key)) is not None
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False).encode()


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    return file.getvalue()
