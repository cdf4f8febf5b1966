import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from clip.clips import EXAMPLES, face_clip, sway, truth
from PIL import Image, ImageFilter

from fkd.clip import frames as frames_module
from fkd.clip.frames import REGIONS, add_frames, choose, disagreement, shapes
from fkd.clip.profile import FORMS, picture_name, points_file, read_profile, write_marks
from fkd.clip.tracking import sharpness
from fkd.clip.tracks import Clip, Track, TrackedClip
from fkd.clip.video import read_clip
from fkd.errors import FkdError
from fkd.keypoints import MEAN_FACE, NAMES
from fkd.photo.crop import align_matrix, apply
from fkd.photo.detectors.checkpoint import CheckpointDetector

FACE = np.array(MEAN_FACE)
NO_MARKS = np.empty((0, 15, 2))


def performance(count: int, seed: int = 0) -> np.ndarray:
    """Points [F, 15, 2] px of a face that is mostly at rest, with short expressions, and moves about."""
    random, time = np.random.default_rng(seed), np.arange(count)
    strength = np.zeros((count, 6))
    for _ in range(count // 100):
        when, long = random.uniform(0, count), random.uniform(5, 40)
        strength[:, random.integers(6)] += random.normal() * np.exp(-(((time - when) / long) ** 2))
    points = FACE + np.einsum("fe,epx->fpx", strength, random.normal(0, 4, (6, 15, 2)))
    turn = 0.3 * np.sin(time / 50)[:, None] * 1j
    places = points @ [1, 1j] * np.exp(turn) * (2 + np.sin(time / 70))[:, None] + 300
    return np.stack([places.real, places.imag], -1)


def test_a_shape_does_not_depend_on_where_the_face_is():
    points = performance(50)
    aligned = np.stack([apply(align_matrix(face, FACE), face) for face in points])
    np.testing.assert_allclose(shapes(points, "all"), aligned - aligned.mean(1, keepdims=True), atol=1e-9)
    points[3, 2] = np.nan
    assert np.isnan(shapes(points, "mouth")[3]).all() and np.isfinite(shapes(points, "mouth")[4]).all()


@pytest.mark.parametrize("region", REGIONS)
def test_25_frames_cover_10000_better_than_uniform_ones_do(region):
    points = performance(10_000)
    start = time.process_time()
    faces = shapes(points, region)
    chosen, radius = choose(faces, 25, NO_MARKS[:, REGIONS[region]], np.random.default_rng(0).random(len(faces)))
    assert time.process_time() - start < 1 and len({*chosen}) == 25

    def farthest(rows: np.ndarray) -> float:
        away = np.sqrt(((faces[:, None] - faces[rows]) ** 2).sum((2, 3)) / faces.shape[1])
        return float(away.min(1).max())

    assert farthest(chosen) == pytest.approx(radius)
    assert radius <= 0.8 * farthest(np.linspace(0, 9_999, 25).astype(int))


def test_marked_shapes_are_not_chosen_again_nor_missing_ones_at_all():
    faces = shapes(performance(300), "all")
    faces[[5, 77]] = np.nan
    chosen, radius = choose(faces, 300, NO_MARKS, np.zeros(300))
    assert len(chosen) < 298 and not {5, 77} & {*chosen} and radius < 0.2
    again, same = choose(faces, 25, faces[chosen], np.zeros(300))
    assert len(again) == 0 and same == radius
    first, _ = choose(faces, 3, NO_MARKS, np.zeros(300))
    more, _ = choose(faces, 3, faces[first], np.zeros(300))
    assert [*first, *more] == [*choose(faces, 6, NO_MARKS, np.zeros(300))[0]]


def test_the_last_frames_are_those_that_detectors_disagree_about():
    faces = shapes(performance(2000), "all")
    doubt = np.where(np.arange(2000) == choose(faces, 40, NO_MARKS, np.zeros(2000))[0][-1], 9.0, 0.1)
    assert doubt[choose(faces, 10, NO_MARKS, doubt)[0]].max() == 9
    tracks = hand_made(FACE + np.zeros((3, 1, 1))), hand_made(FACE + [[[0, 0]], [[0, 0]], [[7, 0]]])
    assert disagreement([track for each in tracks for track in each.tracks]) == pytest.approx([0, 0, 3.5 / 35.8])


def hand_made(points: np.ndarray, path: Path = Path("a.mp4"), corrupt: int = -1, blurred: int = -1) -> TrackedClip:
    """One track of points [F, 15, 2]; frames `corrupt` and `blurred` are such."""
    count, points = len(points), points.astype(np.float32)
    clip = Clip(path, 320, 240, 30.0, np.arange(count) / 30, count, np.arange(count) == corrupt)
    sharp = np.where(np.arange(count) == blurred, 0.1, 1.0)
    return TrackedClip(clip, [Track("m", "#ff0000", 1, points[:, 0], points, points, np.zeros(count), None, sharp)])


def test_a_blurred_crop_is_less_sharp_in_any_light():
    with Image.open(EXAMPLES / "grace_hopper.jpg") as photo:
        face = photo.convert("L").crop((180, 120, 352, 292)).resize((96, 96))
    assert sharpness(np.asarray(face.filter(ImageFilter.BoxBlur(1)))) < 0.5 * sharpness(np.asarray(face))
    dark = np.asarray(face.point(lambda value: value * 0.5))
    assert sharpness(dark) == pytest.approx(sharpness(np.asarray(face)), rel=0.1)


@pytest.fixture(scope="module")
def fcnn():
    return CheckpointDetector.read(EXAMPLES.parent / "checkpoints" / "fcnn")


def test_a_profile_grows_and_keeps_what_was_corrected(tmp_path, fcnn, monkeypatch):
    moves = sway(12, side=120)
    path, profile = face_clip(tmp_path / "take 1.ü.mp4", moves), tmp_path / "actor"
    still = apply(np.array([[2.7, 0, 136], [0, 2.7, 80]]), FACE)  # px of the photo, roughly
    points = truth(moves, still)
    points[:, NAMES.index("mouth_left_corner"), 0] += 3 * np.arange(12)
    points[3] = np.nan
    tracked = hand_made(points, path, corrupt=4, blurred=5)
    added = add_frames(profile, [tracked], fcnn, "mouth", 4, "fkd")
    names = [picture_name(path, number) for number in (0, 6, 11)]
    assert (added.absent, added.blurred, len(added.pictures)) == (2, 1, 4) and names[2] in added.pictures
    assert sorted(path.name for path in profile.iterdir()) == sorted([*added.pictures, "points.csv"])
    marks = read_profile(profile)
    rows = REGIONS["mouth"]
    assert all(np.isnan(np.delete(face, rows, 0)).all() for face in marks.values())
    np.testing.assert_allclose(marks[names[2]][rows], points[11, rows], atol=0.002)
    frame = [frame.grey for frame in read_clip(path)][11]
    with Image.open(profile / names[2]) as picture:
        same = np.corrcoef(np.asarray(picture.convert("L")).ravel(), np.asarray(frame).ravel())[0, 1]
    assert same > 0.995

    text = (profile / "points.csv").read_text("utf-8-sig").replace(f"{marks[names[2]][rows[0], 0]:.3f}", "123.000")
    (profile / "points.csv").write_text(text)  # corrected by hand
    before = {each: (profile / each).stat().st_mtime_ns for each in added.pictures}
    add_frames(profile, [tracked], fcnn, "brows", 9, "txt")
    grown = read_profile(profile)
    assert grown[names[2]][rows[0], 0] == 123 and set(marks) <= set(grown) and points_file(profile).suffix == ".csv"
    assert all(np.isfinite(face[rows]).all() == (name in marks) for name, face in grown.items())
    assert any(np.isfinite(face[REGIONS["brows"]]).all() for face in grown.values())
    assert before == {each: (profile / each).stat().st_mtime_ns for each in added.pictures}
    seen = {picture_name(path, number): SimpleNamespace(points=face) for number, face in enumerate(points)}
    monkeypatch.setattr(frames_module, "marked_face", lambda detector, picture, marked: seen[picture.name])
    more = add_frames(profile, [tracked], fcnn, "mouth", 9, "fkd").pictures
    assert more and not {*more} & {*marks}
    other = hand_made(points, tmp_path / "b" / "TAKE 1.ü.mov")
    with pytest.raises(FkdError, match="have the same name: rename one"):
        add_frames(profile, [tracked, other], fcnn, "all", 1, "fkd")
    assert not add_frames(profile, [tracked], fcnn, "mouth", 0, "fkd").pictures and {*read_profile(profile)} == {
        *grown,
        *more,
    }
    assert not add_frames(tmp_path / "new", [tracked], fcnn, "mouth", 0, "fkd").pictures
    assert not (tmp_path / "new").exists()
    with pytest.raises(FkdError, match="shows no face"):
        add_frames(profile, [hand_made(np.full((2, 15, 2), np.nan))], fcnn, "all", 1, "fkd")


@pytest.mark.parametrize("form", FORMS)
def test_points_come_back_from_each_form(tmp_path, form):
    random = np.random.default_rng(0)
    marks = {f"a, b.{number:04}.jpg": random.uniform(-20, 2000, (15, 2)).round(3) for number in range(3)}
    marks["a, b.0001.jpg"][REGIONS["brows"]] = np.nan
    for name in marks:
        Image.new("L", (32, 32)).save(tmp_path / name)
    write_marks(tmp_path, dict(list(marks.items())[:2]), form)
    write_marks(tmp_path, {"a, b.0001.jpg": np.zeros((15, 2)), "a, b.0002.jpg": marks["a, b.0002.jpg"]}, "fkd")
    marks["a, b.0001.jpg"][REGIONS["brows"]] = 0
    read = read_profile(tmp_path)
    assert list(read) == list(marks)
    np.testing.assert_allclose([*read.values()], [*marks.values()], atol=1e-3)


def test_a_table_that_deeplabcut_writes_is_read(tmp_path):
    Image.new("L", (32, 32)).save(tmp_path / "a.0007.jpg")
    head = "scorer,,,me,me,me,me\nbodyparts,,,tail,tail,nose_tip,nose_tip\ncoords,,,x,y,x,y\n"
    (tmp_path / "CollectedData_me.csv").write_text(f"{head}labeled-data,a,a.0007.jpg,1,2,3.5,4\n")
    marks = read_profile(tmp_path)["a.0007.jpg"]
    assert marks[NAMES.index("nose_tip")].tolist() == [3.5, 4] and np.isfinite(marks).sum() == 2


POINTS = " ".join(["1 2"] * 15)
ROW = ",".join(["photo", *(f"{name}_{axis}" for name in NAMES for axis in "xy")])


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "has no points: expected a folder as `fkd frames` writes it"),
        ({"a.0001.txt": POINTS, "points.csv": ROW}, "points in points.csv and a.0001.txt: keep the corrected ones"),
        ({"a.0001.txt": "1 2\n3 4"}, "is '1 2 3 4', expected 15 points `x y`, nan nan if missing"),
        ({"a.0001.txt": "\0\xff"}, "expected 15 points"),
        ({"a.0001.txt": POINTS.replace("1 2", "nan 2")}, "only one of x and y"),
        ({"a.0001.txt": POINTS.replace("1 2", "inf 2")}, "far outside the picture"),
        (
            {"points.csv": ROW + "\nb.jpg," + POINTS.replace(" ", ",")},
            "b.jpg in points.csv is of a picture that is not",
        ),
        ({"points.csv": ROW + 2 * ("\na.0001.jpg," + POINTS.replace(" ", ","))}, "in points.csv is repeated"),
        ({"points.csv": "photo,x\na,1"}, "the header lacks"),
        ({"CollectedData_me.csv": "a,b\n1,2"}, "no rows bodyparts and coords"),
    ],
)
def test_a_defect_of_a_profile_is_named(tmp_path, files, problem):
    Image.new("L", (32, 32)).save(tmp_path / "a.0001.jpg")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(FkdError) as error:
        read_profile(tmp_path)
    assert problem in str(error.value) and "\n" not in str(error.value)


def test_a_picture_has_a_name_for_every_system():
    assert picture_name(Path("clips/GX 01.v2.mp4"), 12) == "GX 01.v2.0012.jpg"
    assert picture_name(Path('=a:"b"?*.mp4'), 123456) == "_a__b___.123456.jpg"
    assert picture_name(Path("u\u0308.mov"), 0) == "\u00fc.0000.jpg"
