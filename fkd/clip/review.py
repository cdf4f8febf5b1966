"""Where to look in a tracked clip: frames in which detectors disagree, jump, doubt or lose a face."""

import itertools
from dataclasses import dataclass

import numpy as np

from fkd.clip.tracks import Track, TrackedClip, eye_distance, jitter
from fkd.keypoints import NAMES

SHARE = "% of the eye distance"
APART, JUMPS, LOST = f"Disagreement, {SHARE}", f"Jumps, {SHARE}", "Faces lost"
LEAST = {APART: 5.0, JUMPS: 4.0, "Doubt": 1.25, LOST: 0.5}  # a frame with less is never bad
OUTLYING = 6.0  # standard deviations, by the median absolute deviation, above the median
TOGETHER = 0.25  # s; bad frames that are closer count as one


@dataclass(frozen=True)
class Series:
    """A figure in each frame, [F], the largest of all models and faces, NaN where unknown; more than `limit` is bad."""

    title: str
    values: np.ndarray
    limit: float


def review(tracked: TrackedClip) -> tuple[list[Series], list[int]]:
    """The figures that are known of a clip, and the worst frame of each bad stretch."""
    tracks, lost = tracked.tracks, np.zeros(len(tracked.clip.times))
    for track in tracks:
        seen = np.isfinite(track.points).all((1, 2))
        lost[1:] += seen[:-1] & ~seen[1:]
    pairs = [pair for pair in itertools.combinations(tracks, 2) if pair[0].face == pair[1].face]
    each = {
        APART: [differences(*pair).mean(1) for pair in pairs],
        JUMPS: [_jumps(track) for track in tracks],
        "Doubt": [track.doubt for track in tracks],
        LOST: [lost] if lost.any() else [],
    }
    found = [_series(title, np.fmax.reduce(values)) for title, values in each.items() if values]
    worst = np.fmax.reduce([one.values / one.limit for one in found])
    bad = np.flatnonzero(worst > 1)
    stretches = np.split(bad, np.flatnonzero(np.diff(tracked.clip.times[bad]) > TOGETHER) + 1)
    return found, [int(stretch[np.argmax(worst[stretch])]) for stretch in stretches if len(stretch)]


def _series(title: str, values: np.ndarray) -> Series:
    known = values[np.isfinite(values)]
    middle = np.median(known) if len(known) else 0
    deviation = 1.4826 * np.median(np.abs(known - middle)) if len(known) else 0
    return Series(title, values, max(LEAST[title], float(middle + OUTLYING * deviation)))


def answer(first: Track, second: Track | None = None) -> str:
    """Say which model jitters less, and how far they are apart: a wrong point can be steady."""
    tracks = [first, second] if second else [first]
    (least, steady), *others = sorted((jitter(track)[1], track.model) for track in tracks)
    said = ""
    if np.isfinite([least, *(value for value, _ in others)]).all():  # there is a still stretch
        against = "".join(f", {model} by {value:.3f}%" for value, model in others)
        said = f"After smoothing, {steady} jitters by {least:.3f}{SHARE} from frame to frame{against}. "
    if not second:
        return f"{said}Choose a second model to see where they disagree."
    apart = differences(first, second)
    if not np.isfinite(apart).any():
        return f"{said}{first.model} and {second.model} never see the face in the same frame."
    frame, point = np.unravel_index(np.nanargmax(apart), apart.shape)
    most = f"{apart[frame, point]:.1f}% at the {NAMES[point].replace('_', ' ')}"
    said += f"{first.model} and {second.model} differ by {np.nanmean(apart):.1f}{SHARE}"
    return f"{said} on average, most in frame {frame} ({most})."


def differences(first: Track, second: Track) -> np.ndarray:
    """How far apart two smoothed answers are, [F, 15], in % of the eye distance; NaN where one is missing."""
    apart: np.ndarray = 100 * np.linalg.norm(first.smooth - second.smooth, axis=-1) / eye_distance(first)
    return apart


def _jumps(track: Track) -> np.ndarray:
    """The change of motion in each frame, before smoothing, on average of the points, in % of the eye distance."""
    jumps = np.full(len(track.points), np.nan)
    jumps[1:-1] = np.linalg.norm(np.diff(track.points, 2, axis=0), axis=-1).mean(1)
    return 100 * jumps / eye_distance(track)
