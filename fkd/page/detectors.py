"""The detectors of a page."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from fkd.errors import FkdError
from fkd.hub.reference import load
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.kinds import READERS, try_file


def read_detectors(references: Sequence[Path | str | Detector]) -> dict[str, Detector]:
    """Read detectors, by name. Raises FkdError if two have one name, or a reference cannot be read."""
    detectors: dict[str, Detector] = {}
    for reference in references:
        detector = _try_and_load(reference) if isinstance(reference, (str, Path)) else reference
        if detector.name in detectors:
            raise FkdError(f"two of the checkpoints have the name {detector.name}: the page needs one name for each")
        detectors[detector.name] = detector
    return detectors


def by_error(detectors: Mapping[str, Detector]) -> list[str]:
    """List the names, the lowest validation RMSE first; last those that learned the validation faces."""
    return sorted(detectors, key=lambda name: _error(detectors[name]))


def folders_of(detectors: Mapping[str, Detector]) -> list[Path]:
    """List the checkpoint folders, and the files of other detectors."""
    return [detector.folder for detector in detectors.values() if detector.folder]


def _error(detector: Detector) -> float:
    learned = isinstance(detector, CheckpointDetector) and detector.training.validation_too
    return math.inf if learned else detector.validation_rmse


def _try_and_load(reference: str | Path) -> Detector:
    kind, _, file = str(reference).partition(":")
    if kind in READERS:
        try_file(kind, Path(file))
    return load(reference)
