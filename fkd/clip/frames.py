"""Choose the frames of a clip to mark by hand: shapes not marked yet, then those on which the detectors disagree.

A shape is a face's points after the similarity that fits all 15 best to the mean face, so that neither the place nor
the size nor the turn of the head counts; distances are px of the 96 px frame, root mean square over a region's points.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fkd.clip.profile import picture_name, pictures_in, points_file, read_profile, write_marks
from fkd.clip.tracks import Track, TrackedClip
from fkd.clip.video import read_clip
from fkd.errors import FkdError
from fkd.files import replacing
from fkd.keypoints import LEFT_EYE, MEAN_FACE, NAMES, RIGHT_EYE
from fkd.photo.detector import Detector
from fkd.photo.face import Face
from fkd.photo.finder import find_faces
from fkd.photo.reading import read_photo, to_grey

REGIONS = {
    "brows": [NAMES.index(name) for name in NAMES if "eyebrow" in name],
    "eyes": [NAMES.index(name) for name in NAMES if "_eye_" in name],
    "mouth": [NAMES.index(name) for name in NAMES if "mouth" in name],
    "all": [*range(len(NAMES))],
}
COVERING = 0.8  # of the frames are chosen for their shape alone, the others for the detectors' disagreement too
NEW = 0.2  # px: a frame nearer than this to a chosen one shows nothing new: detectors err by several times as much
BLURRED = 0.5  # of the clip's median sharpness


@dataclass(frozen=True)
class Added:
    """The pictures that were added to a profile, and how many frames were left out."""

    pictures: list[str]
    absent: int  # without the face, or damaged
    blurred: int
    radius: float  # px: the distance of the frame that is farthest from its nearest marked one


def shapes(points: np.ndarray, region: str) -> np.ndarray:
    """Return the shapes [N, K, 2] of a region, frame px, for points [N, 15, 2] px: NaN where one of the 15 is missing.

    The similarity is that of `fkd.photo.crop.align_matrix`, for all faces at once; the mean face's middle becomes 0.
    """
    start, goal = points.astype(np.float64) @ [1, 1j], np.array(MEAN_FACE) @ [1, 1j]
    start, goal = start - start.mean(1, keepdims=True), goal - goal.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = start * (start.conj() @ goal / (np.abs(start) ** 2).sum(1))[:, None]
    return np.stack([moved.real, moved.imag], -1)[:, REGIONS[region]]


def choose(faces: np.ndarray, count: int, centres: np.ndarray, doubt: np.ndarray) -> tuple[np.ndarray, float]:
    """Choose frames to mark, most needed first: int64 [up to count]; and how far the others are from them at most, px.

    Greedy k-centre (Gonzalez 1985): next comes the frame farthest from all that are marked or chosen; of the last ones
    that whose distance times doubt is greatest.

    Args:
        faces: shapes [N, K, 2], NaN where a frame cannot be chosen.
        centres: shapes [M, K, 2] that are marked already.
        doubt: [N], how much detectors disagree.
    """
    away = np.where(np.isfinite(faces).all((1, 2)), np.inf, -np.inf)

    def nearer(centre: np.ndarray) -> np.ndarray:
        return np.asarray(np.fmin(away, np.sqrt(((faces - centre) ** 2).sum((1, 2)) / faces.shape[1])))

    for centre in centres:
        away = nearer(centre)
    chosen: list[int] = []
    while len(chosen) < count and away.max() >= NEW:
        score = away * (doubt + 1e-9) if len(chosen) >= COVERING * count else away
        if np.isinf(away.max()):  # nothing is marked: the most usual shape comes first
            score = -nearer(np.nanmean(faces, 0))
        chosen.append(int(np.where(away >= NEW, score, -np.inf).argmax()))
        away = nearer(faces[chosen[-1]])
    return np.array(chosen, np.int64), float(away.max())


def disagreement(tracks: Sequence[Track]) -> np.ndarray:
    """Return how much the models' tracks of a face disagree, [F]; of a single model, its doubt. 0 where unknown.

    It is the mean distance of their points from their common mean, as a part of the eye distance.
    """
    if len(tracks) == 1:
        return np.asarray(np.nan_to_num(tracks[0].doubt, posinf=0))
    points = np.stack([track.smooth for track in tracks])  # [M, F, 15, 2]
    eyes = np.linalg.norm(points[0, :, LEFT_EYE] - points[0, :, RIGHT_EYE], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.linalg.norm(points - points.mean(0), axis=-1).mean((0, 2)) / eyes
    return np.asarray(np.nan_to_num(away, posinf=0))


def marked_face(detector: Detector, picture: Path, points: np.ndarray) -> Face | None:
    """Return a detector's answer for the face of a picture that is nearest to the points [15, 2] px; None without."""
    photo, middle = to_grey(read_photo(picture)), np.nanmean(points, 0)
    boxes = sorted(find_faces(photo), key=lambda box: float(np.linalg.norm(box.centre - middle)))
    return detector.on_photos([photo], boxes[:1])[0] if boxes else None


def add_frames(
    profile: Path, clips: Sequence[TrackedClip], detector: Detector, region: str, count: int, form: str
) -> Added:
    """Add the frames of clips that are worth marking to a profile: pictures, and the region's points to correct.

    The face is the one that is seen longest. The points are those of its first track, smoothed.

    Args:
        detector: that of the first tracks; it answers for the pictures that the profile has.
        form: of a new profile's points, one of `fkd.clip.profile.FORMS`.

    Raises:
        FkdError: If a clip has no face, two have the same name, or the profile has a defect.
    """
    named: dict[str, Path] = {}
    points, doubts, absent, blurred = [], [], 0, 0
    for each in clips:
        path = each.clip.path
        if (other := named.setdefault(picture_name(path, 0).casefold(), path)) != path:
            raise FkdError(f"{other} and {path} have the same name: rename one, since it names the pictures")
        tracks = _longest(each)
        usable = ~each.clip.corrupt & (np.isfinite(tracks[0].smooth).all((1, 2)) if tracks else False)
        if not usable.any():
            raise FkdError(f"{path.name} shows no face: expected a clip of an upright face")
        sharp = np.where(usable, 1.0 if tracks[0].sharp is None else tracks[0].sharp, 0)
        clear = sharp >= BLURRED * np.median(sharp[usable])
        points.append(np.where(clear[:, None, None], tracks[0].smooth, np.nan))
        doubts.append(disagreement(tracks))
        absent, blurred = absent + int((~usable).sum()), blurred + int((usable & ~clear).sum())
    faces = np.concatenate([shapes(each, region) for each in points])
    chosen, radius = choose(faces, count, _marked(profile, detector, region), np.concatenate(doubts))
    ends, pictures = np.cumsum([len(each) for each in points]), list[str]()
    for each, own, end in zip(clips, points, ends, strict=True):
        numbers = chosen - (end - len(own))
        pictures += _write(profile, each.clip.path, own, {*numbers.tolist()} & {*range(len(own))}, region, form)
    return Added(pictures, absent, blurred, radius)


def _longest(tracked: TrackedClip) -> list[Track]:
    """The tracks of the face that is seen in most frames, one for each model."""
    longest = max(tracked.tracks, key=lambda track: int(np.isfinite(track.points).all((1, 2)).sum()), default=None)
    return [track for track in tracked.tracks if longest and track.face == longest.face]


def _marked(profile: Path, detector: Detector, region: str) -> np.ndarray:
    """The shapes [M, K, 2] of the pictures of a profile that have points of a region."""
    marks, pictures = read_profile(profile) if points_file(profile) else {}, pictures_in(profile)
    of_region = [name for name in marks if np.isfinite(marks[name][REGIONS[region]]).any()]
    answers = [marked_face(detector, pictures[name], marks[name]) for name in of_region]
    return shapes(np.array([face.points for face in answers if face]).reshape(-1, len(NAMES), 2), region)


def _write(profile: Path, clip: Path, points: np.ndarray, numbers: set[int], region: str, form: str) -> list[str]:
    """Write frames of a clip as pictures, and their points of a region; return the pictures' names."""
    marks: dict[str, np.ndarray] = {}
    for frame in itertools.islice(read_clip(clip), max(numbers, default=-1) + 1):
        if frame.number in numbers:
            name = picture_name(clip, frame.number)
            marks[name] = np.full((len(NAMES), 2), np.nan)
            marks[name][REGIONS[region]] = points[frame.number][REGIONS[region]]
            if not (profile / name).exists():
                with replacing(profile / name) as unfinished:
                    frame.colour().save(unfinished, quality=95, subsampling=0)
    if marks:
        write_marks(profile, marks, form)
    return [*marks]
