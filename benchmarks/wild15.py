"""Build the benchmark wild15 from the public downloads of 300-W and YouTube Faces, for research use only.

    python benchmarks/wild15.py --w300 300w --youtube youtube --out wild15      docs/benchmarks.md says from where

The same downloads give the same faces: one generator with a fixed seed draws everything, in one order.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from fkd.data.competition import read_test, read_training
from fkd.data.sixty_eight import to_15
from fkd.data.split import fingerprint, split_data
from fkd.errors import FkdError
from fkd.files import replacing
from fkd.keypoints import COLUMNS, FOUR_POINT, FRAME_SIZE, NAMES

SEED = 20261123
PUBLISHED = "723f1384255e47d6"  # the fingerprint in leaderboard/wild15/benchmark.json
TRAINING_PHOTOS = ("afw", "helen/trainset", "lfpw/trainset")
TEST_PHOTOS = ("helen/testset", "lfpw/testset")
VIDEO_FRAMES = ("training", "test")  # parts of the download; the people of the test set are drawn again
HELD_OUT_PEOPLE = 5  # one in five people of the videos is in the test set
INCOMPLETE, MAX_MISSING = 0.06, 4  # share of the dense training rows that lack 1 to 4 points

# The mean of each point over the competition's densely labelled rows, px; a published summary, not its labels.
TYPICAL = np.array(
    [
        (66.12, 36.91), (29.66, 37.10), (59.16, 37.94), (73.33, 37.71), (36.65, 37.99), (22.38, 38.03), (56.07, 29.33),
        (79.48, 29.73), (39.32, 29.50), (15.87, 30.43), (47.92, 57.43), (63.29, 75.97), (32.90, 76.18), (47.98, 72.92),
        (48.04, 82.44),
    ]
)  # fmt: skip
SCALE_SPREAD, SHIFT_SPREAD = 0.05, 1.8  # standard deviations: of the scale's logarithm, and px
MAX_TURNED = 7.5  # px, mean distance to TYPICAL along an axis: a face turned or tilted further is left out
MAX_SCALE = 3.0  # frame px per photo px: a smaller face, below 32 px, shows too little
BORDER = 64  # photo px added on each side, so that a frame may reach beyond the photo
OVERSAMPLED = 4  # a frame that shrinks the photo is drawn 4 times larger, and averaged


@dataclass(frozen=True)
class Frame:
    """A frame uint8 [96, 96] with its points [15, 2] px; those of videos show a person, and are four-point rows."""

    image: np.ndarray
    points: np.ndarray
    four_point: bool
    person: str


def build_wild15(w300: Path, youtube: Path, out: Path) -> Counter[str]:
    """Build wild15 in the competition's layout: training.zip, test.zip, IdLookupTable.csv, SampleSubmission.csv.

    w300: the folder with afw/, helen/ and lfpw/ as unpacked, each photo with its 68 points in .pts. youtube: the
    folder with training/, test/ and their two csv of 68 points. The labels of the test set are not kept. Returns how
    many photos were left out, by reason.
    Raises FkdError for a download that lacks a part, a csv with a defect, or a folder `out` that is not empty.
    """
    _check(w300, [*TRAINING_PHOTOS, *TEST_PHOTOS])
    _check(youtube, [*VIDEO_FRAMES, *(_table(part) for part in VIDEO_FRAMES)])
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FkdError(f"{out} already exists and is not empty: choose another folder")
    left_out, rng = Counter[str](), np.random.default_rng(SEED)
    training = [frame for part in TRAINING_PHOTOS for frame in _photos(w300 / part, rng, left_out)]
    test = [frame for part in TEST_PHOTOS for frame in _photos(w300 / part, rng, left_out)]
    videos = [frame for part in VIDEO_FRAMES for frame in _videos(youtube, part, rng, left_out)]
    people = sorted({frame.person for frame in videos})
    rng.shuffle(people)
    held = set(people[: len(people) // HELD_OUT_PEOPLE])
    test += [frame for frame in videos if frame.person in held]
    rest = [frame for frame in videos if frame.person not in held]
    if not (training and rest and test):
        raise FkdError(f"{w300} and {youtube} hold too few faces that can be used: {dict(left_out)}")
    for frames in (test, training, rest):
        rng.shuffle(frames)
    with replacing(out) as folder:
        folder.mkdir()
        _write(folder, training + rest, test, rng)
    return left_out


def table_of_images(images: np.ndarray) -> pd.DataFrame:
    """A test.csv: images uint8 [N, 96, 96], with the ImageIds 1 to N."""
    pixels = [" ".join(map(str, image.ravel().tolist())) for image in images]
    return pd.DataFrame({"ImageId": range(1, len(images) + 1), "Image": pixels})


def lookup_table(wanted: np.ndarray) -> pd.DataFrame:
    """An IdLookupTable.csv that requests the coordinates `wanted`, bool [N, 15, 2]."""
    image, column = np.nonzero(wanted.reshape(len(wanted), -1))
    names = np.array(COLUMNS)[column]
    return pd.DataFrame({"RowId": range(1, len(image) + 1), "ImageId": image + 1, "FeatureName": names, "Location": ""})


def _write(folder: Path, training: Sequence[Frame], test: Sequence[Frame], rng: np.random.Generator) -> None:
    points = np.stack([_labels(frame, rng) for frame in training]).reshape(len(training), -1)
    labels = pd.DataFrame(points, columns=list(COLUMNS))
    images = table_of_images(np.stack([frame.image for frame in training]))["Image"]
    _write_zip(folder / "training.zip", labels.assign(Image=images))
    _write_zip(folder / "test.zip", table_of_images(np.stack([frame.image for frame in test])))
    wanted = np.zeros((len(test), len(NAMES), 2), bool)
    for row, frame in enumerate(test):
        wanted[row, list(FOUR_POINT) if frame.four_point else slice(None)] = True
    lookup = lookup_table(wanted)
    lookup.to_csv(folder / "IdLookupTable.csv", index=False)
    lookup[["RowId", "Location"]].assign(Location=0).to_csv(folder / "SampleSubmission.csv", index=False)


def _write_zip(path: Path, table: pd.DataFrame) -> None:
    """Packs a csv as the competition packs its files."""
    compression = {"method": "zip", "archive_name": f"{path.stem}.csv"}
    table.to_csv(path, index=False, float_format="%.4f", compression=compression)


def _labels(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """A training row's points [15, 2] px, NaN where it lacks one."""
    points = frame.points.copy()
    if frame.four_point:
        points[[index for index in range(len(NAMES)) if index not in FOUR_POINT]] = np.nan
    elif rng.random() < INCOMPLETE:
        points[rng.choice(len(NAMES), rng.integers(1, MAX_MISSING + 1), replace=False)] = np.nan
    return points


def _photos(folder: Path, rng: np.random.Generator, left_out: Counter[str]) -> Iterator[Frame]:
    """Yield the frames of the photos with a .pts of the same name."""
    for path in tqdm(sorted(folder.glob("*.pts")), desc=f"{folder.parent.name}/{folder.name}", disable=None):
        photo = next((each for end in (".jpg", ".png") if (each := path.with_suffix(end)).exists()), path)
        try:
            points = read_pts(path)
        except ValueError:
            left_out["without 68 points"] += 1
            continue
        yield from _framed(photo, points, "", rng, left_out)


def _videos(youtube: Path, part: str, rng: np.random.Generator, left_out: Counter[str]) -> Iterator[Frame]:
    """Yield the frames of one part of the videos; PERSON_12.jpg shows PERSON."""
    label = _table(part)
    table = pd.read_csv(youtube / label, index_col=0)
    values = table.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    if values.shape[1] != 2 * 68 or not np.isfinite(values).all():
        raise FkdError(f"{label}: expected 136 numbers after each name")
    for name, row in zip(tqdm(table.index, desc=label, disable=None), values, strict=True):
        if Path(name).name != name:
            raise FkdError(f"{label} names {name!r}, expected the name of a picture")
        yield from _framed(youtube / part / name, row.reshape(-1, 2), re.sub(r"_\d+\.jpg$", "", name), rng, left_out)


def _framed(
    path: Path, points: np.ndarray, person: str, rng: np.random.Generator, left_out: Counter[str]
) -> Iterator[Frame]:
    """Yield the frame of one photo, or nothing if it is left out. points: [68, 2] px of the photo."""
    try:
        photo = Image.open(path).convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # Pillow's errors for a damaged file
        left_out["missing or not readable"] += 1
        return
    four_point = bool(person)
    by, shown = to_15(points), to_15(points, four_point)  # both kinds are framed by the same 15 points
    placement = place(by, rng)
    if not placement or not fits(placement, by, shown):
        left_out["too small, turned, or not inside the frame"] += 1
        return
    yield Frame(frame_of(photo, placement), placement.apply(shown), four_point, person)


def read_pts(path: Path) -> np.ndarray:
    """Read the 68 points of a .pts file as px [68, 2]; the file counts from 1. Raises ValueError for any other."""
    words = path.read_text(errors="replace").partition("{")[2].partition("}")[0].split()
    return np.array(words, float).reshape(68, 2) - 1


def _table(part: str) -> str:
    return f"{part}_frames_keypoints.csv"


def _check(folder: Path, parts: Sequence[str]) -> None:
    missing = [part for part in parts if not (folder / part).exists()]
    if missing:
        raise FkdError(f"{folder} has no {missing[0]}, expected {', '.join(parts)}: docs/benchmarks.md says from where")


@dataclass(frozen=True)
class Placement:
    """A face's place in the frame: frame px = scale * photo px + shift."""

    scale: float
    shift: np.ndarray

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points [N, 2] px of the photo -> px of the frame."""
        placed: np.ndarray = self.scale * points + self.shift
        return placed


def place(points: np.ndarray, rng: np.random.Generator) -> Placement | None:
    """Places a face by its points [15, 2] px, without turning it, with the competition's spread.

    None for points that no scale brings near TYPICAL; nothing is then drawn from `rng`.
    """
    face, typical = points - points.mean(0), TYPICAL - TYPICAL.mean(0)
    likeness = (face * typical).sum()
    if likeness <= 0:
        return None
    scale = (typical * typical).sum() / max(likeness, 1e-6)
    scale *= np.exp(rng.normal(0, SCALE_SPREAD))
    shift = TYPICAL.mean(0) + rng.normal(0, SHIFT_SPREAD, 2) - scale * points.mean(0)
    return Placement(scale, shift)


def fits(placement: Placement, points: np.ndarray, shown: np.ndarray) -> bool:
    """Whether a placed face is inside the frame, upright and large enough.

    points: [15, 2] px of the photo, by which it was placed. shown: [15, 2] px of the photo, its labels.
    """
    placed = placement.apply(shown)
    turned = np.abs(placement.scale * (points - points.mean(0)) - (TYPICAL - TYPICAL.mean(0))).mean()
    inside = placed.min() >= 0 and placed.max() <= FRAME_SIZE - 1
    return bool(inside and turned <= MAX_TURNED and placement.scale <= MAX_SCALE)


def frame_of(photo: Image.Image, placement: Placement) -> np.ndarray:
    """The frame's pixels, uint8 [96, 96]: bicubic, averaged over each pixel's area where the photo shrinks."""
    scale, factor = placement.scale, OVERSAMPLED if placement.scale < 1 else 1
    bordered = Image.fromarray(np.pad(np.asarray(photo), BORDER, mode="edge"))
    step = 1 / (scale * factor)
    start = (-placement.shift + (0.5 / factor - 0.5)) / scale + BORDER
    start = start + 0.5 - 0.5 * step  # Pillow counts from a pixel's corner, in both pictures
    size = (FRAME_SIZE * factor, FRAME_SIZE * factor)
    matrix = (step, 0, start[0], 0, step, start[1])
    frame = bordered.transform(size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BICUBIC)
    if factor > 1:
        frame = frame.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.BOX)
    return np.asarray(frame, np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--w300", type=Path, required=True, help="300-W, unpacked: afw, helen, lfpw with their .pts")
    parser.add_argument("--youtube", type=Path, required=True, help="YouTube Faces frames with their two csv")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    args = parser.parse_args()
    left_out = build_wild15(args.w300, args.youtube, args.out)
    print(
        f"{args.out}: {len(read_training(args.out)):,} training rows, {len(read_test(args.out).images):,} test images"
    )
    for reason, count in left_out.items():
        print(f"{count:,} photos left out: {reason}")
    faces, split = split_data(args.out)
    print(f"fingerprint {fingerprint(faces[split.test])}; that of the published wild15 is {PUBLISHED}")


if __name__ == "__main__":
    main()
