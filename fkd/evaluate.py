"""Predictions + labels -> Evaluation: sums first, one division last."""

import dataclasses
import datetime
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from fkd import __version__
from fkd.keypoints import FRAME_SIZE, LEFT_EYE, NAMES, RIGHT_EYE

FAILURE = 10.0  # percent of the inter-ocular distance, as 300-W counts failures
QUANTILES = (0.5, 0.9, 0.95, 0.99)
CASES = 3


@dataclass(frozen=True)
class Accuracy:
    """How far predictions are from labels; every mean is over what is labelled.

    rmse: px, over all asked coordinates (the competition's metric); rmse_low, rmse_high: its 95% bootstrap
    interval by face. rmse_by_keypoint: px. nme: mean point error in percent of the inter-ocular distance
    (between the eye centres), averaged by face, over the nme_faces that have both eyes labelled;
    failure_rate: percent of those faces above 10%. error_quantiles: point distance in px by quantile.
    """

    faces: int
    values: int
    rmse: float
    rmse_low: float
    rmse_high: float
    rmse_by_keypoint: dict[str, float | None]
    nme: float | None
    nme_faces: int
    failure_rate: float | None
    error_quantiles: dict[str, float]


@dataclass(frozen=True)
class Detail:
    """What tells models apart that differ little, and what a model's errors look like; none of the faces themselves.

    squares, values: for each test face, in the order of `fkd.split.in_order`, the sum of the squared errors of its
    labelled coordinates (px²), and how many those are. nme: its mean error in percent of the inter-ocular distance,
    None where an eye is not labelled. offsets: for each keypoint the mean of the error's x and y, then its variance in
    x, covariance, variance in y (px, px²). worst, best: the errors [15, 2] px (answer minus label) of CASES faces each,
    by their RMSE, among those with the most labels; None where there is no label.
    """

    squares: list[float]
    values: list[int]
    nme: list[float | None]
    offsets: dict[str, list[float] | None]
    worst: list[list[list[float] | None]]
    best: list[list[list[float] | None]]


@dataclass(frozen=True)
class Cost:
    """What a model takes: parameters, multiply-adds for a face, median milliseconds for one face, and where."""

    parameters: int
    macs: int
    latency_ms: float
    hardware: str


@dataclass(frozen=True)
class Evaluation:
    """One model on one benchmark: what a leaderboard entry is made of.

    fingerprint: hash of the test images and of which labels they have. checkpoint: sha256 of the weights; of
    an ensemble, of its members' hashes. members: how many models' answers are averaged. mirror: whether each
    answer is the mean over the face and its mirror image. data: what the model was trained on, as its
    checkpoint says. held_out: whether that record shows the test faces were kept apart. robustness: RMSE in px
    at each of `fkd.robustness.STEPS`, by kind. revision: the commit on the Hub that was measured, if it
    is from there.
    """

    name: str
    benchmark: str
    fingerprint: str
    accuracy: Accuracy
    detail: Detail
    cost: Cost
    checkpoint: str
    model: str
    members: int
    mirror: bool
    data: dict
    held_out: bool
    robustness: dict[str, list[float]]
    revision: str = ""
    fkd_version: str = __version__
    date: str = dataclasses.field(default_factory=lambda: datetime.date.today().isoformat())


PARTS = {"accuracy": Accuracy, "detail": Detail, "cost": Cost}


def predict_points(
    models: Sequence[torch.nn.Module],
    images: np.ndarray,
    sparse: np.ndarray | None = None,
    mirror: bool = False,
    batch_size: int = 32,  # what a CPU's cache holds: 256 takes 1.8 times as long
) -> np.ndarray:
    """Points float32 [N, 15, 2], frame pixels, for images uint8 [N, 96, 96]; the mean over several models.

    sparse: bool [N], the faces to answer in the four-point convention. mirror: average with the answer for
    the mirror image, mirrored back.
    """
    device = next(models[0].parameters()).device
    total = np.zeros((len(images), len(NAMES), 2))
    for model in models:
        model.eval()
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            batch = torch.tensor(images[rows], device=device)[:, None].float() / 255
            kind = None if sparse is None else torch.from_numpy(sparse[rows]).to(device)
            with torch.inference_mode():
                points = model(batch, kind, mirror)
            total[rows] += points.float().cpu().numpy()
    return (total / len(models)).astype(np.float32)


def bf16_is_quick(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def accuracy(predicted: np.ndarray, points: np.ndarray, resamples: int = 2000) -> Accuracy:
    """Compares predictions with labels, both [N, 15, 2] px, labels NaN where missing.

    Raises ValueError if nothing is labelled, or a prediction is not finite.
    """
    if not np.isfinite(predicted).all():
        raise ValueError("the model's predictions hold values that are not finite: its weights are broken")
    squares = (predicted.astype(np.float64) - points) ** 2  # [N, 15, 2], NaN where missing
    labelled = np.isfinite(squares)
    if not labelled.any():
        raise ValueError("none of the faces has a label: nothing can be measured")
    total, count = np.nansum(squares, (1, 2)), labelled.sum((1, 2))  # [N]
    # A fixed seed: the same predictions give the same interval.
    draws = np.random.default_rng(0).integers(len(points), size=(resamples, len(points)))
    counts = np.maximum(count[draws].sum(1), 1)
    low, high = np.quantile(np.sqrt(total[draws].sum(1) / counts), (0.025, 0.975))

    by_point, point_count = np.nansum(squares, (0, 2)), labelled.sum((0, 2))
    distance = np.sqrt(squares.sum(-1))  # [N, 15] px
    nme = _nme(predicted.astype(np.float64) - points, points)
    nme = nme[np.isfinite(nme)]
    return Accuracy(
        faces=int((count > 0).sum()),
        values=int(count.sum()),
        rmse=float(np.sqrt(total.sum() / count.sum())),
        rmse_low=float(low),
        rmse_high=float(high),
        rmse_by_keypoint={
            name: float(np.sqrt(by_point[i] / point_count[i])) if point_count[i] else None
            for i, name in enumerate(NAMES)
        },
        nme=float(nme.mean()) if len(nme) else None,
        nme_faces=len(nme),
        failure_rate=float(100 * (nme > FAILURE).mean()) if len(nme) else None,
        error_quantiles={str(q): float(np.nanquantile(distance, q)) for q in QUANTILES},
    )


def detail(predicted: np.ndarray, points: np.ndarray) -> Detail:
    """Compares predictions with labels, both [N, 15, 2] px, labels NaN where missing, face by face."""
    errors = predicted.astype(np.float64) - points  # [N, 15, 2] px, NaN where missing
    squares, values = np.nansum(errors**2, (1, 2)), np.isfinite(errors).sum((1, 2))  # [N]
    nme = _nme(errors, points)
    offsets = {}
    for index, name in enumerate(NAMES):
        known = errors[np.isfinite(errors[:, index]).all(1), index]  # [n, 2]
        (xx, xy), (_, yy) = np.cov(known.T) if len(known) > 1 else np.zeros((2, 2))
        offsets[name] = _rounded([*known.mean(0), xx, xy, yy]) if len(known) else None
    full = np.flatnonzero(values == values.max())
    order = full[np.argsort(squares[full], kind="stable")]

    def case(face: int) -> list[list[float] | None]:
        return [_rounded(error) if np.isfinite(error).all() else None for error in errors[face]]

    return Detail(
        squares=_rounded(squares),
        values=values.tolist(),
        nme=[None if np.isnan(value) else round(float(value), 3) for value in nme],
        offsets=offsets,
        worst=[case(face) for face in order[::-1][:CASES]],
        best=[case(face) for face in order[:CASES]],
    )


def _nme(errors: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mean point error in percent of the distance between the labelled eye centres [N], NaN where one is missing."""
    distance = np.linalg.norm(errors, axis=-1)  # [N, 15] px
    ocular = np.linalg.norm(points[:, LEFT_EYE].astype(np.float64) - points[:, RIGHT_EYE], axis=-1)  # [N]
    known = np.isfinite(ocular) & (ocular > 0)
    nme = np.full(len(points), np.nan)
    nme[known] = 100 * np.nansum(distance[known], 1) / np.isfinite(distance[known]).sum(1) / ocular[known]
    return nme


def _rounded(values) -> list[float]:
    return [round(float(value), 3) for value in values]


def cost(models: Sequence[torch.nn.Module], mirror: bool = False, repeats: int = 30) -> Cost:
    """Counts parameters and multiply-adds of all that one answer takes, and times it on the models' device."""
    device = next(models[0].parameters()).device
    face = torch.rand(1, 1, FRAME_SIZE, FRAME_SIZE, device=device)

    def answer() -> torch.Tensor:
        return torch.stack([model(face, mirror=mirror) for model in models]).mean(0).cpu()  # waits for the device

    times = []
    for model in models:
        model.eval()
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            answer()
        for _ in range(repeats + 3):
            start = time.perf_counter()
            answer()
            times.append(1000 * (time.perf_counter() - start))
    return Cost(
        parameters=sum(parameter.numel() for model in models for parameter in model.parameters()),
        macs=counter.get_total_flops() // 2,
        latency_ms=round(statistics.median(times[3:]), 3),
        hardware=hardware(device),
    )


def hardware(device: torch.device) -> str:
    """Names the device: the GPU, or the processor with the number of threads in use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {torch.get_num_threads()} threads"


def from_json(value: dict) -> Evaluation:
    """Reads back what `dataclasses.asdict` made of an Evaluation.

    Raises ValueError for missing or unknown fields.
    """
    try:
        value = dict(value)
        parts = {name: part(**value[name]) for name, part in PARTS.items()}
        return Evaluation(**value | parts)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"not an evaluation of this version of fkd: {error}") from None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
