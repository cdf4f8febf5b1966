import json
import re

import numpy as np
import pandas as pd
import pytest
from clip.clips import face_clip, pictures, sway, truth, write_clip
from conftest import EXAMPLES
from PIL import Image
from typer.testing import CliRunner

from fkd.cli.commands import app
from fkd.clip.track_files import TABLE
from fkd.clip.tracking import GLANCE, track
from fkd.clip.tracks import difference, eye_distance, jitter
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.face import Face
from fkd.photo.point_files import read_points
from fkd.photo.predict import predict

CHECKPOINTS = EXAMPLES.parent / "checkpoints"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def fcnn():
    return CheckpointDetector.read(CHECKPOINTS / "fcnn")


def answer(detector, name="grace_hopper.jpg"):
    """The detector's points in an example photo."""
    with Image.open(EXAMPLES / name) as photo:
        return predict(detector, photo.convert("L"))[0].points


def error(points, expected):
    """The root mean square distance, px, without what the detector errs by in every frame."""
    away = points - expected
    away = away - np.nanmean(away, 0)
    return np.sqrt(np.nanmean((away**2).sum(-1)))


def present(track):
    return np.isfinite(track.points).all((1, 2))


@pytest.mark.slow
def test_a_face_that_turns_and_moves_is_followed_in_every_frame(tmp_path):
    resnet18 = CheckpointDetector.read(CHECKPOINTS / "resnet18")
    moves = sway(90, still=60, side=110)
    tracked = track(face_clip(tmp_path / "a.mkv", moves, noise=4, codec="ffv1"), [resnet18])
    (face,) = tracked.tracks
    expected = truth(moves, answer(resnet18))
    eyes = eye_distance(face)
    assert present(face).all() and np.isfinite(face.doubt).all() and (face.doubt < 1.25).all()
    assert error(face.points, expected) < 0.02 * eyes
    assert error(face.smooth[65:], expected[65:]) < 1.15 * error(face.points[65:], expected[65:])
    middle = face.boxes[:, :2] + face.boxes[:, 2:]
    assert np.abs(middle / 2 - moves[:, :2]).max() < 12
    raw, smoothed = jitter(face)
    still = np.linalg.norm(np.diff(face.points[:55], axis=0), axis=2)
    assert raw == pytest.approx(100 * np.sqrt((still**2).mean()) / eyes, rel=0.2)
    assert smoothed < raw / 5


def test_faces_keep_their_numbers_and_one_that_leaves_is_a_gap(tmp_path, fcnn):
    left, right = sway(60, reach=8, side=70), sway(60, reach=-8, side=60)
    left[:, 0] -= 70
    right[:, 0] += 75
    right[20:41] = np.nan
    faces = [("grace_hopper.jpg", left), ("eileen_collins.png", right)]
    tracked = track(write_clip(tmp_path / "a.mp4", pictures(faces)), [fcnn])
    first, second = tracked.tracks
    assert (first.face, second.face) == (1, 2) and present(first).all()
    assert present(second).tolist() == [not 20 <= number <= 40 for number in range(60)]
    assert np.isfinite(second.smooth).all((1, 2)).tolist() == present(second).tolist()
    assert np.isnan(second.boxes[25]).all() and np.isnan(second.doubt[25])
    assert second.boxes[45, 0] > 160 > first.boxes[45, 0]


def test_a_cut_to_another_place_is_followed_in_its_own_frame(tmp_path, fcnn):
    moves = sway(3 * GLANCE, reach=0)
    moves[GLANCE + 3 :, 0] += 70
    tracked = track(face_clip(tmp_path / "a.mp4", moves), [fcnn])
    (face,) = tracked.tracks
    assert error(face.points, truth(moves, answer(fcnn))) < 2


class Square:
    """A detector that knows photos only: four corners of a box, and no face on the left."""

    name, owner, colour, network, sha256, folder = "square", "", "#00ff00", "", "", None

    def on_photos(self, photos, boxes, precise=False):
        corners = [np.tile(np.array(box.box, np.float32).reshape(2, 2), (8, 1))[:15] for box in boxes]
        seen = [box.centre[0] > 150 for box in boxes]
        return [
            Face(box.box, points if ok else points * np.nan, np.zeros((96, 96), np.uint8), doubt=0.0 if ok else np.inf)
            for box, points, ok in zip(boxes, corners, seen, strict=True)
        ]


def test_any_detector_follows_and_sees_no_face_where_it_says_so(tmp_path, fcnn):
    square: Detector = Square()
    tracked = track(face_clip(tmp_path / "a.mp4", sway(40)), [fcnn, square])
    assert [each.model for each in tracked.tracks] == ["fcnn", "square"] and tracked.tracks[1].spread is None
    middle = tracked.tracks[0].boxes[:, [0, 2]].mean(1)
    assert np.array_equal(present(tracked.tracks[1]), middle > 150) and not present(tracked.tracks[1]).all()
    assert difference(*tracked.tracks) > 10


def test_a_clip_without_a_face_has_no_track(tmp_path, fcnn):
    tracked = track(write_clip(tmp_path / "a.mp4", pictures([("grace_hopper.jpg", np.full((9, 4), np.nan))])), [fcnn])
    assert tracked.tracks == [] and len(tracked.clip.times) == 9


def run(*arguments):
    return CliRunner().invoke(app, ["track", *map(str, arguments)])


def test_the_command_writes_tables_of_clips_and_what_it_measured(tmp_path):
    clips = [face_clip(tmp_path / f"{name}.mp4", sway(30, 30, side=110), times=[*np.arange(30) / 20]) for name in "ab"]
    outs = [tmp_path / f"out.{kind}" for kind in ("csv", "json", "parquet")]
    models = [f"--checkpoint={CHECKPOINTS / name}" for name in ("fcnn", "mobile")]
    for out in outs:
        result = run(*clips, *models, "--out", out, "--export", tmp_path / "made.nk", "--overwrite")
        assert result.exit_code == 0, result.output
    assert re.search(r"a.mp4: 30 frames, 1 face, [\d.]+ frames/s\n  face 1, fcnn: jitter 0\.\d+% of the", result.output)
    assert re.search(r"face 1, fcnn and mobile: differ by \d+\.\d+% of the eye distance", result.output)
    assert (tmp_path / "a-made.nk").exists() and (tmp_path / "b-made.nk").exists()
    table, parquet = pd.read_csv(outs[0]), pd.read_parquet(outs[2])
    assert list(table) == list(TABLE) and len(table) == 2 * 30 * 2
    pd.testing.assert_frame_equal(table, parquet, check_dtype=False)
    assert table["frame"].tolist()[:4] == [0, 0, 1, 1] and table["time"][2] == 0.05
    assert table["clip"].nunique() == 2 and set(table["model"]) == {"fcnn", "mobile"}
    (row, *_), rows = json.loads(outs[1].read_text()), json.loads(outs[1].read_text())
    assert len(rows) == len(table) and row["smooth"]["nose_tip"] == [
        table["nose_tip_x_smooth"][0],
        table["nose_tip_y_smooth"][0],
    ]
    for out in outs[:2]:
        assert np.allclose(read_points(out)[0][0], [table["left_eye_center_x"][0], table["left_eye_center_y"][0]])


@pytest.mark.slow
def test_a_run_that_was_stopped_continues_to_the_same_points(tmp_path, monkeypatch, fcnn):
    left, right = sway(70, side=60), sway(70, side=60)
    left[:, 0] -= 60
    right[:, 0] += 60
    right[30:] = np.nan
    faces = [("grace_hopper.jpg", left), ("eileen_collins.png", right)]
    clips = [write_clip(tmp_path / "a.mp4", pictures(faces)), face_clip(tmp_path / "b.mp4", sway(9))]
    whole, part = tmp_path / "whole.csv", tmp_path / "part.csv"
    arguments = [*clips, "--checkpoint", CHECKPOINTS / "fcnn"]
    assert run(*arguments, "--out", whole).exit_code == 0
    calls, once = [], CheckpointDetector.on_clip

    def stops(self, photos, *rest):
        calls.append(len(photos))
        if len(calls) in (9, 16):
            raise KeyboardInterrupt
        return once(self, photos, *rest)

    monkeypatch.setattr(CheckpointDetector, "on_clip", stops)
    for resume in ((), ("--resume",)):
        result = run(*arguments, "--out", part, *resume)
        assert result.exit_code == 130 and "with --resume continues" in result.output and not part.exists()
    assert "is of an unfinished run: continue it with --resume" in str(run(*arguments, "--out", part).exception)
    assert run(*arguments, "--out", part, "--resume").exit_code == 0
    assert part.read_bytes() == whole.read_bytes() and not (tmp_path / "part.csv.part").exists()


def test_mistakes_end_before_the_work(tmp_path):
    clip = face_clip(tmp_path / "a.mp4", sway(3))
    (tmp_path / "text.mp4").write_text("hello")
    model, out = ("--checkpoint", CHECKPOINTS / "fcnn"), ("--out", tmp_path / "a.csv")
    for arguments, message in (
        ((clip, tmp_path / "text.mp4", *model, *out), r"text.mp4 is damaged or not a clip"),
        ((clip, *model, *out, "--export", tmp_path / "a.xyz"), r"a.xyz is not an export"),
        ((clip, *model, "--out", tmp_path / "a.txt"), r"a.txt has an unknown format"),
        ((clip, *model, *out, "--export", clip), r"a.mp4 already exists"),
        (("https://example.com/a.mp4", *model, *out), r"is an address: download it first"),
    ):
        assert re.search(message, str(run(*arguments).exception)) and not list(tmp_path.glob("a.csv*"))
