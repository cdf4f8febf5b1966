"""Smooth tracks without lag, by what follows as well as by what went before, and state jitter as a number."""

import numpy as np

# A point's velocity changes by noise of this power, in units of the usual point's variance of measurement, per 1/30 s.
WILD = 0.33
SECOND = 30.0  # units of time
LEAST = 1e-3  # px, a point's noise at least


def smooth(points: np.ndarray, times: np.ndarray, spread: np.ndarray | None = None) -> np.ndarray:
    """Smooth points by a Rauch-Tung-Striebel smoother (1965) of constant velocity.

    points: [F, 15, 2] px, NaN in gaps, which stay. times: s [F]. spread: [F, 15] px; an answer of more than its
    point's usual spread counts less. Returns float32 [F, 15, 2].
    """
    variance = np.broadcast_to(noise(points) ** 2, points.shape[:2])
    if spread is not None and np.isfinite(spread).any():
        usual = np.nanmedian(spread, axis=0)
        variance = variance * (np.where(np.isfinite(spread), spread, usual) / np.maximum(usual, LEAST)) ** 2
    drive = WILD * float(np.median(noise(points) ** 2))
    seen = np.flatnonzero(np.isfinite(points).all((1, 2)))
    smoothed = np.full(points.shape, np.nan, np.float32)
    if len(seen):
        steps = np.diff(times[seen]) * SECOND
        smoothed[seen] = _smooth(points[seen].astype(float), variance[seen], steps, drive)
    return smoothed


def noise(points: np.ndarray) -> np.ndarray:
    """The standard deviation of each point's noise along an axis, float64 [15] px.

    From second differences in the quieter half of the frames: motion at constant speed leaves none.
    """
    second = np.diff(points, 2, axis=0)  # [F - 2, 15, 2]
    seen = np.isfinite(second).all((1, 2))
    if not seen.any():
        return np.full(points.shape[1], LEAST)
    second = second[seen]
    motion = np.linalg.norm((points[2:] - points[:-2])[seen].mean(1), axis=1)
    quiet = np.abs(second[motion <= np.median(motion)])
    # White noise has 6 times its variance in second differences; 0.6745: the median of a normal variable's size.
    deviation: np.ndarray = np.maximum(np.median(quiet, axis=(0, 2)) / 0.6745 / np.sqrt(6), LEAST)
    return deviation


def _smooth(points: np.ndarray, variance: np.ndarray, steps: np.ndarray, drive: float) -> np.ndarray:
    """Points [F, K, 2] without gaps; variance [F, K]; steps [F - 1]; the covariance is the same for x and y."""
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
        ahead_cov[at] = [value + drive * step**n / n for value, n in zip(grown, (3, 2, 1), strict=True)]
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
