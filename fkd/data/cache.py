"""Cache arrays that take seconds to compute."""

import hashlib
import warnings
from collections.abc import Callable

import numpy as np
import safetensors
from safetensors.numpy import save_file
from safetensors.torch import load_file

from fkd.files import cache_folder, replacing

VERSION = 2  # of the cached arrays


def cached(name: str, key: bytes, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Returns make(), from the cache if it was stored there under this name and key.

    Cached arrays are memory-mapped copy-on-write: a caller may change them.
    """
    path = cache_folder() / f"{name}-v{VERSION}-{hashlib.sha256(key).hexdigest()[:32]}.safetensors"
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
