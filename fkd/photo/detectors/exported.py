"""The ONNX file of a checkpoint: its folder's own, the cache's, or one that is exported now."""

import atexit
import dataclasses
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from fkd.errors import FkdError
from fkd.files import cache_folder
from fkd.learn.config import ModelConfig
from fkd.photo.runtime import read_metadata

ONNX = "model.onnx"  # in a checkpoint folder
VERSION = 1  # of the export: a change that alters its answers makes new files


def onnx_file(folder: Path, config: ModelConfig, sha256: str, networks: Path) -> Path:
    """Return a checkpoint's ONNX file, exporting it if these weights have none yet.

    Args:
        folder: the checkpoint folder. Its model.onnx is used if that names the same weights.
        config: its model.
        sha256: of its weights.
        networks: the folder where exported files are cached.

    Raises:
        FkdError: if the checkpoint is damaged, as `load_checkpoint`.
        ChildProcessError: if the process that exports it dies.
    """
    if (folder / ONNX).is_file() and _weights_of(folder / ONNX) == sha256:
        return folder / ONNX
    model = json.dumps([VERSION, dataclasses.asdict(config)])  # other models may have the same tensors
    file = networks / f"{sha256}-{hashlib.sha256(model.encode()).hexdigest()[:16]}.onnx"
    if not file.is_file():
        _export(folder, file)
    return file


def networks_folder() -> Path:
    """Return the folder of cached networks; a temporary one, for this process, if the cache is not writable."""
    folder = cache_folder() / "networks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        return _temporary_folder(str(error))


@functools.cache
def _temporary_folder(reason: str) -> Path:
    warnings.warn(f"networks are not cached, so each start exports them again; set FKD_CACHE: {reason}", stacklevel=4)
    folder = Path(tempfile.mkdtemp(prefix="fkd-networks-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _weights_of(file: Path) -> str:
    """The sha256 of the weights that an ONNX file was exported from; empty if it does not say."""
    try:
        return str(json.loads(read_metadata(file)["fkd"])["checkpoint"])
    except (RuntimeError, ValueError, TypeError, KeyError):
        return ""


def _export(folder: Path, file: Path) -> None:
    """Export a checkpoint folder: here if this process has torch already, else by `fkd export` in another one."""
    if "torch" in sys.modules:
        from fkd.photo.detectors.onnx_export import export_onnx  # noqa: PLC0415 - torch, which serving does without

        export_onnx(folder, file)
        return
    command = [sys.executable, "-P", "-m", "fkd", "export", str(folder), "--onnx", str(file)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if child.returncode:
        last = (child.stderr.splitlines() or [""])[-1]
        if last.startswith("fkd: "):
            raise FkdError(last.removeprefix("fkd: "))
        raise ChildProcessError(f"exporting {folder} to ONNX ended with {child.returncode}: {last}")
