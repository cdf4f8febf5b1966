"""Clips made for tests: an example face that is moved over a background, with known truth."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

from fkd.photo.crop import apply, frame_matrix, invert

EXAMPLES = Path(__file__).parents[2] / "examples"
# The face in a photo of examples/: its frame (side about the centre), px, and its points by resnet18.
FACES = {"grace_hopper.jpg": (266.0, 210.0, 205.0), "eileen_collins.png": (222.0, 113.0, 113.0)}
SIZE = (320, 240)  # px of a clip
Moves = np.ndarray  # [F, 4]: centre x and y, side (px of the clip) and turn (degrees) of the face's frame; NaN: absent


def sway(count: int, still: int = 0, reach: float = 30.0, period: float = 45.0, side: float = 90.0) -> Moves:
    """The moves of a face that stays in the middle for `still` frames and then sways, sideways and by its head."""
    phase = 2 * np.pi * np.maximum(np.arange(count) - still, 0) / period
    x, y = 160 + reach * np.sin(phase), 120 + reach / 3 * np.sin(2 * phase)
    return np.stack([x, y, np.full(count, side), 8 * np.sin(phase)], 1)


@cache
def photo(name: str) -> Image.Image:
    """An example photo in RGB."""
    with Image.open(EXAMPLES / name) as opened:
        return opened.convert("RGB")


def matrix(name: str, move: Sequence[float]) -> np.ndarray:
    """Photo px -> clip px, float64 [2, 3], where a move puts the face's frame."""
    x, y, side, turn = move
    cx, cy, half = FACES[name][0], FACES[name][1], FACES[name][2] / 2
    to_frame = frame_matrix((cx - half, cy - half, cx + half, cy + half))
    back = invert(frame_matrix((x - side / 2, y - side / 2, x + side / 2, y + side / 2), turn))
    return back @ np.vstack([to_frame, [0, 0, 1]])


def truth(moves: Moves, points: np.ndarray, name: str = "grace_hopper.jpg") -> np.ndarray:
    """Where points [15, 2] of the photo are in each frame, float64 [F, 15, 2] px."""
    absent = np.full(points.shape, np.nan)
    return np.array([absent if np.isnan(move).any() else apply(matrix(name, move), points) for move in moves])


def pictures(
    faces: Sequence[tuple[str, Moves]], size: tuple[int, int] = SIZE, noise: float = 0.0, seed: int = 0
) -> Iterable[np.ndarray]:
    """Frames uint8 [H, W, 3] in which each face follows its moves; noise: its standard deviation, grey levels."""
    random = np.random.default_rng(seed)
    for moves in zip(*(moves for _, moves in faces), strict=True):
        frame = Image.new("RGB", size, (90, 100, 110))
        for (name, _), move in zip(faces, moves, strict=True):
            if not np.isnan(move).any():
                paste(frame, name, move)
        grain = random.normal(0, noise, (*size[::-1], 1)) if noise else 0
        yield (np.asarray(frame) + grain).round().clip(0, 255).astype(np.uint8)


def paste(frame: Image.Image, name: str, move: Sequence[float]) -> None:
    """Draw a head and its surroundings, where a move puts the face."""
    forth = matrix(name, move)
    source, shrink = photo(name), max(1, int(1 / np.sqrt(np.linalg.det(forth[:, :2]))))
    cx, cy, side = FACES[name]
    head = tuple(int(edge) for edge in (cx - side, cy - side, cx + side, cy + side))
    back = invert(forth)
    # By corners, as Pillow counts, in a photo that is shrunk first so that no detail flickers.
    shift = (back[:, 2] + 0.5 - back[:, :2] @ [0.5, 0.5]) / shrink
    data = np.column_stack([back[:, :2] / shrink, shift]).ravel().tolist()
    mask = Image.new("L", source.size)
    mask.paste(255, head)
    small = source.reduce(shrink) if shrink > 1 else source
    window = mask.reduce(shrink) if shrink > 1 else mask
    to, how = Image.Transform.AFFINE, Image.Resampling.BICUBIC
    frame.paste(
        small.transform(frame.size, to, data, how),
        mask=window.transform(frame.size, to, data, Image.Resampling.BILINEAR),
    )


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    rate: int = 30,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: Sequence[float] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    """Encode frames [H, W, 3]; times: s, of each, for a variable rate; rotation: degrees, for players to turn it."""
    tick = Fraction(1, rate if times is None else 90_000)  # s; MPEG-2 and MPEG-4 take no others
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.pix_fmt = pixels
        stream.codec_context.time_base = stream.time_base = tick
        if rotation:
            stream.set_display_rotation(rotation)
        for number, picture in enumerate(frames):
            if not number:
                stream.width, stream.height = picture.shape[1], picture.shape[0]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.time_base = tick
            frame.pts = number if times is None else round(times[number] / tick)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def face_clip(path: Path, moves: Moves, noise: float = 0.0, **options: object) -> Path:
    """A clip of one example face."""
    return write_clip(path, pictures([("grace_hopper.jpg", moves)], noise=noise), **options)  # type: ignore[arg-type]
