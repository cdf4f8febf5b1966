import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from conftest import EXAMPLES
from PIL import Image

from fkd.errors import FkdError
from fkd.photo import reading
from fkd.photo.crop import crop, frame_matrix
from fkd.photo.draw import draw_points
from fkd.photo.finder import find_faces
from fkd.photo.reading import full_size, note_of, read_photo

RAMP = np.linspace(0, 255, 60 * 40).reshape(40, 60)  # dark at the top, bright at the bottom


def pixels(photo: Image.Image) -> np.ndarray:
    assert photo.mode == "RGB"
    return np.asarray(photo).astype(int)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_a_photo_is_read_upright(format):
    photo = Image.new("RGB", (60, 40), "white")
    photo.paste((200, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    file = io.BytesIO()
    photo.save(file, format, exif=exif.tobytes())
    upright = read_photo(file)
    assert upright.size == (40, 60)
    assert np.abs(pixels(upright)[10, 30] - (200, 0, 0)).max() < 30
    assert np.abs(pixels(upright)[10, 10] - 255).max() < 30


@pytest.mark.parametrize(
    ("values", "suffix"),
    [
        ((RAMP * 257).astype(np.uint16), "png"),
        ((RAMP * 16).astype(np.uint16), "tif"),  # 12 bits in 16
        ((RAMP * 8_400_000).astype(np.int32), "tif"),
        ((RAMP * 1e6 - 5e7).astype(np.float32), "tif"),
    ],
)
def test_more_than_eight_bits_are_scaled(values, suffix, tmp_path):
    Image.fromarray(values).save(tmp_path / f"deep.{suffix}")
    assert np.abs(pixels(read_photo(tmp_path / f"deep.{suffix}"))[..., 0] - RAMP).max() <= 2


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_what_is_transparent_becomes_white(mode, tmp_path):
    photo = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    photo.paste((0, 0, 255, 255) if mode != "LA" else (90, 90, 90, 255), (30, 0, 60, 40))
    black = {"transparency": (0, 0, 0)} if mode == "RGB" else {}
    photo.convert(mode).save(tmp_path / "p.png", **black)
    read = pixels(read_photo(tmp_path / "p.png"))
    assert (read[:, :30] == 255).all() and (read[:, 30:] == ((90,) * 3 if mode == "LA" else (0, 0, 255))).all()


def test_only_the_first_picture_of_an_animation_is_read(tmp_path):
    first, *others = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green", "blue")]
    for name in ("a.gif", "a.tif", "a.webp", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=others)
        assert np.abs(pixels(read_photo(tmp_path / name)) - (255, 0, 0)).max() < 30


def test_a_script_for_ghostscript_is_never_run(tmp_path, monkeypatch):
    (tmp_path / "face.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n%%EndComments\nshowpage\n")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was called"))
    with pytest.raises(ValueError, match="face.jpg is not a readable image: use a JPEG"):
        read_photo(tmp_path / "face.jpg")


def test_bad_photos_get_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_FILE_BYTES", 2_000)
    (tmp_path / "text.jpg").write_bytes(b"this is no picture")
    Image.new("RGB", (400, 300), "red").save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:500])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, message in (
        ("text.jpg", "text.jpg is not a readable image"),
        ("cut.jpg", "cut.jpg is damaged"),
        ("none.jpg", "none.jpg does not exist"),
        ("dot.png", "dot.png is 1 x 1 px: too small to hold a face, expected at least 24 x 24 px"),
        ("folder.jpg", "folder.jpg is not a regular file"),
        ("pipe.jpg", "pipe.jpg is not a regular file"),
        ("a\nb\0.jpg", "a b .jpg"),
        ("long" * 100, "cannot be opened"),
        ("whole.jpg", "whole.jpg is larger than 0 MB"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            read_photo(tmp_path / name)
        assert "\n" not in str(error.value) and str(tmp_path) not in str(error.value)


@pytest.mark.parametrize(
    "error", [struct.error("unpack"), RuntimeError("a\nb"), KeyError(3), MemoryError(), EOFError(), OverflowError("x")]
)
def test_whatever_a_decoder_raises_is_one_sentence(error, tmp_path, monkeypatch):
    Image.new("RGB", (400, 300), "red").save(tmp_path / "a.png")

    def fail(*_, **__):
        raise error

    for where in ("PIL.PngImagePlugin.PngImageFile._open", "PIL.ImageFile.ImageFile.load"):
        with monkeypatch.context() as patch:
            patch.setattr(where, fail)
            with pytest.raises(
                FkdError, match=r"^a.png (is damaged [(].+[)]: save it|is not a readable image|takes too).*\Z"
            ):
                read_photo(tmp_path / "a.png")


@pytest.mark.parametrize("side", [9_000, 20_000, 2**31 - 1])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_photo_too_large_is_refused_before_a_pixel_is_decoded(side, tmp_path, monkeypatch):
    small = io.BytesIO()
    Image.new("1", (30, 30)).save(small, "PNG")
    header = b"IHDR" + struct.pack(">II", side, side) + small.getvalue()[24:29]
    large = small.getvalue()[:12] + header + struct.pack(">I", zlib.crc32(header)) + small.getvalue()[33:]
    (tmp_path / "bomb.png").write_bytes(large)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="bomb.png is larger than 64 megapixels"):
        read_photo(tmp_path / "bomb.png")


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_read_smaller_and_its_points_are_those_of_the_file(orientation, monkeypatch, recwarn):
    grace = Image.open(EXAMPLES / "grace_hopper.jpg")
    photo = Image.new("RGB", (1401, 1301), "grey")
    photo.paste(grace.resize((1024, 1200), Image.Resampling.BICUBIC), (200, 100))
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    photo.save(file, "JPEG", quality=95, exif=exif)
    whole = read_photo(file)
    monkeypatch.setattr(reading, "MOST_MEGAPIXELS", 0.9)
    half = read_photo(file)
    assert half.size == ((701, 651) if orientation == 1 else (651, 701)) and full_size(half) == whole.size
    (box,), (small,) = find_faces(whole), find_faces(half)
    assert np.abs(np.subtract(box.box, small.box)).max() < 0.03 * box.side
    plain, zoom = Image.fromarray(np.asarray(half)), half.width / whole.width
    in_half = frame_matrix([(edge + 0.5) * zoom - 0.5 for edge in box.box])
    assert np.abs(crop(plain, in_half).astype(int) - crop(half, frame_matrix(box.box))).max() <= 1
    marked = np.abs(np.asarray(draw_points(half, [np.full((15, 2), 400.0)], "#ff0000"), int) - np.asarray(half, int))
    assert np.abs(np.argwhere(marked.sum(2)).mean(0) - 199.75).max() < 1, "drawn where it is in the smaller picture"
    assert full_size(half.resize((300, 250))) == (300, 250)
    file.seek(0)
    monkeypatch.setattr(reading, "MAX_JPEG_MEGAPIXELS", 1.8)
    with pytest.raises(ValueError, match="the photo is larger than 1.8 megapixels: shrink it first"):
        read_photo(file)


def test_photos_beyond_pillows_own_limits_are_read_without_its_warning(tmp_path):
    Image.new("L", (18_000, 10_000)).save(tmp_path / "a.jpg")  # from 89 megapixels on it warned, and from 179 refused
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert full_size(read_photo(tmp_path / "a.jpg")) == (18_000, 10_000)
    Image.new("L", (8_100, 8_000)).save(tmp_path / "a.jpg", progressive=True)
    with pytest.raises(ValueError, match="a.jpg is larger than 64 megapixels"):  # which takes the memory of all pixels
        read_photo(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("suffix", "share", "orientation"),
    [("jpg", 1.0, 1), ("jpg", 0.5, 1), ("jpg", 0.5, 3), ("jpg", 0.5, 6), ("png", 0.5, 1)],
)
def test_a_file_that_ends_early_is_read_as_far_as_it_goes(suffix, share, orientation, tmp_path):
    noise = np.random.default_rng(0).integers(90, 160, (400, 300, 3), np.uint8)
    noise[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path, exif=exif, quality=70)
    whole = read_photo(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size) - 2])
    photo = read_photo(path)
    assert note_of(whole) == "" and note_of(photo) == f"a.{suffix} ends early: a part of the picture may be missing"
    same = np.abs(pixels(photo) - pixels(whole)).max(2) == 0
    assert same.mean() > 0.42 * share and photo.size == whole.size


def matrix_profile(gamma: float, primaries: list[list[float]]) -> bytes:
    """An ICC profile of three XYZ primaries and one gamma, as in Adobe RGB (1998)."""
    tags = {b"rTRC": struct.pack(">4s4xIH", b"curv", 1, round(256 * gamma))}
    tags |= {kind: tags[b"rTRC"] for kind in (b"gTRC", b"bTRC")}
    for kind, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        tags[kind] = struct.pack(">4s4x3i", b"XYZ ", *(round(65536 * value) for value in xyz))
    table, data = b"", b""
    for kind, content in tags.items():
        table += struct.pack(">4sII", kind, 132 + 12 * len(tags) + len(data), len(content))
        data += content.ljust(-(-len(content) // 4) * 4, b"\0")
    head = struct.pack(">I4sI4s4s4s", 132 + len(table) + len(data), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


ADOBE = [[0.6097, 0.3111, 0.0195], [0.2053, 0.6257, 0.0609], [0.1492, 0.0632, 0.7446]]
P3 = [[0.5151, 0.2412, -0.0011], [0.2920, 0.6922, 0.0419], [0.1571, 0.0666, 0.7841]]
TO_SRGB = np.linalg.inv([[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7141]])


@pytest.mark.parametrize("primaries", [ADOBE, P3, None])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "HEIF"])
def test_colours_are_converted_to_srgb(format, primaries):
    file, colour = io.BytesIO(), (200, 120, 80)
    profile = matrix_profile(2.2, primaries) if primaries else b"x" * 200  # a broken one is ignored
    Image.new("RGB", (60, 40), colour).save(file, format, quality=100, icc_profile=profile)
    photo = read_photo(file)
    if primaries:
        linear = np.array(colour) ** 2.2 / 255**2.2 @ primaries @ TO_SRGB
        colour = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(pixels(photo)[20, 20] - colour).max() <= 4
    assert "icc_profile" not in photo.info, "a drawing would carry it"


def test_a_cmyk_photo_without_a_profile_is_read_as_before_and_a_wrong_profile_is_ignored():
    for profile in (None, matrix_profile(2.2, P3)):
        file = io.BytesIO()
        Image.new("CMYK", (60, 40), (0, 255, 255, 0)).save(file, "TIFF", icc_profile=profile)
        assert (pixels(read_photo(file)) == (255, 0, 0)).all()


def tiff(values: np.ndarray, photometric: int, planes: bool, kind: int = 1) -> io.BytesIO:
    """An uncompressed TIFF of values [C, H, W]. kind: of sample, 1 unsigned, 2 signed, 3 floating point."""
    strips = [*values] if planes else [values.transpose(1, 2, 0)]
    (count, height, width), bits = values.shape, 8 * values.itemsize
    tags = {256: [width], 257: [height], 258: [bits] * count, 259: [1], 262: [photometric], 273: [], 277: [count]}
    tags |= {278: [height], 279: [strip.nbytes for strip in strips], 284: [2 if planes else 1], 339: [kind] * count}
    start = 8 + 2 + 12 * len(tags) + 4
    lists = sum(4 * len(tag) for tag in tags.values()) + 4 * len(strips)
    tags[273] = [start + lists + sum(tags[279][:number]) for number in range(len(strips))]
    entries, tail = b"", b""
    for tag, content in tags.items():
        raw = struct.pack(f"<{len(content)}I", *content)
        entries += struct.pack("<HHI", tag, 4, len(content))
        entries += raw if len(raw) == 4 else struct.pack("<I", start + len(tail))
        tail += raw if len(raw) > 4 else b""
    content = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + tail.ljust(lists, b"\0")
    return io.BytesIO(content + b"".join(np.ascontiguousarray(strip).tobytes() for strip in strips))


@pytest.mark.parametrize(
    ("dtype", "photometric", "planes", "kind", "said"),
    [
        ("u2", 2, True, 1, "16 bits"),
        ("u2", 2, False, 1, ""),
        ("u1", 2, True, 1, ""),
        ("u2", 0, False, 1, "16 bits"),
        ("f4", 0, False, 3, "32 bits"),
        ("i1", 1, False, 2, "8 bits"),
        ("u4", 1, False, 1, "32 bits"),
    ],
)
def test_a_tiff_that_pillow_garbles_is_refused(dtype, photometric, planes, kind, said):
    values = np.stack([RAMP / 255, RAMP[::-1] / 255, RAMP[:, ::-1] / 255])[: 3 if photometric == 2 else 1]
    top = 1 if kind == 3 else np.iinfo(dtype).max
    file = tiff((values * top).astype(f"<{dtype}"), photometric, planes, kind)
    if said:
        with pytest.raises(FkdError, match=f"the photo is a TIFF of {said} of a kind that is not read: save it as PNG"):
            read_photo(file)
    else:
        assert np.abs(pixels(read_photo(file)) / 255 - values.transpose(1, 2, 0)).max() < 0.01
