"""Arrays made from a file, kept by the file's content."""

import hashlib
import io
import os
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save_file
from safetensors.torch import load_file

from fkd.data.rows import Opened
from fkd.files import replacing

CACHE_VERSION = 1
SETTLED = 10  # seconds after which a further change gives a file another time, on any file system


def cached(name: str, file: Opened, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Returns make() from the cache if a file of these bytes was there before; writes aside, then renames.

    What comes from the cache is read from the disk where it is used first, and may be changed without changing it.
    """
    root = Path(os.environ.get("FKD_CACHE") or Path.home() / ".cache" / "fkd")
    path = root / f"{name}-v{CACHE_VERSION}-{_digest(file, root)[:32]}.safetensors"
    if path.exists():
        try:
            return {key: tensor.numpy() for key, tensor in load_file(path).items()}  # of torch, which maps the file
        except (OSError, safetensors.SafetensorError) as error:
            warnings.warn(f"{path} is damaged ({error}) and is made anew", stacklevel=3)
    # safetensors writes an array's memory as it lies, so a column-major one would come back scrambled.
    arrays = {key: np.ascontiguousarray(array) for key, array in make().items()}
    try:
        with replacing(path) as beside:
            save_file(arrays, beside)
    except (OSError, safetensors.SafetensorError) as error:  # the latter for a full disk
        warnings.warn(f"nothing is cached, so each start reads the csv again: {error}", stacklevel=3)
    return arrays


def _digest(file: Opened, root: Path) -> str:
    """The SHA-256 of a file's bytes, noted in `root`: a file of the same inode, size and times is not read again."""
    if isinstance(file, io.BytesIO):
        return hashlib.file_digest(file, "sha256").hexdigest()
    state = os.fstat(file.fileno())
    changed = max(state.st_mtime_ns, state.st_ctime_ns)
    identity = f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
    note = root / f"digest-{hashlib.sha256(identity.encode()).hexdigest()[:32]}.txt"
    try:
        noted = note.read_bytes()
    except OSError:
        noted = b""
    if re.fullmatch(rb"[0-9a-f]{64}", noted):
        return noted.decode()
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    if time.time() - changed / 1e9 > SETTLED:
        try:
            with replacing(note) as beside:
                beside.write_text(digest)
        except OSError:
            pass  # `cached` says it where it cannot keep the arrays
    return digest
