"""The kinds of files that are detectors, each with its reader: kind:FILE, or by the file's ending."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fkd.errors import FkdError
from fkd.files import one_line
from fkd.keypoints import FRAME_SIZE
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.landmarks import read_dlib
from fkd.photo.detectors.onnx import read_onnx

READERS: dict[str, Callable[[Path, str], Detector]] = {"dlib": read_dlib, "onnx": read_onnx}
ENDINGS = {".dat": "dlib", ".onnx": "onnx"}  # in a folder of checkpoints


def files_in(checkpoints: Path) -> list[Path]:
    """The files in a folder of checkpoints that are detectors by their endings, in order of name."""
    return sorted(path for path in checkpoints.glob("*") if path.suffix in ENDINGS and path.is_file())


def read_detector(path: Path) -> Detector:
    """Reads a checkpoint folder, or a file by the reader for its ending. Raises as that reader does."""
    kind = ENDINGS.get(path.suffix)
    return READERS[kind](path, "") if kind and path.is_file() else CheckpointDetector.read(path)


def try_file(kind: str, path: Path) -> None:
    """Run a file of a kind once in another process, on black, white and noise. Raises FkdError if that process dies.

    An error that the file's reader reports is left to the reader.
    """
    code = "import sys; from fkd.photo.kinds import run_once; run_once(*sys.argv[1:])"
    command = [sys.executable, "-P", "-c", code, kind, str(path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    status = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True).returncode
    if status not in (0, 1):  # 1 is an exception of Python, which its reader raises here too
        name = signal.Signals(-status).name if status < 0 else status
        raise FkdError(f"{one_line(path.name)} is refused: the process that tried it died ({name})")


def run_once(kind: str, path: str) -> None:
    """Run a file of a kind on black, white and noisy frames, alone and together."""
    noise = np.random.default_rng(0).integers(0, 256, (6, FRAME_SIZE, FRAME_SIZE), np.uint8)
    frames = np.concatenate([np.zeros_like(noise[:1]), np.full_like(noise[:1], 255), noise])
    with contextlib.suppress(FkdError):
        detector = READERS[kind](Path(path), "")
        for batch in (frames[:1], frames[1:2], noise[:1], frames):
            with contextlib.suppress(FkdError):  # it may fail on some
                detector.on_frames(batch)
