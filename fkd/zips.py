"""Read untrusted zip and gzip files within bounds, whatever sizes they claim."""

import gzip
import io
import zipfile
from collections.abc import Callable
from typing import IO, Any

from fkd.errors import FkdError
from fkd.files import one_line

MAX_LISTING = 2_000_000  # bytes of the table of contents, which zipfile reads whole: more than 10,000 members
STEP = 4096  # bytes unpacked from at a time: bzip2 makes up to 80 MB of them


def open_zip(file: io.BufferedReader | io.BytesIO, name: str) -> zipfile.ZipFile:
    """Open a zip, `name` in messages. Raises FkdError if it is damaged, or lists more than MAX_LISTING bytes."""
    try:
        return zipfile.ZipFile(_Bounded(file))
    except Exception as error:  # zipfile raises more than BadZipFile: struct.error, UnicodeDecodeError, ...
        raise FkdError(f"{name} is a damaged zip ({one_line(error)}): pack or download it again") from None


def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int, name: str) -> io.BufferedReader:
    """Open a member; reading raises FkdError if it is damaged, encrypted or unknown, or beyond `most` bytes."""
    return io.BufferedReader(_Unpacked(lambda: archive.open(member), most, name))


def open_gzip(file: io.BufferedReader, most: int, name: str) -> io.BufferedReader:
    """Open a gzip file for reading, within the same bounds as `open_member`."""
    return io.BufferedReader(_Unpacked(lambda: gzip.GzipFile(fileobj=file), most, name))


class _Bounded(io.BufferedReader):
    """A file that hands out no more than MAX_LISTING at once."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > MAX_LISTING:
            raise FkdError(f"its table of contents is longer than {MAX_LISTING / 1e6:.0f} MB")
        return super().read(size)


class _Unpacked(io.RawIOBase):
    """Bytes from a zip or gzip, counted."""

    def __init__(self, open_stream: Callable[[], IO[bytes] | gzip.GzipFile], most: int, name: str):
        self.left, self.most, self.name = most, most, name
        try:
            self.stream = open_stream()
        except Exception as error:  # RuntimeError if encrypted, NotImplementedError, ...
            raise self._damaged(error) from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self.stream.read(min(len(buffer), STEP))
        except Exception as error:  # zipfile, zlib and lzma each raise their own
            raise self._damaged(error) from None
        self.left -= len(data)
        if self.left < 0:
            raise FkdError(f"{self.name} unpacks to more than {self.most / 1e6:,.0f} MB")
        buffer[: len(data)] = data
        return len(data)

    def _damaged(self, error: Exception) -> FkdError:
        return FkdError(f"{self.name} cannot be unpacked ({one_line(error) or type(error).__name__})")
