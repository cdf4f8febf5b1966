"""The Clip tab: what the player is given, where a clip is bad, limits with their sentences, nothing left over."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from clip.clips import face_clip, sway, write_clip

from fkd.clip import apart
from fkd.clip.apart import track_apart
from fkd.clip.proxy import write_proxy
from fkd.clip.review import answer, review
from fkd.clip.tracks import Clip, Track, TrackedClip
from fkd.clip.video import read_clip
from fkd.errors import FkdError
from fkd.hub.reference import load
from fkd.keypoints import MEAN_FACE, NAMES
from fkd.page import uploads
from fkd.page.clip import answer_clip

av = pytest.importorskip("av")
ROOT = Path(__file__).parents[2]
FCNN, RESNET = (load(str(ROOT / "checkpoints" / name)) for name in ("fcnn", "resnet18"))
FRAMES, OCULAR = 90, 35.8  # px, of MEAN_FACE


def tracked(*tracks: Track) -> TrackedClip:
    clip = Clip(Path("actor.mp4"), 96, 96, 30, np.arange(FRAMES) / 30, FRAMES, np.zeros(FRAMES, bool))
    return TrackedClip(clip, list(tracks))


def still(model: str, noise: float = 0.0) -> Track:
    smooth = np.tile(np.float32(MEAN_FACE), (FRAMES, 1, 1))
    points = smooth + np.random.default_rng(0).normal(0, noise, smooth.shape).astype(np.float32)
    boxes, doubt = np.tile(np.float32([0, 0, 96, 96]), (FRAMES, 1)), np.full(FRAMES, 0.5, np.float32)
    return Track(model, "#ff0000", 1, boxes, points, smooth, doubt)


def test_the_worst_frame_of_each_bad_stretch_is_found_for_each_reason():
    assert review(tracked(still("a", 0.1), still("b", 0.1)))[1] == [], "noise alone is nowhere bad"
    odd = still("b", 0.1)
    odd.smooth[20:23, NAMES.index("nose_tip")] += np.float32([[0, 20], [0, 40], [0, 20]])
    odd.points[50] += 8
    odd.doubt[60:62] = 3
    odd.points[70:] = odd.smooth[70:] = np.nan
    series, bad = review(tracked(still("a", 0.1), odd))
    assert bad == [21, 50, 60, 70]
    rows = {one["title"].partition(",")[0]: one["values"] for one in series}
    assert rows["Disagreement"][21] == pytest.approx(100 * 40 / 15 / OCULAR, rel=0.01)
    assert rows["Disagreement"][70] is None and rows["Faces lost"][70] == 1 and rows["Doubt"][60] == 3
    assert "Disagreement" not in {one["title"] for one in review(tracked(odd))[0]}, "one model disagrees with none"


def test_the_answer_names_the_steadier_model_and_where_they_disagree_and_jitter_never_stands_alone():
    rough, odd = still("rough"), still("odd")
    rough.smooth[:, :, 0] += np.where(np.arange(FRAMES) % 2, 0.02, 0)[:, None]
    odd.smooth[30, NAMES.index("nose_tip"), 0] += 10
    jitters = f"Smoothed, odd jitters by 0.000% of the eye distance, rough by {2 / OCULAR:.3f}%"
    apart = r"the models differ by 0.0%, most in frame 30 \(2\d.\d% at the nose tip\)"
    assert re.fullmatch(f"{jitters}; {apart}.", answer(rough, odd))
    assert answer(odd).endswith("; no second model sees the face with odd, to tell where it may be wrong.")
    odd.smooth[:, :, 0] += np.arange(FRAMES)[:, None]
    assert answer(rough, odd).startswith("No stretch is still enough for a figure of jitter; the models differ by ")
    odd.smooth[:] = np.nan
    assert answer(rough, odd).endswith("; no second model sees the face with rough, to tell where it may be wrong.")


def test_the_proxy_has_the_same_frames_at_the_same_times_upright(tmp_path):
    times = [0, 0.033, 0.1, 0.433, 0.466, 0.5]
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[:, :640] = 255
    clip = read_clip(write_clip(tmp_path / "a.mp4", [picture] * 6, times=times, rotation=90))
    assert [number for number, _ in write_proxy(clip, tmp_path / "proxy.mp4")] == list(range(6))
    with av.open(str(tmp_path / "proxy.mp4")) as file:
        frames = list(file.decode(video=0))
        assert [frame.time for frame in frames] == pytest.approx(times) and file.streams.video[0].start_time == 0
        assert (frames[0].width, frames[0].height, frames[0].format.name) == (360, 640, "yuv420p")
        assert frames[0].to_ndarray(format="gray")[[100, 500]].mean(1) == pytest.approx([0, 255], abs=3)


def steps(path, folder, *detectors):
    folder.mkdir(exist_ok=True)
    return list(track_apart(path, detectors or [FCNN], folder))


@pytest.fixture
def clip(tmp_path):
    return face_clip(tmp_path / "=actor.mp4", sway(40))


@pytest.mark.slow
def test_a_clip_becomes_a_player_and_files(tmp_path, clip):
    *progress, value = steps(clip, tmp_path / "out", FCNN, RESNET)
    assert {step["text"] for step in progress} >= {"Reading the clip: 20 of 40 frames", "Tracking: 40 of 40 frames"}
    assert [model["name"] for model in value["models"]] == ["fcnn", "resnet18"]
    assert value["times"] == pytest.approx(np.arange(40) / 30, abs=1e-5) and value["faces"] == 1
    points = np.fromfile(tmp_path / "out" / "points.f32", "<f4").reshape(2, 1, 2, 40, 15, 2)
    eyes = points[:, 0, :, :, :2].mean((1, 3))
    assert np.abs(eyes[0] - eyes[1]).max() < 5 and np.abs(eyes[0, :, 0] - sway(40)[:, 0]).max() < 12
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"proxy.mp4", "points.f32", *value["files"]}
    assert len(json.dumps(value)) < 10_000
    assert 'MOVIE = "=actor.mp4"' in (tmp_path / "out" / "_actor.py").read_text(), "no folder of the server"


@pytest.mark.parametrize(("name", "frames", "sentence"), [
    ("long", [0, 62], "long.mp4 is too long: expected at most 60 seconds and 3,600 frames"),
    ("many", np.arange(3700) / 240, "many.mp4 is too long: expected at most 60 seconds and 3,600 frames"),
    ("empty", np.arange(5) / 30, "empty.mp4: no face was found"),
    ("text", [], "text.mp4 is damaged or not a clip"),
])  # fmt: skip
def test_what_cannot_be_tracked_gets_one_sentence_and_soon(tmp_path, name, frames, sentence):
    path = tmp_path / f"{name}.mp4"
    path.write_text("v=0\nm=video 9 RTP/AVP 96\n")
    if len(frames):
        write_clip(
            path, [np.zeros((48, 64, 3), np.uint8)] * len(frames), times=frames, rate=240 if name == "many" else 30
        )
    with pytest.raises(FkdError, match=re.escape(sentence)):
        steps(path, tmp_path / "out")


def trackers() -> list[psutil.Process]:
    """The processes that track a clip; another test's may decode photos."""
    return [child for child in psutil.Process().children() if "fkd.clip.apart" in child.cmdline()]


def test_a_clip_that_takes_too_long_is_given_up_and_its_process_ended(tmp_path, clip, monkeypatch):
    monkeypatch.setattr(apart, "MAX_WORK", 0.5)
    with pytest.raises(FkdError, match=r"actor.mp4 takes more time or memory than there is here"):
        steps(clip, tmp_path / "out")
    assert not trackers()


def test_a_clip_that_is_cancelled_leaves_no_file_and_no_process(clip):
    before = set(uploads.photo_folder().rglob("*"))
    (*_, (last, value)) = answer_clip(str(clip), [FCNN], lambda: False)
    assert "Cancelled." in last and value is None
    left = answer_clip(str(clip), [FCNN], lambda: True)
    next(left)
    left.close()  # as when the visitor leaves
    assert set(uploads.photo_folder().rglob("*")) == before and not trackers()
    assert "Choose a clip first." in next(answer_clip(None, [FCNN], lambda: True))[0]
    assert "Choose a model." in next(answer_clip(str(clip), [], lambda: True))[0]


def test_a_model_that_is_missing_is_a_fault_and_no_sentence(tmp_path, clip, capfd):
    with pytest.raises(RuntimeError, match="the process that tracks a clip failed"):
        steps(clip, tmp_path / "out", SimpleNamespace(name="gone", folder=tmp_path / "gone"))
    assert "Traceback" in capfd.readouterr().err
