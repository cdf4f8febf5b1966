"""Load the detector of a reference: a folder, a model on the Hub or a file."""

import re
from dataclasses import dataclass
from pathlib import Path

from fkd.errors import FkdError
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.kinds import READERS

SCHEME = "hf:"
# With or without the scheme, where only a Hub model is possible.
PATTERN = r"^(hf:)?[\w.-]+/[\w.-]+(@[\w./-]+)?$"


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub: user/repo, and a branch, tag or commit; the newest if empty."""

    repo_id: str
    revision: str = ""

    @classmethod
    def parse(cls, reference: str) -> "HubModel":
        """From user/repo or user/repo@revision, with or without hf: before it. Raises FkdError for anything else."""
        if not re.fullmatch(PATTERN, reference):
            raise FkdError(f"{reference[:100]!r} names no model on the Hub: expected user/repo or user/repo@revision")
        repo_id, _, revision = reference.removeprefix(SCHEME).partition("@")
        return cls(repo_id, revision)

    @property
    def owner(self) -> str:
        """The user or organisation that owns the repository."""
        return self.repo_id.partition("/")[0]

    def __str__(self) -> str:
        return f"{SCHEME}{self.repo_id}" + (f"@{self.revision}" if self.revision else "")


def load(reference: Path | str, name: str = "", device: str = "cpu") -> Detector:
    """Load a detector: a checkpoint folder, hf:user/repo, hf:user/repo@revision, dlib:FILE (a shape predictor
    of 68 points), mediapipe:FILE (a face landmarker's .task) or onnx:FILE.

    name: the detector's name; if empty, its own, or that of its folder, repository or file. device: the torch device
    of a checkpoint's model; all others answer on the CPU.

    >>> load("onnx:FILE").on_frames(np.zeros((1, 96, 96), np.uint8)).shape
    (1, 15, 2)

    Raises FileNotFoundError or FkdError, as `load_trained` and the file's reader do.
    """
    kind, colon, file = str(reference).partition(":")
    if colon and kind in READERS:
        return READERS[kind](Path(file), name)
    return load_trained(reference, name, device=device)


def load_trained(reference: Path | str, name: str = "", device: str = "cpu") -> CheckpointDetector:
    """Load an fkd checkpoint: a folder, or hf:user/repo, or hf:user/repo@revision.

    name: the detector's name; the folder's or repository's if empty. device: the torch device of its model.
    Raises FileNotFoundError or FkdError, as `load_checkpoint` and `pull` do.
    """
    if not str(reference).startswith(SCHEME):
        return CheckpointDetector.read(reference, name, device=device)
    model = HubModel.parse(str(reference))
    return CheckpointDetector.read(checkpoint_folder(reference), name or model.repo_id, model.owner, device)


def checkpoint_folder(reference: Path | str) -> Path:
    """Return the folder of a checkpoint, downloaded if it is on the Hub (hf:user/repo, hf:user/repo@revision).

    Raises FkdError, as `pull` does.
    """
    if not str(reference).startswith(SCHEME):
        return Path(reference)
    from fkd.hub.repository import pull  # noqa: PLC0415 - the Hub's client takes 0.3 s, which a folder does without

    model = HubModel.parse(str(reference))
    return pull(model.repo_id, model.revision or None)
