import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fkd.errors import FkdError
from fkd.photo import reading
from fkd.photo.reading import read_photo

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
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
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
            with pytest.raises(FkdError, match=r"^a.png is (damaged [(].+[)]: save it|not a readable image).*\Z"):
                read_photo(tmp_path / "a.png")


@pytest.mark.parametrize("side", [9_000, 20_000, 2**31 - 1])
def test_a_photo_too_large_is_refused_before_a_pixel_is_decoded(side, tmp_path, monkeypatch):
    small = io.BytesIO()
    Image.new("1", (30, 30)).save(small, "PNG")
    header = b"IHDR" + struct.pack(">II", side, side) + small.getvalue()[24:29]
    large = small.getvalue()[:12] + header + struct.pack(">I", zlib.crc32(header)) + small.getvalue()[33:]
    (tmp_path / "bomb.png").write_bytes(large)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="bomb.png is larger than 64 megapixels"):
        read_photo(tmp_path / "bomb.png")
