"""Tracks for other programs: Blender, After Effects, Nuke, Maya, DeepLabCut and COCO. The smoothed points are written.

fkd counts pixels by their centres: (0, 0) is the centre of the top-left pixel. Blender, After Effects, Nuke and Maya
count from the corner of the frame, where the same point is (0.5, 0.5); DeepLabCut and COCO count as fkd does.
A gap stays a gap: a track is muted, disabled or hidden in it.
"""

import csv
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader

from fkd.clip.profile import picture_name
from fkd.clip.tracks import Track, TrackedClip
from fkd.errors import FkdError
from fkd.files import one_line, replacing
from fkd.keypoints import EDGES, NAMES

HALF_PIXEL = 0.5
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), trim_blocks=True, keep_trailing_newline=True
)
# Maya knows these frame rates only, by these names.
MAYA_RATES = {
    "12fps": 12, "game": 15, "23.976fps": 24000 / 1001, "film": 24, "pal": 25, "29.97fps": 30000 / 1001, "ntsc": 30,
    "show": 48, "palf": 50, "59.94fps": 60000 / 1001, "ntscf": 60, "100fps": 100, "120fps": 120, "240fps": 240,
}  # fmt: skip
SKELETON = [[NAMES.index(start) + 1, NAMES.index(end) + 1] for start, end in EDGES]  # COCO counts from 1


@dataclass(frozen=True, slots=True)
class Key:
    """Where a point is in a frame, or that a gap starts there."""

    frame: int  # from 0
    time: float  # s
    xy: tuple[float, ...]  # px from the frame's top-left corner, y down; () where a gap starts
    hold: bool  # it is the last one before a gap


@dataclass(frozen=True)
class Curve:
    """One keypoint of one face by one model."""

    name: str  # letters, digits and _, unique in a file
    keys: list[Key]

    @property
    def points(self) -> list[Key]:
        """The keys that have a point."""
        return [key for key in self.keys if key.xy]

    @property
    def switches(self) -> list[Key]:
        """The keys at which the point appears, or a gap starts."""
        return self.keys[:1] + [key for before, key in itertools.pairwise(self.keys) if bool(before.xy) != bool(key.xy)]

    @property
    def rows(self) -> list[list[float]]:
        """(time, x, y) of each key, (time) where a gap starts."""
        return [[key.time, *key.xy] for key in self.keys]


def write_export(path: Path | str, tracked: TrackedClip) -> None:
    """Write the tracks in the format of the path's ending, whole or not at all. Raises as `check_export`."""
    write = check_export(path)
    with replacing(path) as unfinished:
        write(tracked, unfinished)


def check_export(path: Path | str) -> Callable[[TrackedClip, Path], None]:
    """Return the function that writes a file with this ending. Raises FkdError if there is none."""
    for ending, write in WRITERS.items():
        if Path(path).name.lower().endswith(ending):
            return write
    raise FkdError(f"{one_line(Path(path).name)} is not an export: name it with one of {', '.join(WRITERS)} at its end")


def curves(tracked: TrackedClip, rate: float | None = None) -> Iterator[Curve]:
    """Yield the curves of all points that are seen at least once: all at once would fill memory.

    rate: frames a second; a frame's number is then its time x rate, and of frames with the same number the first is
    taken. None: all frames, as they are numbered in the clip.
    """
    times = tracked.clip.times
    numbers, chosen = np.unique(np.rint(times * rate) if rate else np.arange(len(times)), return_index=True)
    for model, track in _safely_named(tracked.tracks):
        points = track.smooth[chosen].astype(float) + HALF_PIXEL
        seen = np.asarray(np.isfinite(points).all(axis=-1))
        hold = seen & ~np.vstack([seen[1:], seen[-1:]])
        start = ~seen & np.vstack([np.ones_like(seen[:1]), seen[:-1]])
        for i, name in enumerate(NAMES):
            keys = [
                Key(int(numbers[f]), round(float(times[chosen[f]]), 6), xy, bool(hold[f, i]))
                for f in np.flatnonzero(seen[:, i] | start[:, i])
                for xy in [tuple(points[f, i].round(3).tolist()) if seen[f, i] else ()]
            ]
            if seen[:, i].any():
                yield Curve(f"{model}_{track.face}_{name}", keys)


def _safely_named(tracks: list[Track]) -> Iterator[tuple[str, Track]]:
    """Each track after its model's name in letters, digits and _: as it is, a name could be a piece of a script."""
    names: dict[str, str] = {}
    for track in tracks:
        safe = re.sub("[^A-Za-z0-9_]", "_", track.model)[:24]
        safe = safe if safe[:1].isalpha() else f"m{safe}"  # Maya
        while track.model not in names and safe in names.values():
            safe += "_"
        yield names.setdefault(track.model, safe), track


def _write_script(template: str, timed: bool, tracked: TrackedClip, path: Path) -> None:
    clip, unit, rate = tracked.clip, "", tracked.clip.rate
    if template.startswith("maya"):
        unit, rate = min(MAYA_RATES.items(), key=lambda each: abs(np.log(each[1] / clip.rate)))
    all_curves = partial(curves, tracked, None if timed else rate)
    stream = TEMPLATES.get_template(template).stream(
        curves=all_curves(), count=lambda: sum(1 for _ in all_curves()), width=clip.width, height=clip.height,
        rate=rate, unit=unit, movie=str(clip.path.absolute() if clip.path.exists() else clip.path),
    )  # fmt: skip
    stream.enable_buffering(1000)
    stream.dump(str(path), encoding="utf-8")


def _write_deeplabcut(tracked: TrackedClip, path: Path) -> None:
    """Write the layout of DeepLabCut's results. A likelihood is 1 where there is a point and 0 in a gap."""
    columns = [
        (model, f"face{track.face}", name, axis)
        for model, track in _safely_named(tracked.tracks)
        for name in NAMES
        for axis in ("x", "y", "likelihood")
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        for level, title in enumerate(("scorer", "individuals", "bodyparts", "coords")):
            if title != "individuals" or len({column[1] for column in columns}) > 1:  # without it for one face
                table.writerow([title, *(column[level] for column in columns)])
        for frame in range(len(tracked.clip.times)):
            points = np.concatenate([track.smooth[frame].astype(float) for track in tracked.tracks] or [[]])
            cells = [[x, y, 1] if x == x and y == y else ["", "", 0] for x, y in points.round(3).tolist()]
            table.writerow([frame, *(cell for three in cells for cell in three)])


def _write_coco(tracked: TrackedClip, path: Path) -> None:
    """Write an image for each frame, a category for each model, and an annotation for each face in a frame."""
    clip = tracked.clip
    size = {"width": clip.width, "height": clip.height}
    models = list(dict.fromkeys(track.model for track in tracked.tracks))
    value = {
        "images": [{"id": i, "file_name": picture_name(clip.path, i)} | size for i in range(len(clip.times))],
        "categories": [
            {"id": i, "name": model, "supercategory": "face", "keypoints": NAMES, "skeleton": SKELETON}
            for i, model in enumerate(models, 1)
        ],
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{json.dumps(value)[:-1]}, "annotations": [')
        number = 0
        for track, frame in itertools.product(tracked.tracks, range(len(clip.times))):
            points = track.smooth[frame].astype(float).round(3).tolist()
            keypoints = [[x, y, 2] if x == x and y == y else [0, 0, 0] for x, y in points]
            if any(visible for _, _, visible in keypoints):
                number += 1
                x0, y0, x1, y1 = (track.boxes[frame].astype(float) + HALF_PIXEL).round(3).tolist()  # boxes have edges
                annotation = {
                    "id": number, "image_id": frame, "category_id": models.index(track.model) + 1,
                    "track_id": track.face, "iscrowd": 0, "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0), "num_keypoints": sum(v > 0 for _, _, v in keypoints),
                    "keypoints": [value for keypoint in keypoints for value in keypoint],
                }  # fmt: skip
                file.write(f"{',' if number > 1 else ''}\n{json.dumps(annotation, allow_nan=False)}")
        file.write("]}\n")


WRITERS: dict[str, Callable[[TrackedClip, Path], None]] = {
    ".py": partial(_write_script, "blender.py.jinja", True),
    ".jsx": partial(_write_script, "aftereffects.jsx.jinja", True),
    ".txt": partial(_write_script, "aftereffects.txt.jinja", False),
    ".nk": partial(_write_script, "nuke.nk.jinja", False),
    ".ma": partial(_write_script, "maya.ma.jinja", False),
    ".dlc.csv": _write_deeplabcut,
    ".coco.json": _write_coco,
}
