"""Rows of benchmarks/bench.py: a made clip is decoded and tracked; memory; smoothing, against the known motion."""

import functools
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from rows import ROOT, Bench, Pairs, Row, peak_memory

from fkd.clip.tracking import track
from fkd.clip.tracks import Track, eye_distance
from fkd.clip.video import read_clip
from fkd.photo.detectors.checkpoint import CheckpointDetector

LARGE, SMALL, RATE = (1920, 1080), (320, 240), 30
STILL = 60  # frames before the face starts to sway
FAST = 130  # px that it sways by, at 1080 px: up to 18 px a frame
TRACK = "from fkd.hub.reference import load\nfrom fkd.clip.tracking import track\ntrack({!r}, [load({!r})])"


def checkpoint(name: str) -> str:
    return str(ROOT / "checkpoints" / name)


def moves(count: int, reach: float) -> np.ndarray:
    """How far the face is moved in each frame, [F, 2] px: not at all, then sideways and back in 1.5 s."""
    phase = 2 * np.pi * np.maximum(np.arange(count) - STILL, 0) / 45
    return reach * np.stack([np.sin(phase), np.sin(2 * phase) / 4], 1)


def write_film(path: Path, count: int, size: tuple[int, int], codec: str = "libx264", times: int = 1) -> Path:
    """Write a face before a plain background, with a camera's noise, `times` over."""
    random = np.random.default_rng(0)
    with Image.open(ROOT / "examples" / "grace_hopper.jpg") as photo:
        face = photo.convert("L").resize([round(1.5 * size[1] / 1080 * side) for side in photo.size])
    grains = [random.normal(0, 4, size[::-1]) for _ in range(8)]
    left, top = (size[0] - face.width) / 2, (size[1] - face.height) / 2
    options = {"preset": "veryfast", "b": "5M"} if codec == "libx264" else {}
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=RATE, options=options)
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        packets = []
        for number, (x, y) in enumerate(moves(count, FAST * size[1] / 1080)):
            shift = (1, 0, -left - x, 0, 1, -top - y)
            frame = face.transform(size, Image.Transform.AFFINE, shift, Image.Resampling.BICUBIC, fillcolor=100)
            grey = np.asarray(frame) + np.roll(grains[number % 8], 37 * number, 1)
            grey = np.concatenate([grey, np.full((size[1] // 2, size[0]), 128)]).clip(0, 255).astype(np.uint8)
            encoded = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            encoded.pts, encoded.time_base = number, Fraction(1, RATE)
            packets += stream.encode(encoded)
        packets += stream.encode()
        for again in range(times):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base, copy.is_keyframe = stream, packet.time_base, packet.is_keyframe
                copy.pts, copy.dts = (
                    at + again * int(count / RATE / packet.time_base) for at in (packet.pts, packet.dts)
                )
                file.mux(copy)
    return path


def speed(bench: Bench) -> Pairs:
    """Milliseconds a frame of tracking, and of decoding alone."""
    detector = CheckpointDetector.read(checkpoint("resnet18"))

    def per_frame(work: Callable[[Path], int]) -> float:
        start = time.perf_counter()
        frames = work(path)
        return 1000 * (time.perf_counter() - start) / frames

    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder, "film.mp4"), 300, LARGE)
        works = [lambda path: sum(1 for _ in read_clip(path)), lambda path: len(track(path, [detector]).clip.times)]
        return [(per_frame(works[1]), per_frame(works[0])) for _ in range(bench.runs)]


def memory(bench: Bench) -> Pairs:
    """Megabytes of the process that tracks a 1080p clip, and of one that loads the detector."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder, "film.mp4"), 120, LARGE)
        loads = TRACK.format("", checkpoint("resnet18")).rpartition("\n")[0]
        return [(peak_memory(TRACK.format(str(path), checkpoint("resnet18"))), peak_memory(loads))]


def growth(bench: Bench) -> Pairs:
    """Megabytes of tracking 10 minutes, and 1 minute."""
    with tempfile.TemporaryDirectory() as folder:
        films = [write_film(Path(folder, f"{times}.mp4"), 60 * RATE, SMALL, times=times) for times in (10, 1)]
        long, short = (peak_memory(TRACK.format(str(film), checkpoint("fcnn"))) for film in films)
        return [(long, short)]


@functools.cache
def lossless() -> tuple[Track, np.ndarray]:
    """The track of a face that is still, then sways fast, and its moves; no codec removes the noise."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder, "film.mkv"), 150, (960, 540), "ffv1")
        (face,) = track(path, [CheckpointDetector.read(checkpoint("resnet18"))]).tracks
    return face, moves(150, FAST / 2)


def still(bench: Bench) -> Pairs:
    """Motion from frame to frame of a face that does not move, smoothed and raw, % of the eye distance."""
    face, _ = lossless()
    smooth, raw = (np.diff(points[: STILL - 10], axis=0) for points in (face.smooth, face.points))
    return [tuple(100 * np.sqrt((each**2).sum(2).mean()) / eye_distance(face) for each in (smooth, raw))]  # type: ignore[list-item]


def fast(bench: Bench) -> Pairs:
    """The error in fast motion, smoothed and raw, % of the eye distance; not that of a still face."""
    face, shift = lossless()
    away = [points - shift[:, None] for points in (face.smooth, face.points)]
    away = [(each - each[: STILL - 10].mean(0))[STILL + 5 :] for each in away]
    return [tuple(100 * np.sqrt((each**2).sum(2).mean()) / eye_distance(face) for each in away)]  # type: ignore[list-item]


def lag(bench: Bench) -> Pairs:
    """Frames by which the smoothed track comes late, by least squares, and one frame."""
    face, shift = lossless()
    middle, at = face.smooth[:, :, 0].mean(1)[STILL + 5 : -5], np.arange(STILL + 5, len(shift) - 5)
    lags = np.arange(-1, 1.001, 0.01)
    late = [np.std(middle - np.interp(at - each, np.arange(len(shift)), shift[:, 0])) for each in lags]
    return [(float(abs(lags[np.argmin(late)])), 1.0)]


ROWS = [
    Row("tracking a frame of a 1080p clip, resnet18", "decoding alone", "ms", speed, most=16.7),
    Row("memory of tracking a 1080p clip, resnet18", "the detector loaded", "MB", memory, most=400),
    Row("memory of tracking 10 minutes, fcnn", "1 minute", "MB", growth, ratio=1.05),
    Row("smoothed track, jitter of a still face", "raw", "%", still, ratio=0.2),
    Row("smoothed track, error in fast motion", "raw", "%", fast, ratio=1.15),
    Row("smoothed track, lag", "a frame", "frames", lag, most=0.05),
]
