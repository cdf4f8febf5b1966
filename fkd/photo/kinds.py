"""The kinds of files that are detectors, each with its reader: kind:FILE, or by the file's ending."""

from collections.abc import Callable
from pathlib import Path

from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.landmarks import read_dlib, read_mediapipe
from fkd.photo.detectors.onnx import read_onnx

READERS: dict[str, Callable[[Path, str], Detector]] = {
    "dlib": read_dlib,
    "mediapipe": read_mediapipe,
    "onnx": read_onnx,
}
ENDINGS = {".dat": "dlib", ".task": "mediapipe", ".onnx": "onnx"}  # in a folder of checkpoints


def files_in(checkpoints: Path) -> list[Path]:
    """The files in a folder of checkpoints that are detectors by their endings, in order of name."""
    return sorted(path for path in checkpoints.glob("*") if path.suffix in ENDINGS and path.is_file())


def read_detector(path: Path, device: str = "cpu") -> Detector:
    """Reads a checkpoint folder, or a file of a kind that its ending tells. Raises as its reader does."""
    kind = ENDINGS.get(path.suffix)
    return READERS[kind](path, "") if kind and path.is_file() else CheckpointDetector.read(path, device=device)
