"""Load the detector of a reference: a folder, a model on the Hub or a file."""

import re
from dataclasses import dataclass
from pathlib import Path

from fkd.errors import FkdError
from fkd.files import read_json, typed
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.kinds import READERS

SCHEME = "hf:"
PINNED = "pinned.json"  # among checkpoint folders: Hub models to show with them, or instead


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub: user/repo, and a branch, tag or commit; the newest if empty."""

    repo_id: str
    revision: str = ""

    @classmethod
    def parse(cls, reference: str) -> "HubModel":
        """From user/repo or user/repo@revision, with or without hf: before it. Raises FkdError for anything else."""
        parts = re.fullmatch(r"(?:hf:)?([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", reference)
        if not parts:
            raise FkdError(f"{reference[:100]!r} names no model on the Hub: expected user/repo or user/repo@revision")
        return cls(parts[1], parts[2] or "")

    @property
    def owner(self) -> str:
        """The user or organisation that owns the repository."""
        return self.repo_id.partition("/")[0]

    def __str__(self) -> str:
        return f"{SCHEME}{self.repo_id}" + (f"@{self.revision}" if self.revision else "")


def load(reference: Path | str, name: str = "", device: str = "cpu") -> Detector:
    """Load a detector: a checkpoint folder, hf:user/repo, hf:user/repo@revision, onnx:FILE, or dlib:FILE (a shape
    predictor of 68 points).

    >>> load("onnx:FILE").on_frames(np.zeros((1, 96, 96), np.uint8)).shape
    (1, 15, 2)

    Args:
        name: The detector's name; if empty, its own, or that of its folder, repository or file.
        device: cpu, or for a checkpoint's model a torch device, or auto; all others answer on the CPU.

    Raises:
        FileNotFoundError: A file is missing.
        FkdError: As `pull`, `chosen_device` and the file's reader.
    """
    if device != "cpu":
        from fkd.learn.models import chosen_device  # noqa: PLC0415 - torch, which serving does without

        device = chosen_device(device)
    kind, colon, file = str(reference).partition(":")
    if colon and kind in READERS:
        return READERS[kind](Path(file), name)
    folder = checkpoint_folder(reference)
    if not str(reference).startswith(SCHEME):
        return CheckpointDetector.read(folder, name, device=device)
    model = HubModel.parse(str(reference))
    return CheckpointDetector.read(folder, name or model.repo_id, model.owner, device)


def checkpoint_folder(reference: Path | str) -> Path:
    """Return the folder of a checkpoint, downloaded by `pull` if it is on the Hub."""
    if not str(reference).startswith(SCHEME):
        if not Path(reference).is_dir():
            expected = "a folder such as checkpoints/resnet18, hf:user/repo, onnx:FILE or dlib:FILE"
            raise FileNotFoundError(f"{reference} is not a checkpoint folder: expected {expected}")
        return Path(reference)
    from fkd.hub.repository import pull  # noqa: PLC0415 - the Hub's client takes 0.3 s, which a folder does without

    model = HubModel.parse(str(reference))
    return pull(model.repo_id, model.revision)


def read_pinned(checkpoints: Path) -> list[HubModel]:
    """Return the Hub models that are shown with a folder of checkpoints.

    Raises FkdError if pinned.json is not a list of Hub models.
    """
    path = checkpoints / PINNED
    references = typed(read_json(path), list[str], str(path)) if path.exists() else []
    return [HubModel.parse(reference) for reference in references]
