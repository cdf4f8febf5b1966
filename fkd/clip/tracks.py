"""The tracks of a clip: arrays over its frames, for each model and face.

Coordinates are px of the upright frame, (0, 0) the centre of its top-left pixel; a face that is not seen in a frame has
NaN there.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fkd.keypoints import LEFT_EYE, RIGHT_EYE

STILL = 0.1  # % of the eye distance that a still point moves from frame to frame, at most, when smoothed
MIN_STILL = 150  # moves of points that a figure of jitter needs


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
    sharp: np.ndarray | None = None  # float32 [F], as `fkd.clip.tracking.sharpness` of the crop that was answered for


@dataclass(frozen=True)
class TrackedClip:
    """A clip and its tracks, one for each model and face."""

    clip: Clip
    tracks: list[Track]


def jitter(track: Track) -> tuple[float, float]:
    """How far points move from frame to frame where they should not, raw and smoothed.

    Root mean squares, % of the eye distance, over the points and frames that are still by the smoothed track; NaN if
    there are few.
    """
    moves = [100 * np.linalg.norm(np.diff(points, axis=0), axis=2) for points in (track.points, track.smooth)]
    raw, smoothed = (each / eye_distance(track) for each in moves)
    still = smoothed <= STILL  # False for NaN
    if still.sum() < MIN_STILL:
        return np.nan, np.nan
    return float(np.sqrt((raw[still] ** 2).mean())), float(np.sqrt((smoothed[still] ** 2).mean()))


def difference(track: Track, other: Track) -> float:
    """The mean distance between two models' smoothed points of one face, % of the eye distance; NaN if never both."""
    distances = np.linalg.norm(track.smooth - other.smooth, axis=2)
    distances = distances[np.isfinite(distances)]
    return float(100 * distances.mean() / eye_distance(track)) if len(distances) else np.nan


def eye_distance(track: Track) -> float:
    """The usual distance between the eyes' centres, px; NaN without an answer."""
    eyes = np.linalg.norm(track.points[:, LEFT_EYE] - track.points[:, RIGHT_EYE], axis=1)
    eyes = eyes[np.isfinite(eyes)]
    return float(np.median(eyes)) if len(eyes) else np.nan
