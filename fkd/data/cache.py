"""Cache arrays by the content of the file that they are computed from."""

import hashlib
import io
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save_file
from safetensors.torch import load_file

from fkd.files import cache_folder, replacing

CACHE_VERSION = 1


def cached(
    name: str, file: io.BufferedReader | io.BytesIO, make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Returns make(), from the cache if it was stored for a file with these bytes.

    Cached arrays are memory-mapped copy-on-write: a caller may change them.
    """
    root = cache_folder()
    path = root / f"{name}-v{CACHE_VERSION}-{_digest(file, root)[:32]}.safetensors"
    if path.exists():
        try:
            return {key: tensor.numpy() for key, tensor in load_file(path).items()}  # torch's loader maps the file
        except (OSError, safetensors.SafetensorError) as error:
            warnings.warn(f"{path} is corrupt ({error}); rebuilding it", stacklevel=3)
    # safetensors writes memory as it is, so a column-major array would come back scrambled.
    arrays = {key: np.ascontiguousarray(array) for key, array in make().items()}
    try:
        with replacing(path) as unfinished:
            save_file(arrays, unfinished)
    except (OSError, safetensors.SafetensorError) as error:  # the latter for a full disk
        warnings.warn(f"nothing is cached, so each start reads the csv again: {error}", stacklevel=3)
    return arrays


def _digest(file: io.BufferedReader | io.BytesIO, root: Path) -> str:
    """The SHA-256 of a file's bytes; a note in `root` saves hashing an unchanged file again."""
    if isinstance(file, io.BytesIO):
        return hashlib.file_digest(file, "sha256").hexdigest()
    state = os.fstat(file.fileno())
    # The change time shows an edit by a program that restores the modification time.
    key = f"{os.path.realpath(file.name)} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
    note = root / f"digest-{hashlib.sha256(os.fsencode(key)).hexdigest()[:32]}.txt"
    try:
        if re.fullmatch(r"[0-9a-f]{64}", digest := note.read_text("latin-1")):
            return digest
    except OSError:
        pass
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        with replacing(note) as unfinished:
            unfinished.write_text(digest)
    except OSError:
        pass  # `cached` warns where it cannot store the arrays
    return digest
