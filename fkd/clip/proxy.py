"""A small copy of a clip that every browser plays, with the same frames at the same times."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from fkd.clip.video import ClipReader
from fkd.errors import require

LONGEST = 640  # px, of the longer side
KEYFRAME = 15  # frames from one that stands alone to the next, as many as a browser may have to decode for a seek
TICKS = Fraction(1, 90_000)  # s


def proxy_size(width: int, height: int) -> tuple[int, int]:
    """The copy's size for a clip's, px: even."""
    scale = min(1, LONGEST / max(width, height)) / 2
    return 2 * max(1, round(width * scale)), 2 * max(1, round(height * scale))


def write_proxy(clip: ClipReader, path: Path) -> Iterator[tuple[int, float]]:
    """Write the copy, upright, as H.264 in an MP4 file, and yield the number and the time, s, of each frame in it."""
    av, size = require("av", extra="clips"), proxy_size(*clip.size)
    with av.open(path, "w", options={"movflags": "faststart"}) as file:
        # Frames in the order of their times: the player's clock then starts at 0.
        settings = {"preset": "veryfast", "crf": "23", "bf": "0", "g": str(KEYFRAME)}
        stream = file.add_stream("libx264", rate=Fraction(clip.rate).limit_denominator(1001), options=settings)
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = TICKS
        for frame in clip:
            stored = size[::-1] if frame.turn % 2 else size
            small = np.rot90(frame.source.reformat(*stored, format="rgb24").to_ndarray(), frame.turn)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(small), format="rgb24")
            picture.pts, picture.time_base = round(frame.time / TICKS), TICKS
            file.mux(stream.encode(picture))
            yield frame.number, frame.time
        file.mux(stream.encode())
