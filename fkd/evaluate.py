"""Predictions + labels -> Evaluation: sums first, one division last; and Evaluation <-> JSON."""

import dataclasses
import datetime
import hashlib
import platform
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch.utils.flop_counter import FlopCounterMode

from fkd import __version__
from fkd.files import STRICT, Count, Figure, Line, Signed, read_json, typed
from fkd.keypoints import FRAME_SIZE, LEFT_EYE, NAMES, RIGHT_EYE

FAILURE = 10.0  # percent of the inter-ocular distance, as 300-W counts failures
QUANTILES = (0.5, 0.9, 0.95, 0.99)
CASES = 3
FORMAT = 2  # of an Evaluation as JSON
ROUNDING = 5e-4  # what the figures of a Detail are rounded by at most
MOST_FACES = 20_000
Percent = Annotated[float, Field(ge=0, le=100)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Keypoint = Literal[NAMES]
Quantile = Literal[tuple(str(quantile) for quantile in QUANTILES)]
PerFace = Field(max_length=MOST_FACES)
EachKeypoint = Field(min_length=len(NAMES), max_length=len(NAMES))
Offset = Annotated[list[Signed], Field(min_length=5, max_length=5)]
Error = Annotated[list[Signed], Field(min_length=2, max_length=2)]
Case = Annotated[list[Error | None], EachKeypoint]


@dataclass(frozen=True)
class Accuracy:
    """How far predictions are from labels; every mean is over what is labelled.

    rmse: px, over all asked coordinates (the competition's metric); rmse_low, rmse_high: its 95% bootstrap
    interval by face. rmse_by_keypoint: px. nme: mean point error in percent of the inter-ocular distance
    (between the eye centres), averaged by face, over the nme_faces that have both eyes labelled;
    failure_rate: percent of those faces above 10%. error_quantiles: point distance in px by quantile.
    """

    __pydantic_config__ = STRICT

    faces: Count
    values: Count
    rmse: Figure
    rmse_low: Figure
    rmse_high: Figure
    rmse_by_keypoint: Annotated[dict[Keypoint, Figure | None], EachKeypoint]
    nme: Figure | None
    nme_faces: Count
    failure_rate: Percent | None
    error_quantiles: dict[Quantile, Figure]


@dataclass(frozen=True)
class Detail:
    """What tells models apart that differ little, and what a model's errors look like; none of the faces themselves.

    squares, values: for each test face, in the order of `fkd.split.in_order`, the sum of the squared errors of its
    labelled coordinates (px²), and how many those are. nme: its mean error in percent of the inter-ocular distance,
    None where an eye is not labelled. offsets: for each keypoint the mean of the error's x and y, then its variance in
    x, covariance, variance in y (px, px²). worst, best: the errors [15, 2] px (answer minus label) of CASES faces each,
    by their RMSE, among those with the most labels; None where there is no label.
    """

    __pydantic_config__ = STRICT

    squares: Annotated[list[Figure], PerFace]
    values: Annotated[list[Annotated[int, Field(ge=0, le=2 * len(NAMES))]], PerFace]
    nme: Annotated[list[Figure | None], PerFace]
    offsets: Annotated[dict[Keypoint, Offset | None], EachKeypoint]
    worst: Annotated[list[Case], Field(max_length=CASES)]
    best: Annotated[list[Case], Field(max_length=CASES)]


@dataclass(frozen=True)
class Cost:
    """What a model takes: parameters, multiply-adds for a face, median milliseconds for one face, and where."""

    __pydantic_config__ = STRICT

    parameters: Count
    macs: Count
    latency_ms: Figure
    hardware: Line


@dataclass(frozen=True)
class Evaluation:
    """One model on one benchmark: what a leaderboard entry is made of.

    fingerprint: hash of the test images and of which labels they have. checkpoint: sha256 of the weights; of
    an ensemble, of its members' hashes one after another (`joined`). members: how many models' answers are averaged.
    mirror: whether each answer is the mean over the face and its mirror image. data: what the model was trained on,
    as its checkpoint says. held_out: whether that record shows the test faces were kept apart. robustness: RMSE in px
    at each of `fkd.robustness.STEPS`, by kind. revision: the commit on the Hub that was measured, if it
    is from there. weights: the sha256 of each member's weights; empty in an ensemble's entry from before format 2.
    """

    __pydantic_config__ = STRICT

    name: Annotated[Line, Field(min_length=1)]
    benchmark: Annotated[Line, Field(min_length=1)]
    fingerprint: Line
    accuracy: Accuracy
    detail: Detail
    cost: Cost
    checkpoint: Line
    model: Line
    members: Annotated[int, Field(ge=1, le=100)]
    mirror: bool
    data: dict[str, Any]
    held_out: bool
    robustness: dict[Line, Annotated[list[Figure], Field(max_length=100)]]
    revision: Line = ""
    weights: Annotated[list[Hash], Field(max_length=100)] = dataclasses.field(default_factory=list)
    fkd_version: Line = __version__
    date: Line = dataclasses.field(default_factory=lambda: datetime.date.today().isoformat())
    format: Literal[FORMAT] = FORMAT


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
    low, high = rmse_interval(total, count, resamples)
    by_point, point_count = np.nansum(squares, (0, 2)), labelled.sum((0, 2))
    distance = np.sqrt(squares.sum(-1))  # [N, 15] px
    nme = _nme(predicted.astype(np.float64) - points, points)
    nme = nme[np.isfinite(nme)]
    return Accuracy(
        faces=int((count > 0).sum()),
        values=int(count.sum()),
        rmse=float(np.sqrt(total.sum() / count.sum())),
        rmse_low=low,
        rmse_high=high,
        rmse_by_keypoint={
            name: float(np.sqrt(by_point[i] / point_count[i])) if point_count[i] else None
            for i, name in enumerate(NAMES)
        },
        nme=float(nme.mean()) if len(nme) else None,
        nme_faces=len(nme),
        failure_rate=float(100 * (nme > FAILURE).mean()) if len(nme) else None,
        error_quantiles={str(q): float(np.nanquantile(distance, q)) for q in QUANTILES},
    )


def rmse_interval(squares: np.ndarray, values: np.ndarray, resamples: int = 2000) -> tuple[float, float]:
    """The 95% bootstrap interval by face of an RMSE, px, from each face's sum of squares (px²) and count of values."""
    rng, means = np.random.default_rng(0), []  # a fixed seed: the same predictions give the same interval
    for _ in range(resamples):  # one at a time: all of them take gigabytes for 20,000 faces
        faces = rng.integers(len(squares), size=len(squares))
        means.append(squares[faces].sum() / max(values[faces].sum(), 1))
    low, high = np.quantile(np.sqrt(means), (0.025, 0.975))
    return float(low), float(high)


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


def joined(hashes: Sequence[str]) -> str:
    """The hash by which one set of weights, or an ensemble of several, is known."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def read_evaluation(path: Path | str) -> Evaluation:
    """Reads an entry or a checkpoint's evaluation.json, which may come from anyone.

    Raises FileNotFoundError, or ValueError with the file, the field, what was found and what was expected.
    """
    return from_json(read_json(path), str(path))


def from_json(value: Any, where: str = "the evaluation") -> Evaluation:
    """Reads back what `dataclasses.asdict` made of an Evaluation, of this format or an older one.

    Raises ValueError of one line, beginning with `where`, for a missing, unknown or wrong field.
    """
    if isinstance(value, dict) and "format" not in value:  # format 1 did not say of which weights an ensemble was
        alone = value.get("members") == 1 and re.fullmatch("[0-9a-f]{64}", str(value.get("checkpoint")))
        value = value | {"weights": [value["checkpoint"]] if alone else [], "format": FORMAT}
    return typed(value, Evaluation, where)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
