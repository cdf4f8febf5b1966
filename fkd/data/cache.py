"""Arrays made from a file, kept by the file's content."""

import hashlib
import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

from fkd.files import replacing

CACHE_VERSION = 1


def cached(
    kind: str, file: io.BufferedReader | io.BytesIO, make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Returns make() from the cache if a file of these bytes was seen before; writes aside, then renames."""
    root = Path(os.environ.get("FKD_CACHE") or Path.home() / ".cache" / "fkd")
    path = root / f"{kind}-v{CACHE_VERSION}-{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}.safetensors"
    if path.exists():
        try:
            return load_file(path)
        except (OSError, safetensors.SafetensorError) as error:
            warnings.warn(f"{path} is damaged ({error}) and is made anew", stacklevel=3)
    # safetensors writes an array's memory as it lies, so a column-major one would come back scrambled.
    arrays = {name: np.ascontiguousarray(array) for name, array in make().items()}
    try:
        with replacing(path) as aside:
            save_file(arrays, aside)
    except OSError as error:
        warnings.warn(f"nothing is cached, so each start reads the csv again: {error}", stacklevel=3)
    return arrays
