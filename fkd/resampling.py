"""Bootstrap resamples (Efron 1979) of means and RMSEs, by face: how far a figure may be off by the choice of faces."""

import functools

import numpy as np


def rmse_interval(squares: np.ndarray, values: np.ndarray, resamples: int = 2000) -> tuple[float, float]:
    """The 95% bootstrap interval by face of an RMSE, px, from each face's sum of squares (px²) and count of values."""
    low, high = np.quantile(resampled_rmse(squares, values, resamples), (0.025, 0.975))
    return float(low), float(high)


def resampled_rmse(squares: np.ndarray, values: np.ndarray, resamples: int = 2000) -> np.ndarray:
    """The RMSE of bootstrap resamples by face, px [resamples]; each resample has the same faces whatever the errors.

    squares: each face's sum of squares [N] px². values: how many coordinates those are [N].
    """
    rmse: np.ndarray = np.sqrt(resampled_means(squares, values, resamples))
    return rmse


def resampled_means(sums: np.ndarray, values: np.ndarray, resamples: int = 2000) -> np.ndarray:
    """The mean over all values of bootstrap resamples [resamples], from the sum and the count of each unit's, both [N].

    A unit, such as a face, is drawn as a whole.
    """
    both = np.stack([sums, values], 1)  # [N, 2]
    # A part at a time: as float64, all of them take gigabytes for 20,000 faces.
    parts = np.array_split(_resamples(len(sums), resamples), 10)
    drawn = np.concatenate([part.astype(np.float64) @ both for part in parts])  # [resamples, 2]
    means: np.ndarray = drawn[:, 0] / drawn[:, 1].clip(1)
    return means


@functools.lru_cache(1)  # all entries of a benchmark have the same faces
def _resamples(faces: int, resamples: int) -> np.ndarray:
    """How often each face is in each resample, uint8 [resamples, faces]."""
    rng = np.random.default_rng(0)  # a fixed seed: the same predictions give the same interval
    counts = np.empty((resamples, faces), np.uint8)
    for row in counts:
        row[:] = np.bincount(rng.integers(faces, size=faces), minlength=faces)
    return counts
