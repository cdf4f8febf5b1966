"""The benchmark wild15, built from the public downloads of 300-W and YouTube Faces.

The same downloads give the same faces: everything that is drawn by chance comes from one generator, in one order.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from fkd.data.framing import fits, frame_of, place
from fkd.data.held_out import held_out
from fkd.data.layout import lookup_lines, new_folder, test_lines, training_lines, write_csv
from fkd.data.sixty_eight import read_pts, to_15
from fkd.data.split import fingerprint
from fkd.data.table import Table
from fkd.errors import FkdError
from fkd.files import open_regular
from fkd.keypoints import FOUR_POINT, NAMES

PUBLISHED = "723f1384255e47d6"  # fingerprint of the held-out tenth that leaderboard/wild15 ranks
SEED = 20261123
TRAINING_PHOTOS = ("afw", "helen/trainset", "lfpw/trainset")
TEST_PHOTOS = ("helen/testset", "lfpw/testset")
VIDEO_FRAMES = ("training", "test")  # parts of the download; who is in the test set is drawn anew
HELD_OUT_PEOPLE = 5  # one of so many people in the videos is in the test set
INCOMPLETE, MOST_MISSING = 0.06, 4  # share of the dense training rows that lack up to so many points
MOST_BYTES = 100_000_000  # of a csv of points


@dataclass(frozen=True)
class Frame:
    """A frame uint8 [96, 96], its points [15, 2] px, whether it is labelled in the four points alone, who it shows."""

    image: np.ndarray
    points: np.ndarray
    four_point: bool
    person: str


@dataclass
class Built:
    """What `build_wild15` made: rows, the held-out tenth's fingerprint, and how many photos were left out, by why."""

    training: int = 0
    test: int = 0
    fingerprint: str = ""
    left_out: Counter[str] = field(default_factory=Counter)


def build_wild15(w300: Path, youtube: Path, out: Path) -> Built:
    """Builds wild15 in the competition's layout: training.zip, test.zip, IdLookupTable.csv, SampleSubmission.csv.

    w300: the folder with afw/, helen/ and lfpw/ as they unpack, each photo beside its 68 points in .pts. youtube: the
    folder with training/, test/ and their two csv of 68 points. The labels of the test set are not kept.
    Raises ValueError for a download that lacks a part, a csv with a defect, or a folder `out` that holds something.
    """
    _check(w300, [*TRAINING_PHOTOS, *TEST_PHOTOS])
    _check(youtube, [*VIDEO_FRAMES, *(_table(part) for part in VIDEO_FRAMES)])
    built, rng = Built(), np.random.default_rng(SEED)
    training = [frame for part in TRAINING_PHOTOS for frame in _photos(w300 / part, rng, built)]
    test = [frame for part in TEST_PHOTOS for frame in _photos(w300 / part, rng, built)]
    videos = [frame for part in VIDEO_FRAMES for frame in _videos(youtube, part, rng, built)]
    people = sorted({frame.person for frame in videos})
    rng.shuffle(people)
    held = set(people[: len(people) // HELD_OUT_PEOPLE])
    test += [frame for frame in videos if frame.person in held]
    rest = [frame for frame in videos if frame.person not in held]
    if not (training and rest and test):
        raise ValueError(f"{w300} and {youtube} hold too few faces that can be used: {dict(built.left_out)}")
    for frames in (test, training, rest):
        rng.shuffle(frames)
    with new_folder(out) as folder:
        _write(folder, training + rest, test, rng)
    built.training, built.test = len(training) + len(rest), len(test)
    built.fingerprint = fingerprint(held_out(out))
    return built


def _write(folder: Path, training: Sequence[Frame], test: Sequence[Frame], rng: np.random.Generator) -> None:
    points = np.stack([_labels(frame, rng) for frame in training])
    write_csv(folder / "training.zip", training_lines(np.stack([frame.image for frame in training]), points))
    write_csv(folder / "test.zip", test_lines(np.stack([frame.image for frame in test])))
    wanted = np.zeros((len(test), len(NAMES), 2), bool)
    for row, frame in enumerate(test):
        wanted[row, list(FOUR_POINT) if frame.four_point else slice(None)] = True
    write_csv(folder / "IdLookupTable.csv", lookup_lines(wanted))
    rows = range(1, int(wanted.sum()) + 1)
    write_csv(folder / "SampleSubmission.csv", ["RowId,Location", *(f"{row},0" for row in rows)])


def _labels(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """A training row's points [15, 2] px, NaN where it lacks one."""
    points = frame.points.copy()
    if frame.four_point:
        points[[index for index in range(len(NAMES)) if index not in FOUR_POINT]] = np.nan
    elif rng.random() < INCOMPLETE:
        points[rng.choice(len(NAMES), rng.integers(1, MOST_MISSING + 1), replace=False)] = np.nan
    return points


def _photos(folder: Path, rng: np.random.Generator, built: Built) -> Iterator[Frame]:
    """The frames of the photos in a folder, each beside a .pts of its name; what is left out is counted."""
    for path in tqdm(sorted(folder.glob("*.pts")), desc=f"{folder.parent.name}/{folder.name}", disable=None):
        photo = next((each for end in (".jpg", ".png") if (each := path.with_suffix(end)).exists()), None)
        try:
            points = read_pts(path)
        except ValueError:
            built.left_out["without 68 points"] += 1
            continue
        yield from _framed(photo, points, False, "", rng, built)


def _videos(youtube: Path, part: str, rng: np.random.Generator, built: Built) -> Iterator[Frame]:
    """The frames of one part of the videos; PERSON_12.jpg shows PERSON."""
    label = _table(part)
    with open_regular(youtube / label, MOST_BYTES) as file:
        table = Table(label, file)
        cells = table.read(table.names)
    frames = table.numbers(cells.iloc[:, 1:])
    for row, (name, points) in enumerate(zip(tqdm(cells.iloc[:, 0], desc=label, disable=None), frames, strict=True), 1):
        if not name or Path(name).name != name:
            raise table.error(cells, (row - 1) * cells.shape[1], "the name of a picture")
        if len(points) != 2 * 68 or not np.isfinite(points).all():
            raise FkdError(f"{label}: row {row} does not have 68 points, expected 136 numbers after the name")
        person = re.sub(r"_\d+\.jpg$", "", name)
        yield from _framed(youtube / part / name, points.reshape(-1, 2), True, person, rng, built)


def _framed(
    path: Path | None, points: np.ndarray, four_point: bool, person: str, rng: np.random.Generator, built: Built
) -> Iterator[Frame]:
    """The frame of one photo, none if it is left out. points: [68, 2] px of the photo."""
    try:
        photo = Image.open(path) if path else None
        if photo:
            photo.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # what Pillow raises for a damaged file
        photo = None
    if not photo:
        built.left_out["missing or not readable"] += 1
        return
    by, shown = to_15(points), to_15(points, four_point)  # both kinds are framed by the same 15 points
    placement = place(by, rng)
    if not placement or not fits(placement, by, shown):
        built.left_out["too small, turned, or not inside the frame"] += 1
        return
    yield Frame(frame_of(photo, placement), placement.apply(shown), four_point, person)


def _table(part: str) -> str:
    return f"{part}_frames_keypoints.csv"


def _check(folder: Path, parts: Sequence[str]) -> None:
    missing = [part for part in parts if not (folder / part).exists()]
    if missing:
        raise ValueError(
            f"{folder} has no {missing[0]}, expected {', '.join(parts)}: docs/benchmarks.md says from where"
        )
