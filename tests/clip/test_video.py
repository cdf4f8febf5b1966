import random
import time

import av
import numpy as np
import pytest
from clip.clips import face_clip, sway, write_clip
from PIL import Image

from fkd.clip.video import MAX_SIDE, read_clip
from fkd.errors import FkdError

MOVES = sway(12)
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"


def numbered(count, size=(64, 48)):
    """Frames whose left half has the brightness of their number."""
    for number in range(count):
        picture = np.full((size[1], size[0], 3), 128, np.uint8)
        picture[:, : size[0] // 2] = 60 + 8 * number
        yield picture


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_frames_are_upright_whatever_way_the_phone_was_held(tmp_path, rotation):
    reader = read_clip(write_clip(tmp_path / "a.mov", numbered(3), rotation=rotation))
    frames = list(reader)
    assert reader.size == (reader.clip.width, reader.clip.height) == ((64, 48) if rotation in (0, 180) else (48, 64))
    stored = next(numbered(1))[..., 0]
    expected = np.rot90(stored, rotation // 90)
    for picture in (frames[0].grey, frames[0].colour().convert("L")):
        assert picture.size == reader.size
        dark = [np.asarray(each, float)[expected == 60].mean() for each in (picture,)]
        assert dark[0] < np.asarray(picture, float)[expected == 128].mean() - 20


def test_times_are_those_of_the_file_from_its_first_frame(tmp_path):
    times = [0.5, 0.52, 0.6, 0.61, 1.4]
    reader = read_clip(write_clip(tmp_path / "a.mkv", numbered(5), times=times))
    frames = list(reader)
    assert np.allclose(reader.clip.times, np.subtract(times, 0.5), atol=0.002)
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time for frame in frames] == reader.clip.times.tolist()


CODECS = [
    ("libx264", "yuv420p", "mp4"), ("libx264", "yuv422p", "mkv"), ("libx264", "yuv420p10le", "mp4"),
    ("libx265", "yuv420p", "mp4"), ("libx265", "yuv420p10le", "mov"), ("prores_ks", "yuv422p10le", "mov"),
    ("libvpx-vp9", "yuv420p", "webm"), ("libsvtav1", "yuv420p", "mp4"), ("libsvtav1", "yuv420p10le", "mkv"),
    ("mjpeg", "yuvj420p", "avi"), ("mpeg4", "yuv420p", "avi"), ("mpeg2video", "yuv420p", "ts"),
    ("mpeg2video", "yuv420p", "mxf"), ("ffv1", "gray16le", "mkv"), ("libx264rgb", "rgb24", "mkv"),
    ("png", "rgb24", "mov"), ("rawvideo", "yuyv422", "avi"), ("dnxhd", "yuv422p", "mov"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "pixels", "ending"), CODECS)
def test_codecs_and_depths_give_the_same_grey_frames(tmp_path, codec, pixels, ending):
    size = (256, 128)
    options = {"libx265": {"x265-params": "log-level=none"}, "dnxhd": {"profile": "dnxhr_hq"}}.get(codec)
    path = write_clip(tmp_path / f"a.{ending}", numbered(8, size), 25, codec, pixels, options=options)
    start = time.perf_counter()
    frames = list(read_clip(path))
    assert time.perf_counter() - start < 5 and len(frames) == 8
    for frame in frames:
        grey = np.asarray(frame.grey, float)
        assert grey.shape == size[::-1]
        # Limited range is 16 to 235.
        value = 60 + 8 * frame.number
        assert min(abs(grey[:, :100].mean() - shown) for shown in (value, 16 + value * 219 / 255)) < 4


def write_sound(path, cover=False):
    """A file with a sound, and the picture of an album's cover."""
    with av.open(str(path), "w") as file:
        stream, video = file.add_stream("aac", rate=44100), None
        if cover:
            video = file.add_stream("mjpeg", rate=25)
            video.width, video.height, video.pix_fmt = 64, 64, "yuvj420p"
            video.disposition = av.stream.Disposition.attached_pic
            picture = av.VideoFrame(64, 64, "yuvj420p")
            picture.pts = 0
            file.mux([*video.encode(picture), *video.encode()])
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 44100
        file.mux([*stream.encode(sound), *stream.encode()])


def test_what_is_no_clip_ends_in_one_sentence_and_opens_nothing_else(tmp_path):
    clip, wrong = face_clip(tmp_path / "a.mp4", MOVES), tmp_path / "wrong"
    data = clip.read_bytes()
    wrong.mkdir()
    playlist = b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    contents = {
        "sdp.mp4": SDP.encode(), "list.m3u8": playlist, "list.mp4": playlist,
        "concat.mp4": f"ffconcat version 1.0\nfile '{clip}'\n".encode(), "text.mov": b"hello\n" * 500,
        "subtitles.mp4": b"WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n", "noise.mkv": bytes(range(7, 255)) * 99,
        "zeros.avi": bytes(100_000), "cut.mp4": data[: len(data) // 2], "head.mp4": data[:40], "empty.mp4": b"",
    }  # fmt: skip
    for name, content in contents.items():
        (wrong / name).write_bytes(content)
    Image.new("RGB", (300, 200)).save(wrong / "photo.mp4", "JPEG")
    Image.new("RGB", (300, 200)).save(wrong / "photo.mov", "PNG")
    Image.new("RGB", (300, 200)).save(wrong / "photo.webm", "GIF")
    write_sound(wrong / "sound.m4a")
    write_sound(wrong / "cover.mp4", cover=True)
    for name, width in (("thin.mkv", 1), ("wide.mkv", MAX_SIDE + 2)):
        write_clip(wrong / name, [np.zeros((48, width, 3), np.uint8)] * 2, codec="rawvideo", pixels="gray")
    (wrong / "folder.mp4").mkdir()
    for file in [*sorted(wrong.iterdir()), wrong / "missing.mp4"]:
        start = time.perf_counter()
        with pytest.raises(FkdError, match=rf"^{file.name} [^\n]*$"):
            read_clip(file)
        assert time.perf_counter() - start < 5, file.name


@pytest.mark.parametrize("times", [[0], [-0.2, -0.1, 0.1], [7000, 7000.1]])
def test_clips_of_one_frame_and_with_odd_starts_are_read(tmp_path, times):
    reader = read_clip(write_clip(tmp_path / "a.mov", numbered(len(times)), times=times))
    shown = [time for time in times if time >= 0]  # players leave out those before a MOV's start, too
    assert len(list(reader)) == len(shown)
    assert np.allclose(reader.clip.times, np.subtract(shown, shown[0]), atol=1e-3)


def test_a_cut_clip_ends_early_and_damage_is_counted(tmp_path):
    path = face_clip(tmp_path / "a.mp4", sway(60), container={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    reader = read_clip(tmp_path / "cut.mp4")
    assert 10 < len(list(reader)) < 50 and reader.stated == 60
    for at in random.Random(0).sample(range(len(data) // 3, len(data) - 50), 20):
        data[at] ^= 0xFF
    (tmp_path / "bad.mp4").write_bytes(data)
    reader = read_clip(tmp_path / "bad.mp4")
    frames = list(reader)
    assert 0 < reader.clip.corrupt.sum() < len(frames) <= 60
    assert reader.clip.corrupt.tolist() == [frame.corrupt for frame in frames]


def test_a_clip_whose_size_changes_has_frames_of_one_size(tmp_path):
    sizes = [(96, 64), (48, 32)]
    packets = []
    for size in sizes:
        write_clip(part := tmp_path / f"{size[0]}.ts", numbered(5, size), codec="mpeg2video", rate=25)
        packets.append(part.read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(packets))
    reader = read_clip(tmp_path / "both.ts")
    assert {frame.grey.size for frame in reader} == {sizes[0]}
    assert len(reader.clip.times) > 5 and (np.diff(reader.clip.times) > 0).all()
