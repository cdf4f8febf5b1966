"""Strangers' photos are decoded in a child process: the same pictures, within limits of time and memory."""

import contextlib
import io
import struct
import subprocess
import sys
import threading
import time

import psutil
import pytest
from conftest import EXAMPLES
from PIL import Image
from served import wait_until

from fkd.errors import FkdError
from fkd.photo import decoder
from fkd.photo.decoder import BUSY, read_apart
from fkd.photo.reading import TOO_MUCH, full_size, note_of, read_photo

GRACE = EXAMPLES / "grace_hopper.jpg"


def saved(kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.open(GRACE).resize((128, 150)).save(file, kind, **options)
    return file.getvalue()


def endless_gif() -> bytes:
    """A GIF of 64 x 64 px that takes Pillow minutes: half a million comments, each added to those before."""
    gif = saved("GIF")
    start = 13 + 3 * (2 << (gif[10] & 7))
    return gif[:start] + b"\x21\xfe\1a\0" * 500_000 + gif[start:]


def endless_tiff() -> bytes:
    """A TIFF of 1 MB with 3,000 tags that all name the same megabyte: Pillow takes 3 GB."""
    size = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 64, 279: 4096}
    start = 14 + 12 * (len(size) + 3000)
    tags = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in size.items()]
    tags += [struct.pack("<HHII", tag, 7, 1_000_000, start) for tag in range(20_000, 23_000)]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(tags) + bytes(1_000_004)


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "fkd.photo.decoder" in child.cmdline()]


def test_a_child_reads_what_this_process_reads():
    exif = Image.Exif()
    exif[0x0112] = 6
    whole, turned = saved("JPEG", quality=90), saved("JPEG", exif=exif)
    for content in (GRACE.read_bytes(), whole, whole[:3000], turned, turned[:3000], saved("WEBP"), saved("HEIF")):
        here, there = read_photo(io.BytesIO(content), "a.jpg"), read_apart(io.BytesIO(content), "a.jpg")
        assert there.mode == "RGB" and there.size == here.size and there.tobytes() == here.tobytes()
        assert (full_size(there), note_of(there)) == (full_size(here), note_of(here))
        assert list(there.info) == ["fkd"]
    large = io.BytesIO()
    Image.new("1", (9000, 8000)).save(large, "PNG")
    for content in (b"<b>", saved("PNG")[:40], large.getvalue()):
        sentences = []
        for read in (read_photo, read_apart):
            with pytest.raises(FkdError) as error:
                read(io.BytesIO(content), "a\n.jpg")
            sentences.append(str(error.value))
        assert sentences[0] == sentences[1]


def test_a_photo_without_end_is_given_up_and_the_next_is_read(monkeypatch):
    monkeypatch.setattr(decoder, "MAX_SECONDS", 0.5)
    read_apart(GRACE)
    busy, start = children()[-1], time.monotonic()
    with pytest.raises(FkdError, match=rf"^a.gif {TOO_MUCH}$"):
        read_apart(io.BytesIO(endless_gif()), "a.gif")
    assert time.monotonic() - start < 10 and not busy.is_running()
    assert read_apart(GRACE).size == (512, 600)


@pytest.mark.slow
def test_a_photo_of_gigabytes_is_given_up_and_the_memory_freed():
    read_apart(GRACE)
    with pytest.raises(FkdError, match=rf"^a.tif {TOO_MUCH}$"):
        read_apart(io.BytesIO(endless_tiff()), "a.tif")
    wait_until(lambda: sum(child.memory_info().rss for child in children()) < 300e6, 5)


def test_a_photo_waits_until_there_is_room_for_it(monkeypatch):
    monkeypatch.setattr(decoder, "MAX_MEGAPIXELS", 0.5)  # each has 0.3
    monkeypatch.setattr(decoder, "MAX_WAIT", 0.3)
    photo = read_apart(GRACE)
    with pytest.raises(FkdError, match=f"^grace_hopper.jpg {BUSY}$"):
        read_apart(GRACE)
    monkeypatch.setattr(decoder, "MAX_WAIT", 20)
    read: list[Image.Image] = []
    waiting = threading.Thread(target=lambda: read.append(read_apart(GRACE)))
    waiting.start()
    time.sleep(1)
    assert not read
    photo.thumbnail((100, 100))
    waiting.join(20)
    assert read[0].size == (512, 600)


def test_a_child_that_was_killed_is_replaced_and_ends_with_its_parent():
    read_apart(GRACE)
    for child in children():
        child.kill()
        child.wait(5)
    assert read_apart(GRACE).size == (512, 600)
    code = (
        f"import time; from fkd.photo.decoder import *; read_apart({str(GRACE)!r}); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout and parent.stdout.readline()
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        child.wait(10)
    assert not child.is_running()
