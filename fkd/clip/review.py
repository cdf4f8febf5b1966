"""Where to look in a tracked clip: frames in which detectors disagree, jump, doubt or lose a face."""

import itertools
from typing import Any

import numpy as np

from fkd.clip.tracks import Track, TrackedClip, eye_distance, jitter
from fkd.keypoints import NAMES

SHARE = "% of the eye distance"
APART, JUMPS, LOST = f"Disagreement, {SHARE}", f"Jumps, {SHARE}", "Faces lost"
LEAST = {APART: 5.0, JUMPS: 4.0, "Doubt": 1.25, LOST: 0.5}  # a frame with less is never bad
OUTLYING = 6.0  # standard deviations, by the median absolute deviation, above the median
TOGETHER = 0.25  # s; bad frames that are closer count as one


def review(tracked: TrackedClip) -> tuple[list[dict[str, Any]], list[int]]:
    """Figures for each frame, and the worst frame of each bad stretch.

    Returns {"title", "values", "limit"} for each figure: the largest of all models and faces in each frame, None where
    unknown; a frame with more than the limit is bad. Next, the frames.
    """
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
    rows, worst = [], np.zeros(len(lost))
    for title, values in each.items():
        if values:
            most = np.fmax.reduce(values).astype(float)
            known = most[np.isfinite(most)] if np.isfinite(most).any() else np.zeros(1)
            deviation = 1.4826 * np.median(np.abs(known - np.median(known)))
            limit = max(LEAST[title], float(np.median(known) + OUTLYING * deviation))
            shown = [round(value, 2) if np.isfinite(value) else None for value in most.tolist()]
            rows.append({"title": title, "values": shown, "limit": limit})
            worst = np.fmax(worst, most / limit)
    bad = np.flatnonzero(worst > 1)
    stretches = np.split(bad, np.flatnonzero(np.diff(tracked.clip.times[bad]) > TOGETHER) + 1)
    return rows, [int(stretch[np.argmax(worst[stretch])]) for stretch in stretches if len(stretch)]


def answer(first: Track, second: Track | None = None) -> str:
    """Say how much each model jitters, and how far they are apart: a wrong point can be steady."""
    (least, steady), *others = sorted((jitter(track)[1], track.model) for track in (first, second) if track)
    said = "No stretch is still enough for a figure of jitter"
    if np.isfinite([least, *(value for value, _ in others)]).all():
        further = "".join(f", {model} by {value:.3f}%" for value, model in others)
        said = f"Smoothed, {steady} jitters by {least:.3f}{SHARE}{further}"
    apart = differences(first, second) if second else np.full(1, np.nan)
    if not np.isfinite(apart).any():
        return f"{said}; no second model sees the face with {first.model}, to tell where it may be wrong."
    frame, point = np.unravel_index(np.nanargmax(apart), apart.shape)
    most = f"most in frame {frame} ({apart[frame, point]:.1f}% at the {NAMES[point].replace('_', ' ')})"
    return f"{said}; the models differ by {np.nanmean(apart):.1f}%, {most}."


def differences(first: Track, second: Track) -> np.ndarray:
    """How far apart two smoothed answers are, [F, 15], in % of the eye distance; NaN where one is missing."""
    apart: np.ndarray = 100 * np.linalg.norm(first.smooth - second.smooth, axis=-1) / eye_distance(first)
    return apart


def _jumps(track: Track) -> np.ndarray:
    """The change of motion in each frame, before smoothing, on average of the points, in % of the eye distance."""
    jumps = np.full(len(track.points), np.nan)
    jumps[1:-1] = np.linalg.norm(np.diff(track.points, 2, axis=0), axis=-1).mean(1)
    return 100 * jumps / eye_distance(track)
