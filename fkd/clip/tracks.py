"""What was tracked in a clip: arrays over its frames, for each model and face.

Coordinates are px of the upright frame, (0, 0) the centre of its top-left pixel; a face that is not seen in a frame has
NaN there.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Clip:
    """What is known of a clip once it has been read to its end: F frames, those that could be decoded."""

    path: Path
    width: int  # px, of the upright frame
    height: int
    rate: float  # frames a second that players assume; with a variable rate the times differ from number / rate
    times: np.ndarray  # float64 [F], s, the presentation time of each frame, from the clip's start
    stated: int  # how many frames its header promises; 0 if it does not say
    corrupt: np.ndarray  # bool [F], frames that were decoded from damaged data


@dataclass(frozen=True)
class Track:
    """One model's answers for one face, over the F frames of a clip."""

    model: str
    colour: str  # "#rrggbb"
    face: int  # from 1, the same for each model
    boxes: np.ndarray  # float32 [F, 4], (x0, y0, x1, y1) px, edges
    points: np.ndarray  # float32 [F, 15, 2] px, as answered
    smooth: np.ndarray  # float32 [F, 15, 2] px, smoothed
    doubt: np.ndarray  # float32 [F], in the unit of `Face.doubt`
    spread: np.ndarray | None = None  # float32 [F, 15] px, the standard deviation along an axis
    sharp: np.ndarray | None = None  # float32 [F], as `fkd.clip.frames.sharpness` of the crop that was answered for


@dataclass(frozen=True)
class TrackedClip:
    """A clip and its tracks, one for each model and face."""

    clip: Clip
    tracks: list[Track]
