"""A checkpoint and the frames that somebody corrected -> a checkpoint that answers this actor better, or none."""

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fkd.clip.frames import marked_face
from fkd.clip.profile import pictures_in, read_profile
from fkd.data.conventions import find_conventions
from fkd.data.faces import Faces
from fkd.data.record import data_name
from fkd.data.split import Split, split_data
from fkd.errors import FkdError
from fkd.files import replacing
from fkd.keypoints import MEAN_FACE
from fkd.learn.checkpoint import load_checkpoint, save_checkpoint
from fkd.learn.config import TrainConfig
from fkd.learn.models import chosen_device
from fkd.learn.run_state import HISTORY
from fkd.learn.train import train
from fkd.metrics import accuracy, detail, resampled_rmse
from fkd.photo.crop import align_matrix, apply, crop
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.reading import read_photo

MIN_FRAMES = 15  # three are held back: fewer say too little
HELD_BACK, VALIDATION = 5, 4  # every fifth frame is held back; every fourth of the others validates
FACES, EPOCHS, LR = 384, 8, 2e-4  # the actor's faces in an epoch, repeated and augmented; a fifth of the usual rate


@dataclass(frozen=True)
class Adapted:
    """The outcome on the frames held back: RMSE, px of the 96 px frame; kept if it is surely better there."""

    frames: int
    held_back: int
    before: float
    after: float
    gain: tuple[float, float]  # the 95% interval of before - after, by a paired bootstrap by frame
    kept: bool


def adapt(profile: Path, checkpoint: Path, out: Path, data: Path | None = None, device: str = "auto") -> Adapted:
    """Fine-tune a checkpoint on the frames of a profile, and write it to `out` if it is better on those held back.

    A point that is not marked is taught as the checkpoint answers it, so that it stays where it is. A picture in which
    no face is found is left out.

    Args:
        data: The competition's files: as many of their training faces are learned, too.

    Raises:
        FkdError: For a profile or a checkpoint that cannot be used, or if `out` already exists.
    """
    if out.exists():
        raise FkdError(f"{out} already exists: choose another folder")
    source, detector, pictures = load_checkpoint(checkpoint), CheckpointDetector.read(checkpoint), pictures_in(profile)
    frames, places, kept = [], [], []
    for name, points in tqdm(sorted(read_profile(profile).items()), "pictures", unit="", disable=None):
        if face := marked_face(detector, pictures[name], points):
            matrix = align_matrix(face.points, MEAN_FACE)
            frames.append(crop(read_photo(pictures[name]), matrix))
            places.append([apply(matrix, points), apply(matrix, face.points)])
            kept.append((pictures[name], points, matrix))
    if len(frames) < MIN_FRAMES:
        raise FkdError(f"{profile} has {len(frames)} pictures with a face and points, expected {MIN_FRAMES} or more")
    marked, before = np.stack(places, 1)  # [N, 15, 2] frame px
    is_held = np.arange(len(frames)) % HELD_BACK == HELD_BACK - 1
    labels = np.where(np.isfinite(marked) | is_held[:, None, None], marked, before)
    faces, general = _with_general(Faces(np.stack(frames), labels.astype(np.float32)), data)
    rows, repeats = np.flatnonzero(~is_held), -(-FACES // int((~is_held).sum()))
    is_validation = np.arange(len(rows)) % VALIDATION == VALIDATION - 1
    training, validation = (np.tile(rows[which], repeats) for which in (~is_validation, is_validation))
    split = Split(np.append(training, general), validation, np.flatnonzero(is_held))
    named = ", ".join(data_name(each) for each in (profile, data) if each)
    config = TrainConfig(epochs=EPOCHS, lr=LR, conventions="one", validation_too=True, half=source.training.half)
    with tempfile.TemporaryDirectory(prefix="fkd-adapt-", ignore_cleanup_errors=True) as folder:
        parts = (source.model.config, config, faces, split, folder, named, source.data.terms, chosen_device(device))
        train(*parts, source=source)
        adapted, after = CheckpointDetector.read(folder), []
        for picture, points, matrix in (kept[row] for row in split.test):
            face = marked_face(adapted, picture, points)
            after.append(apply(matrix, face.points if face else np.full_like(points, np.nan)))
        answers = (before[is_held], np.stack(after))
        old, new = (accuracy(each, marked[is_held], resamples=1).rmse for each in answers)
        errors = [detail(each, marked[is_held]) for each in answers]
        rmses = [resampled_rmse(np.array(each.squares), np.array(each.values)) for each in errors]
        low, high = np.quantile(rmses[0] - rmses[1], (0.025, 0.975)).tolist()
        outcome = Adapted(len(frames), len(split.test), old, new, (low, high), low > 0)
        if outcome.kept:
            done = load_checkpoint(folder)
            # `predict` judges weak faces by this error, so it has to be of frames that were not learned.
            record = dataclasses.replace(done.training, validation_rmse=new)
            with replacing(out / HISTORY) as unfinished:
                shutil.copy(Path(folder) / HISTORY, unfinished)
            save_checkpoint(out, done.model, record, done.data, record.half)
    return outcome


def _with_general(own: Faces, data: Path | None) -> tuple[Faces, np.ndarray]:
    """Add up to FACES training faces of a data set, in the convention of photos; return their rows, too."""
    if data is None:
        return own, np.arange(0)
    faces, split = split_data(data)
    rows = split.train[find_conventions(faces.points).rows[split.train] == 0]
    some = faces[np.random.default_rng(0).permutation(rows)[:FACES]]
    both = Faces(np.concatenate([own.images, some.images]), np.concatenate([own.points, some.points]))
    return both, np.arange(len(own), len(both))
