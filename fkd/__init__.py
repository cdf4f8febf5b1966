"""Train, compare, publish and rank facial keypoint detectors.

>>> from fkd import evaluate, load, predict, train
>>> train("facial-keypoints", "checkpoints/mine")
>>> print(evaluate(load("checkpoints/mine"), "facial-keypoints"))
>>> faces = predict(load("checkpoints/resnet18"), photo)
"""

import importlib
from typing import TYPE_CHECKING, Any

from fkd.version import __version__

if TYPE_CHECKING:
    from fkd.board.measuring import evaluate
    from fkd.hub.reference import load
    from fkd.learn.run import train
    from fkd.photo.comparison import compare
    from fkd.photo.predict import predict

__all__ = ["__version__", "compare", "evaluate", "load", "predict", "train"]
# torch and timm take seconds to import, so each function is imported when it is first used (PEP 562).
FRONT_DOOR = {"compare": "photo.comparison", "evaluate": "board.measuring", "load": "hub.reference"}
FRONT_DOOR |= {"predict": "photo.predict", "train": "learn.run"}


def __getattr__(name: str) -> Any:
    if name not in FRONT_DOOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"fkd.{FRONT_DOOR[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *FRONT_DOOR})
