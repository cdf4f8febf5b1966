"""Building wild15, from photos that are drawn here."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wild15
from drawn import draw_face
from PIL import Image
from wild15 import TYPICAL, Placement, build_wild15, fits, frame_of, place, read_pts

from fkd.board.entries import find_benchmark
from fkd.data.competition import read_lookup, read_test, read_training
from fkd.data.sixty_eight import to_15
from fkd.errors import FkdError
from fkd.keypoints import MEAN_FACE

# The 68 of 300-W at places that to_15 takes back to the 15: [68, 2] px of a frame.
FACE = np.zeros((68, 2))
FACE[[42, 45, 39, 36, 22, 26, 21, 17, 30, 54, 48, 51]] = np.array(MEAN_FACE)[2:14]
for first, centre in ((36, MEAN_FACE[1]), (42, MEAN_FACE[0])):  # of an eye's six, whose mean is its centre
    inner = [first + 1, first + 2, first + 4, first + 5]
    FACE[inner] = (6 * np.array(centre) - FACE[first] - FACE[first + 3]) / 4
FACE[33], FACE[57], FACE[62], FACE[66] = (47.5, 62), (47.5, 84), (47.5, 76), (47.5, 79.8)


def photo(rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """A drawn photo of 300 x 240 px, and the 68 points of the face in it, px."""
    points = FACE + rng.normal(0, 0.7, (68, 2))
    scale, corner = rng.uniform(0.9, 2.2), rng.integers(0, 25, 2)
    face = Image.fromarray(draw_face(to_15(points), rng))
    side = round(96 * scale)
    picture = Image.new("L", (300, 240), int(rng.integers(0, 255)))
    picture.paste(face.resize((side, side), Image.Resampling.BICUBIC), tuple(int(at) for at in corner))
    return picture.convert("RGB"), (points + 0.5) * (side / 96) - 0.5 + corner


def write_pts(path: Path, points: np.ndarray) -> None:
    lines = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in points)
    path.write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")


@pytest.fixture(scope="module")
def downloads(tmp_path_factory) -> tuple[Path, Path]:
    """Drawn replacements for the two downloads: 14 training and 6 test photos, 24 frames of 8 people."""
    root, rng = tmp_path_factory.mktemp("downloads"), np.random.default_rng(0)
    for part, count, end in (
        ("afw", 4, "jpg"), ("helen/trainset", 6, "jpg"), ("lfpw/trainset", 4, "png"),
        ("helen/testset", 3, "jpg"), ("lfpw/testset", 3, "png"),
    ):  # fmt: skip
        folder = root / "300w" / part
        folder.mkdir(parents=True)
        for number in range(count):
            picture, points = photo(rng)
            picture.save(folder / f"image_{number}.{end}")
            write_pts(folder / f"image_{number}.pts", points)
    for part, people in (("training", range(5)), ("test", range(5, 8))):
        folder = root / "youtube" / part
        folder.mkdir(parents=True)
        lines = ["," + ",".join(map(str, range(136)))]
        for person in people:
            for frame in range(3):
                picture, points = photo(rng)
                picture.save(folder / f"Person_{person}_{frame}0.jpg")
                lines.append(f"Person_{person}_{frame}0.jpg," + ",".join(f"{value:.2f}" for value in points.ravel()))
        (root / "youtube" / f"{part}_frames_keypoints.csv").write_text("\n".join(lines) + "\n")
    return root / "300w", root / "youtube"


def test_a_set_in_the_competitions_layout_comes_out_and_the_same_one_each_time(downloads, tmp_path):
    assert not build_wild15(*downloads, tmp_path / "a") and not build_wild15(*downloads, tmp_path / "b")
    names = {"training.zip", "test.zip", "IdLookupTable.csv", "SampleSubmission.csv"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    assert all(pd.read_csv(tmp_path / "a" / name).equals(pd.read_csv(tmp_path / "b" / name)) for name in names)
    training, test, lookup = read_training(tmp_path / "a"), read_test(tmp_path / "a"), read_lookup(tmp_path / "a")
    assert (len(training), len(test.images)) == (14 + 21, 6 + 3)
    assert training.four_point.tolist() == [False] * 14 + [True] * 21, "two blocks, as in the competition's file"
    wanted = lookup.groupby("ImageId").size().tolist()
    assert sorted(wanted) == [8] * 3 + [30] * 6, "one of five people is in the test set"
    labelled = training.points[np.isfinite(training.points)]
    assert labelled.min() >= 0 and labelled.max() <= 95
    assert np.abs(np.nanmean(training.points[~training.four_point], 0) - TYPICAL).max() < 5


def test_the_script_prints_whether_the_fingerprint_is_the_published_one(downloads, tmp_path, monkeypatch, capsys):
    w300, youtube = downloads
    command = ["wild15.py", "--w300", w300, "--youtube", youtube, "--out", tmp_path / "a"]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    wild15.main()
    *_, last = capsys.readouterr().out.splitlines()
    assert last.endswith("; that of the published wild15 is 723f1384255e47d6")
    assert find_benchmark(Path(__file__).parents[2] / "leaderboard", "wild15").fingerprint == wild15.PUBLISHED
    with pytest.raises(FkdError, match="already exists"):
        wild15.main()


def test_what_cannot_be_used_is_left_out_and_counted(downloads, tmp_path):
    w300, youtube = tmp_path / "300w", downloads[1]
    for path in downloads[0].rglob("*.*"):
        copy = w300 / path.relative_to(downloads[0])
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (w300 / "afw" / "image_0.jpg").write_bytes(b"not an image")
    (w300 / "afw" / "image_1.jpg").unlink()
    (w300 / "afw" / "image_2.pts").write_text("version: 1\n{\n1 2\n}\n")
    write_pts(w300 / "afw" / "image_3.pts", FACE[::-1] * 2)
    assert build_wild15(w300, youtube, tmp_path / "out") == {
        "missing or not readable": 2, "without 68 points": 1, "too small, turned, or not inside the frame": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../x.jpg" + ",1" * 136, "names '../x.jpg', expected the name of a picture"),
        ("x.jpg" + ",1" * 135 + ",nan", "expected 136 numbers after each name"),
        ("x.jpg,1", "expected 136 numbers after each name"),
    ],
)
def test_a_download_with_a_defect_is_refused_and_nothing_written(downloads, tmp_path, line, message):
    youtube = tmp_path / "youtube"
    for part in ("training", "test"):
        (youtube / part).mkdir(parents=True)
        (youtube / f"{part}_frames_keypoints.csv").write_text("," + ",".join(map(str, range(136))) + f"\n{line}\n")
    with pytest.raises(FkdError, match=message):
        build_wild15(downloads[0], youtube, tmp_path / "out")
    (youtube / "test").rmdir()
    with pytest.raises(FkdError, match="youtube has no test, expected training, test, training_frames"):
        build_wild15(downloads[0], youtube, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scale", [0.3, 0.9, 1.0, 2.5])
def test_a_frames_pixels_lie_where_its_points_do(scale):
    centre = np.array([130.3, 101.6])  # px of the photo
    y, x = np.mgrid[:240, :300]
    width = 4 / scale
    blob = 255 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * width**2))
    placement = Placement(scale, np.array([40.2, 52.7]) - scale * centre)
    frame = frame_of(Image.fromarray(blob.round().astype(np.uint8)), placement).astype(float)
    found = [(frame * grid).sum() / frame.sum() for grid in np.mgrid[:96, :96][::-1]]
    assert np.allclose(found, placement.apply(centre), atol=0.1)


def test_a_turned_or_distant_face_does_not_fit():
    points = TYPICAL * 2 + 30
    placement = place(points, np.random.default_rng(0))
    assert placement and fits(placement, points, points)
    assert not fits(Placement(3.1, np.zeros(2)), TYPICAL / 3.1, TYPICAL / 3.1), "too small a face"
    assert not fits(placement, points, points - [100, 0]), "labels outside the frame"
    turned = (points - points.mean(0)) @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + points.mean(0)
    assert not fits(place(turned, np.random.default_rng(0)), turned, points)
    assert place(points.mean(0) - points, np.random.default_rng(0)) is None, "upside down"


def test_68_points_become_15_in_both_conventions(tmp_path):
    assert np.allclose(to_15(FACE), MEAN_FACE)
    four_point = to_15(FACE, four_point=True)
    assert np.allclose(four_point[10], (47.5, 62)) and np.allclose(four_point[14], (47.5, 77.9))
    assert np.array_equal(np.delete(four_point, (10, 14), 0), np.delete(to_15(FACE), (10, 14), 0))
    write_pts(tmp_path / "a.pts", FACE)
    assert np.allclose(read_pts(tmp_path / "a.pts"), FACE, atol=1e-3)
