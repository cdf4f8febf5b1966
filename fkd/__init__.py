"""Train, compare, publish and rank facial keypoint detectors.

>>> from fkd import load, predict
>>> faces = predict(load("checkpoints/resnet18"), photo)
"""

import importlib
from typing import TYPE_CHECKING, Any

from fkd.version import __version__

if TYPE_CHECKING:
    from fkd.hub.reference import load
    from fkd.photo.comparison import compare
    from fkd.photo.predict import predict

__all__ = ["__version__", "compare", "load", "predict"]
# What these need (torch, timm) takes seconds to import, so it waits until one of them is used (PEP 562).
FRONT_DOOR = {"compare": "fkd.photo.comparison", "load": "fkd.hub.reference", "predict": "fkd.photo.predict"}


def __getattr__(name: str) -> Any:
    if name not in FRONT_DOOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(FRONT_DOOR[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *FRONT_DOOR})
