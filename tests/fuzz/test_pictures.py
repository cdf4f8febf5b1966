"""Pictures of every format and mode, and small files that claim to be large."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import EXAMPLES
from PIL import Image, ImageOps
from sentences import one_sentence, refused

from fkd.photo.reading import read_photo

MODES = {
    "JPEG": ("L", "RGB", "CMYK", "YCbCr"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "WEBP": ("L", "RGB", "RGBA"),
    "HEIF": ("L", "RGB", "RGBA"),
    "AVIF": ("L", "RGB", "RGBA"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I", "F"),
}
TEXTS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n(/etc/passwd) run\nshowpage\n",
    b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'><script>alert(1)</script></svg>",
    b"alert('GIF87a')", b"PK\5\6" + bytes(18), b"", bytes(5000), b"\xff" * 5000, b"\0\0\0\x18ftypmp42" + bytes(500),
    b"#define x_width 99\n#define x_height 99\nstatic char x_bits[] = {\n0x00\n};",
)  # fmt: skip
FACE = Image.open(EXAMPLES / "grace_hopper.jpg").convert("RGB").resize((128, 150))


def in_mode(mode: str) -> Image.Image:
    grey = np.asarray(FACE.convert("L"))
    deep = {"I;16": grey.astype(np.uint16) * 257, "I": grey.astype(np.int32) * 65_000, "F": grey / np.float32(255)}
    if mode in deep:
        return Image.fromarray(deep[mode])
    return Image.merge("LAB", FACE.split()) if mode == "LAB" else FACE.convert(mode)


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def readable() -> Iterator[bytes]:
    for kind, modes in MODES.items():
        yield from (saved(in_mode(mode), kind) for mode in modes)
        yield from (saved(FACE.resize(size), kind) for size in ((97, 131), (96, 96)))
        if kind != "HEIF":  # its encoder refuses them
            yield from (saved(FACE.resize(size), kind) for size in ((24, 24), (25, 4000), (4000, 25)))
    frames = [ImageOps.posterize(FACE, bits) for bits in (8, 2, 1)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF", "HEIF", "MPO"):
        yield saved(FACE, kind, save_all=True, append_images=frames)


def bombs() -> Iterator[bytes]:
    """Small files that claim a size of more than 64 megapixels (JPEG: 200), or none."""
    whole = {kind: saved(FACE, kind) for kind in MODES}
    for width, height in ((9000, 9000), (65_000, 65_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 24), (0, 0)):
        header = b"IHDR" + struct.pack(">II", width, height) + whole["PNG"][24:29]
        yield whole["PNG"][:12] + header + struct.pack(">I", zlib.crc32(header)) + whole["PNG"][33:]
        yield whole["BMP"][:18] + struct.pack("<ii", width, height) + whole["BMP"][26:]
        for kind in ("HEIF", "AVIF"):
            at = whole[kind].index(b"ispe") + 8
            yield whole[kind][:at] + struct.pack(">II", width, height) + whole[kind][at + 8 :]
    for side in (65_535, 15_000):
        yield whole["GIF"][:6] + struct.pack("<HH", side, side) + whole["GIF"][10:]
        at = whole["JPEG"].index(b"\xff\xc0") + 5
        yield whole["JPEG"][:at] + struct.pack(">HH", *2 * [max(side, 15_000)]) + whole["JPEG"][at + 4 :]
        plain = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: 2**31}
        tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in plain.items())
        yield b"II*\0\x08\0\0\0" + struct.pack("<H", len(plain)) + tags + bytes(4)


def broken_exif() -> Iterator[bytes]:
    """EXIF with a part missing, of a wrong type, or that points nowhere."""
    head = b"Exif\0\0II*\0\x08\0\0\0"
    yield from (b"Exif\0\0", b"Exif\0\0II", head, head + b"\xff\xff", b"Exif\0\0XX*\0\x08\0\0\0\1\0", b"no EXIF")
    for tag, kind, count, value in (
        *((0x0112, kind, 1, 6) for kind in (0, 1, 2, 3, 5, 7, 10, 12, 13, 99)),
        *((0x0112, 3, count, 6) for count in (0, 2**31)), (0x0112, 5, 1, 2**32 - 9), (0x8769, 4, 1, 8),
    ):  # fmt: skip
        yield head + struct.pack("<HHHII", 1, tag, kind, count, value) + bytes(4)


def test_every_mode_of_every_format_is_read(tmp_path):
    for content in readable():
        (tmp_path / "a.jpg").write_bytes(content)  # the content tells, not the name
        photo = read_photo(tmp_path / "a.jpg")
        assert photo.mode == "RGB" and photo.tobytes()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_hides_no_photo(tmp_path):
    for exif in broken_exif():
        for kind in ("JPEG", "PNG", "WEBP"):
            (tmp_path / "a.jpg").write_bytes(saved(FACE, kind, exif=exif))
            one_sentence(lambda: read_photo(tmp_path / "a.jpg"))


def test_bombs_other_formats_and_files_of_another_kind_are_refused(tmp_path):
    others = [saved(FACE, kind) for kind in ("PPM", "ICO", "EPS", "PDF", "JPEG2000", "DDS")]
    small = [saved(FACE.resize(size), "PNG") for size in ((1, 1), (1, 6000), (23, 23), (2, 90))]
    for content in (*bombs(), *others, *TEXTS, *small):
        (tmp_path / "a.jpg").write_bytes(content)
        said = refused(lambda: read_photo(tmp_path / "a.jpg"))
        assert said.startswith("a.jpg") and str(tmp_path) not in said, said
