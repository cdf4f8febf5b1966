"""Smooth tracks without lag, from the frames before and after."""

import numpy as np

from fkd.keypoints import LEFT_EYE, RIGHT_EYE

# The power by which a still point's velocity changes, in variances of its measurement, and by how many variances a
# point is to leave its smoothed track for a power that grows with them: chosen on a swaying face with known truth.
DRIVE, SURPRISE = 0.03, 2.5
WINDOW = 9  # frames over which it leaves its track
SECOND = 30.0  # units of time
CHUNK, OVERLAP = 1000, 100  # frames that are smoothed at once, and more on each side, whose influence ends there
LEAST = 0.001  # of the eye distance, a point's noise at least


def smooth(points: np.ndarray, times: np.ndarray, spread: np.ndarray | None = None) -> np.ndarray:
    """Smooth points by a Rauch-Tung-Striebel smoother (1965) of constant velocity, less where they turn or speed up.

    points: [F, 15, 2] px, NaN in gaps, which stay. times: s [F]. spread: [F, 15] px; an answer of more than its
    point's usual spread counts less. Returns float32 [F, 15, 2].
    """
    seen = np.isfinite(points).all((1, 2))
    smoothed = np.full(points.shape, np.nan, np.float32)
    if not seen.any():
        return smoothed
    at = np.flatnonzero(seen)
    least = LEAST * np.median(np.linalg.norm(points[at, LEFT_EYE] - points[at, RIGHT_EYE], axis=1))
    usual = np.maximum(noise(points), least) ** 2
    usual_spread = None if spread is None else np.median(spread[at], 0)
    for start in range(0, len(at), CHUNK):  # a few at a time, for little memory
        rows = at[max(start - OVERLAP, 0) : start + CHUNK + OVERLAP]
        values, variance = points[rows].astype(float), np.tile(usual, (len(rows), 1))
        if spread is not None and usual_spread is not None:
            variance *= (spread[rows] / usual_spread) ** 2
        drive, steps = np.full(variance.shape, DRIVE * np.median(usual)), np.diff(times[rows]) * SECOND
        left = ((values - _smooth(values, variance, steps, drive)) ** 2).mean(2) / variance
        around = np.pad(left, ((WINDOW // 2, WINDOW // 2), (0, 0)), mode="edge")
        left = np.lib.stride_tricks.sliding_window_view(around, WINDOW, axis=0).mean(-1)
        answer = _smooth(values, variance, steps, drive * np.maximum(1, left / SURPRISE))
        own = slice(min(start, OVERLAP), min(start, OVERLAP) + CHUNK)
        smoothed[rows[own]] = answer[own]
    return smoothed


def noise(points: np.ndarray) -> np.ndarray:
    """The standard deviation of each point's noise along an axis, float64 [15] px.

    From second differences in the quieter half of the frames: motion at constant speed leaves none.
    """
    second = np.diff(points, 2, axis=0)  # [F - 2, 15, 2]
    seen = np.isfinite(second).all((1, 2))
    if not seen.any():
        return np.zeros(points.shape[1])
    second = second[seen]
    motion = np.linalg.norm((points[2:] - points[:-2])[seen].mean(1), axis=1)
    quiet = np.abs(second[motion <= np.median(motion)])
    # White noise has 6 times its variance in second differences; 0.6745: the median of a normal variable's size.
    deviation: np.ndarray = np.median(quiet, axis=(0, 2)) / 0.6745 / np.sqrt(6)
    return deviation


def _smooth(points: np.ndarray, variance: np.ndarray, steps: np.ndarray, drive: np.ndarray) -> np.ndarray:
    """Points [F, K, 2] without gaps; variance, drive [F, K]; steps [F - 1]; the covariance is the same for x and y."""
    frames, count, _ = points.shape
    state = np.zeros((frames, 2, count, 2))  # position and velocity
    # Covariances of position, of position and velocity, and of velocity: [F, K] each.
    cov = np.zeros((frames, 3, count))
    ahead, ahead_cov = state.copy(), cov.copy()  # as predicted from the frame before
    state[0, 0], cov[0] = points[0], [variance[0], np.zeros(count), 100 * variance[0]]
    for at, step in enumerate(steps, 1):
        (place, speed), (p, c, v) = state[at - 1], cov[at - 1]
        ahead[at] = place + step * speed, speed
        grown = p + 2 * step * c + step**2 * v, c + step * v, v
        ahead_cov[at] = [value + drive[at] * step**n / n for value, n in zip(grown, (3, 2, 1), strict=True)]
        (place, speed), (p, c, v) = ahead[at], ahead_cov[at]
        gain, gain_speed = p / (p + variance[at]), c / (p + variance[at])
        error = points[at] - place
        state[at] = place + gain[:, None] * error, speed + gain_speed[:, None] * error
        cov[at] = (1 - gain) * p, (1 - gain) * c, v - gain_speed * c
    for at in range(frames - 2, -1, -1):
        step, (p, c, v), (pp, pc, pv) = steps[at], cov[at], ahead_cov[at + 1]
        # cov @ transition.T @ inverse(ahead_cov), 2 x 2 for each point
        size = pp * pv - pc**2
        a, b, d, e = p + step * c, c, c + step * v, v
        gains = np.array([[a * pv - b * pc, b * pp - a * pc], [d * pv - e * pc, e * pp - d * pc]]) / size
        error = state[at + 1] - ahead[at + 1]
        state[at] += gains[:, 0, :, None] * error[0] + gains[:, 1, :, None] * error[1]
    return state[:, 0]
