"""A clip's file, from an untrusted source -> upright grey frames; any failure of a decoder becomes one sentence."""

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fkd.clip.tracks import Clip
from fkd.errors import FkdError, require
from fkd.files import one_line, open_regular
from fkd.photo.reading import SHORTEST

# FFmpeg's names. Not all that it knows: a text with any name can be a playlist or SDP, which opens other files or
# network connections.
FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,mxf,asf,flv"
MAX_SIDE, MAX_MEGAPIXELS = 8192, 36
SECONDS = 4.0  # that a read may take
MAX_THREADS = 2  # of the decoder: each holds frames
USUAL_RATE = 30.0  # where a clip states none
TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
# Formats whose first plane is the brightness; others are converted.
PLANAR = ("yuv", "gray", "nv")


@dataclass(frozen=True)
class Frame:
    """One upright frame of a clip."""

    number: int  # from 0, among those that could be decoded
    time: float  # s, from the first frame
    grey: Image.Image  # mode L
    corrupt: bool
    source: Any  # PyAV's frame, as stored
    turn: int  # quarters, counter-clockwise, that make it upright

    def colour(self) -> Image.Image:
        """The upright frame in RGB."""
        return _upright(self.source.to_image(), self.turn, self.grey.size)


class ClipReader:
    """The frames of a clip, from front to back, once; `clip` is its record afterwards.

    A truncated clip ends early. Frames that cannot be decoded at all are left out.

    Attributes:
        stated: how many frames its header promises; 0 if it does not say.
        rate: frames a second that players assume.
        size: width and height of an upright frame, px.
    """

    def __init__(self, path: Path | str):
        """Open a clip and decode its first frame.

        Raises FkdError with one sentence if it has none that can be decoded, or too large or too small ones.
        """
        self.path, self._name = Path(path), one_line(Path(path).name)
        with open_regular(path, sys.maxsize) as file:
            if not file.read(1):
                raise FkdError(f"{self._name} is empty")
        av = require("av", extra="clips")
        self._error = av.error.FFmpegError
        limits = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        try:
            self._file = av.open(f"file:{self.path.absolute()}", container_options=limits, timeout=SECONDS)
        except (self._error, ValueError, UnicodeError) as error:
            reason = one_line(getattr(error, "strerror", error))
            kinds = "expected a video such as MP4, MOV, MKV, WebM, AVI or MXF"
            raise FkdError(f"{self._name} is damaged or not a clip ({reason}): {kinds}") from None
        cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
        videos = [stream for stream in self._file.streams.video if not stream.disposition & cover]
        if not videos:
            raise FkdError(f"{self._name} has no moving picture, only sound, text or a cover: expected a video")
        self._stream = videos[0]
        self._check_size()
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = min(os.cpu_count() or 1, MAX_THREADS)
        rate = self._stream.guessed_rate or self._stream.average_rate
        self.stated, self.rate = int(self._stream.frames), float(rate or USUAL_RATE)
        self._times: list[float] = []
        self._corrupt: list[bool] = []
        self._start = 0.0
        self._frames = self._decode()
        first = next(self._frames, None)
        if first is None:
            raise FkdError(f"{self._name} has no frame that can be decoded: save it again, as H.264 in an MP4 file")
        self.size = first.grey.size
        if min(self.size) < SHORTEST:
            what = f"{self.size[0]} x {self.size[1]} px: too small to hold a face, expected at least {SHORTEST} px"
            raise FkdError(f"{self._name} is {what} a side")
        self._frames = itertools.chain([first], self._frames)

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    @property
    def clip(self) -> Clip:
        """The record of the frames read so far."""
        times, corrupt = np.array(self._times), np.array(self._corrupt)
        return Clip(self.path, *self.size, self.rate, times, self.stated, corrupt)

    def _check_size(self) -> None:
        width, height = self._stream.codec_context.width, self._stream.codec_context.height
        if max(width, height) > MAX_SIDE or width * height > MAX_MEGAPIXELS * 1e6:
            most = f"expected at most {MAX_SIDE:,} px a side and {MAX_MEGAPIXELS} megapixels"
            raise FkdError(f"{self._name} is {width:,} x {height:,} px: {most}")
        self._stream.codec_context.options = {"max_pixels": str(int(MAX_MEGAPIXELS * 1e6))}  # of later frames, too

    def _decode(self) -> Iterator[Frame]:
        with self._file, suppress(self._error):  # a file that is cut off may end in an error
            for packet in self._file.demux(self._stream):
                with suppress(self._error):
                    for source in packet.decode():
                        yield self._frame(source)

    def _frame(self, source: Any) -> Frame:
        number, time = len(self._times), source.time
        if number == 0:
            self._start = time or 0.0
        time = None if time is None else time - self._start
        if number and (time is None or time <= self._times[-1]):  # not stated, or against the order
            time = self._times[-1] + 1 / self.rate
        self._times.append(time or 0.0)
        self._corrupt.append(bool(source.is_corrupt))
        turn = round(source.rotation / 90) % 4
        size = self.size if number else None
        grey = _upright(Image.fromarray(_brightness(source)), turn, size)
        return Frame(number, self._times[-1], grey, self._corrupt[-1], source, turn)


def read_clip(path: Path | str) -> ClipReader:
    """Open a clip to read its frames, one after the other; raises FkdError as `ClipReader`."""
    return ClipReader(path)


def _brightness(source: Any) -> np.ndarray:
    """A stored frame in grey, uint8 [H, W]."""
    name, bits = source.format.name, source.format.components[0].bits
    if not name.startswith(PLANAR) or name.endswith("be") or bits < 8:
        grey: np.ndarray = source.reformat(format="gray").to_ndarray()
        return grey
    plane = source.planes[0]
    kind = np.uint8 if bits == 8 else np.uint16
    values = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]
    return np.ascontiguousarray(values if bits == 8 else (values >> (bits - 8)).astype(np.uint8))


def _upright(picture: Image.Image, turn: int, size: tuple[int, int] | None) -> Image.Image:
    """A stored picture, turned, in the clip's size: streams of calls change theirs."""
    transpose = TURNS[turn]
    picture = picture.transpose(transpose) if transpose is not None else picture
    return picture if size in (None, picture.size) else picture.resize(size or picture.size)
