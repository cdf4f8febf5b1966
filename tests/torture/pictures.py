"""Pictures of every format, mode and depth, whole and spoilt, and what is no picture at all."""

import gc
import io
import os
import random
import struct
import tempfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from fkd.hub.reference import load
from fkd.photo.finder import find_faces
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo
from torture.case import Case, check_sentence, one_sentence

ROOT = Path(__file__).parents[2]
SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "HEIF": "heic", "AVIF": "avif", "GIF": "gif"} | {
    "BMP": "bmp", "TIFF": "tif", "MPO": "jpg"
}  # fmt: skip
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
ORIENTED = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF")
OPTIONS = {
    "JPEG": [{"quality": 1}, {"quality": 100}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1},
             {"comment": b"x" * 60_000}, {"icc_profile": b"no profile"}, {"optimize": True}, {"dpi": (1, 1)}],
    "PNG": [{"compress_level": 0}, {"bits": 1}, {"dpi": (9e5, 9e5)}, {"icc_profile": b"no profile"}],
    "WEBP": [{"lossless": True}, {"quality": 1}, {"xmp": b"<x" * 999}],
    "HEIF": [{"quality": 1}, {"quality": -1}, {"chroma": 444}],
    "AVIF": [{"quality": 1}, {"subsampling": "4:4:4"}, {"subsampling": "4:0:0"}],
    "GIF": [{"interlace": 0}, {"comment": b"x" * 9000}, {"transparency": 0}],
    "BMP": [{"dpi": (1, 1)}],
    "TIFF": [{"compression": kind} for kind in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")]
    + [{"big_tiff": True}, {"strip_size": 1}],
}  # fmt: skip
OTHERS = ("PPM", "ICO", "TGA", "PCX", "SGI", "DDS", "IM", "EPS", "PDF", "JPEG2000", "ICNS", "SPIDER")
TEXTS = {
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n(/etc/passwd) run\nshowpage\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'><script>alert(1)</script></svg>",
    "html": b"<!doctype html><script>alert(1)</script><img src=x onerror=alert(1)>",
    "javascript": b"alert('GIF87a')",
    "pdf": b"%PDF-1.7\n1 0 obj <</JS (app.alert(1)) /S /JavaScript>> endobj\n%%EOF",
    "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "zip": b"PK\5\6" + bytes(18),
    "elf": b"\x7fELF" + bytes(60),
    "nothing": b"",
    "zeros": bytes(5000),
    "ones": b"\xff" * 5000,
    "film": b"\0\0\0\x18ftypmp42" + bytes(500),
    "script of xbm": b"#define x_width 99\n#define x_height 99\nstatic char x_bits[] = {\n0x00\n};",
    "psd": b"8BPS\0\1" + bytes(6) + b"\0\3" + struct.pack(">IIHH", 99, 99, 8, 3) + bytes(99),
}


def make_pictures(folder: Path) -> list[tuple[str, Path, bool | None]]:
    """Writes some 700 files into a folder: for each a name, its path, and whether a readable picture is expected.

    None: it is spoilt in a way that either may come of; a picture, or one sentence.
    """
    made: list[tuple[str, Path, bool | None]] = []

    def add(name: str, suffix: str, content: bytes, readable: bool | None) -> None:
        path = folder / f"{len(made):03}.{suffix}"
        path.write_bytes(content)
        made.append((name, path, readable))

    face = Image.open(ROOT / "examples" / "grace_hopper.jpg").convert("RGB").resize((256, 300))
    add("48 megapixels", "jpg", _saved(face.resize((8000, 6000)), "JPEG"), True)
    whole = {}
    for format, modes in MODES.items():
        for mode in modes:
            add(f"{format} {mode}", SUFFIX[format], _saved(_in_mode(face, mode), format), True)
        whole[format] = _saved(face, format)
        for option in OPTIONS[format]:
            name = f"{format} {str(option)[:40]}"
            add(name, SUFFIX[format], _saved(face.convert("P") if "bits" in option else face, format, **option), True)
        extreme = format != "HEIF"  # its encoder refuses them
        for size in ((96, 96), (97, 131), *(((24, 24), (25, 4000), (4000, 25)) if extreme else ())):
            add(f"{format} {size}", SUFFIX[format], _saved(face.resize(size), format), True)
        for size in ((1, 1), (1, 6000), (6000, 1), (23, 23), (2, 90)) if extreme else ():
            add(f"{format} {size}", SUFFIX[format], _saved(face.resize(size), format), False)
        for suffix in {"jpg", "png", "heic"} - {SUFFIX[format]}:
            add(f"{format} named .{suffix}", suffix, whole[format], True)
    for format in ("GIF", "WEBP", "PNG", "TIFF", "AVIF", "HEIF", "MPO"):
        pictures = [ImageOps.posterize(face, bits) for bits in (8, 2, 1, 3)]
        add(f"{format} animated", SUFFIX[format], _saved(face, format, save_all=True, append_images=pictures), True)
    for format in ORIENTED:
        for turn in (*range(1, 9), 0, 9, 65535):
            exif = Image.Exif()
            exif[0x0112] = turn
            add(f"{format} turned {turn}", SUFFIX[format], _saved(face, format, exif=exif.tobytes()), True)
    for number, exif in enumerate(_broken_exif()):
        for format in ("JPEG", "PNG", "WEBP"):
            add(f"{format} broken EXIF {number}", SUFFIX[format], _saved(face, format, exif=exif), None)
    for format in OTHERS:
        add(f"{format} named .jpg", "jpg", _saved(face.resize((128, 128)), format), False)
    for name, text in TEXTS.items():
        for suffix in ("jpg", "png", "gif", "tif", "heic", "webp"):
            add(f"{name} named .{suffix}", suffix, text, False)
    for name, suffix, content in _bombs(whole):
        add(f"bomb: {name}", suffix, content, False)
    for format, content in whole.items():
        for part in range(1, 13):
            add(f"{format} cut at {part}/13", SUFFIX[format], content[: len(content) * part // 13], None)
        for length in (1, 8, 12, 16, 30):
            add(f"{format} of {length} bytes", SUFFIX[format], content[:length], False)
        for seed in range(24):
            add(f"{format} spoilt {seed}", SUFFIX[format], spoil(content, seed), None)
    for name, make in (
        ("pipe", os.mkfifo),
        ("folder", os.mkdir),
        ("device", partial(os.symlink, "/dev/zero")),
        ("link to nowhere", partial(os.symlink, "nowhere")),
        ("link to itself", lambda path: os.symlink(path.name, path)),
    ):
        path = folder / f"{name.replace(' ', '-')}.jpg"
        make(path)
        made.append((name, path, False))
    made.append(("missing", folder / "missing.jpg", False))
    return made


def spoil(content: bytes, seed: int) -> bytes:
    """Flips bits, half of the time only among the first 300 bytes, where the headers are; or moves a piece."""
    chance = random.Random(seed)
    spoilt = bytearray(content)
    for _ in range(chance.choice((1, 3, 30))):
        at = chance.randrange(min(len(spoilt), chance.choice((300, len(spoilt)))))
        spoilt[at] = chance.choice((0, 255, spoilt[at] ^ 1 << chance.randrange(8)))
    if seed % 4 == 0:
        start, length = chance.randrange(len(spoilt)), chance.randrange(1, 200)
        piece = spoilt[start : start + length]
        del spoilt[start : start + length]
        at = chance.randrange(len(spoilt) + 1)
        spoilt[at:at] = piece * chance.choice((0, 1, 3))
    return bytes(spoilt)


def cases(quick: bool) -> Iterator[Case]:
    """Each picture through the library; faces in deep ones; memory after many."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder))
        model = load(ROOT / "checkpoints" / "resnet18")
        for number, (name, path, readable) in enumerate(pictures[1::9] if quick else pictures):
            yield Case(name, partial(_read, path, readable))
            if readable and number % (60 if quick else 12) == 1:
                yield Case(f"faces of {name}", lambda path=path: one_sentence(lambda: predict(model, read_photo(path))))
        for depth in (16, 12, 10):
            yield Case(f"a face in {depth} bits of 16", partial(_find_in_deep, Path(folder) / f"{depth}.png", depth))
        yield Case("memory after many", partial(_memory, [path for _, path, _ in pictures]))


def _read(path: Path, readable: bool | None) -> None:
    result = one_sentence(lambda: read_photo(path))
    if readable is not None:
        assert isinstance(result, Image.Image) == readable, f"{'not ' if readable else ''}read: {str(result)[:200]}"
    if isinstance(result, Image.Image):
        assert result.mode == "RGB" and result.tobytes() and min(result.size) >= 24, f"{result.mode} {result.size}"
    else:
        check_sentence(str(result))
        assert str(result).startswith(path.name) and str(path.parent) not in str(result), str(result)


def _find_in_deep(path: Path, depth: int) -> None:
    grey = np.asarray(Image.open(ROOT / "examples" / "grace_hopper.jpg").convert("L"), np.uint16)
    Image.fromarray(grey << depth - 8).save(path)
    assert len(find_faces(read_photo(path))) == 1


def _memory(paths: list[Path]) -> None:
    """Resident memory after 500 pictures is at most 1.3 times that after 50."""
    after = {}
    for number in range(501):
        one_sentence(lambda number=number: read_photo(paths[number % 50 if number < 50 else number % len(paths)]))
        if number in (50, 500):
            gc.collect()
            after[number] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    assert after[500] <= 1.3 * after[50], f"{after[50]:.0f} MB after 50 pictures, {after[500]:.0f} MB after 500"


def _in_mode(face: Image.Image, mode: str) -> Image.Image:
    grey = np.asarray(face.convert("L"))
    deep = {"I;16": grey.astype(np.uint16) * 257, "I": grey.astype(np.int32) * 65_000, "F": grey / np.float32(255)}
    if mode in deep:
        return Image.fromarray(deep[mode])
    if mode == "LAB":
        return Image.merge("LAB", face.split())
    return face.convert(mode)


def _saved(picture: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def _broken_exif() -> Iterator[bytes]:
    """EXIF of which a part is missing, of a wrong type, or points where nothing is."""
    head = b"Exif\0\0II*\0\x08\0\0\0"
    yield from (b"Exif\0\0", b"Exif\0\0II", head, head + b"\xff\xff", b"Exif\0\0XX*\0\x08\0\0\0\1\0", b"no EXIF at all")
    for kind in (0, 1, 2, 3, 5, 7, 10, 12, 13, 99):  # the orientation as each type, and as types that there are not
        yield head + struct.pack("<HHHII", 1, 0x0112, kind, 1, 6) + bytes(4)
    yield head + struct.pack("<HHHII", 1, 0x0112, 3, 2**31, 6) + bytes(4)
    yield head + struct.pack("<HHHII", 1, 0x0112, 5, 1, 2**32 - 9) + bytes(4)
    yield head + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + bytes(4)  # an IFD that is its own child


def _bombs(whole: dict[str, bytes]) -> Iterator[tuple[str, str, bytes]]:
    """Small files that claim a size of more than 64 megapixels."""
    for width, height in ((9000, 9000), (65_000, 65_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 24), (0, 0)):
        header = b"IHDR" + struct.pack(">II", width, height) + whole["PNG"][24:29]
        png = whole["PNG"][:12] + header + struct.pack(">I", zlib.crc32(header)) + whole["PNG"][33:]
        yield f"PNG {width} x {height}", "png", png
        yield (
            f"BMP {width} x {height}",
            "bmp",
            whole["BMP"][:18] + struct.pack("<ii", width, height) + whole["BMP"][26:],
        )
        for format in ("HEIF", "AVIF"):
            at = whole[format].index(b"ispe") + 8
            content = whole[format][:at] + struct.pack(">II", width, height) + whole[format][at + 8 :]
            yield f"{format} {width} x {height}", SUFFIX[format], content
    for width, height in ((65_535, 65_535), (9000, 9000)):
        yield f"GIF {width}", "gif", whole["GIF"][:6] + struct.pack("<HH", width, height) + whole["GIF"][10:]
        at = whole["JPEG"].index(b"\xff\xc0") + 5
        size = struct.pack(">HH", height, width)
        yield f"JPEG {width}", "jpg", whole["JPEG"][:at] + size + whole["JPEG"][at + 4 :]
        yield f"WebP {width}", "webp", _webp_canvas(min(width, 16_383))
        plain = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 2**31}
        tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in plain.items())
        yield f"TIFF {width}", "tif", b"II*\0\x08\0\0\0" + struct.pack("<H", len(plain)) + tags + bytes(4)


def _webp_canvas(side: int) -> bytes:
    """An animation of one small picture on a canvas of this side."""

    def three(value: int) -> bytes:
        return struct.pack("<I", value)[:3]

    picture = _saved(Image.new("RGB", (64, 64)), "WEBP", lossless=True)[12:]
    frame = bytes(6) + three(63) + three(63) + bytes(4) + picture
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + three(side - 1) + three(side - 1)
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6) + b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body
