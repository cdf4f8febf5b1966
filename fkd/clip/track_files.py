"""Tracks as tables: JSON, csv and Parquet, one line for each frame, face and model; coordinates are px of the frame."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from fkd.clip.tracks import Track, TrackedClip
from fkd.keypoints import COLUMNS, NAMES
from fkd.photo.point_files import BOX, SPREAD, Row, write_rows

SMOOTH = tuple(f"{column}_smooth" for column in COLUMNS)
TABLE = ("clip", "frame", "time", "face", "model", *BOX, *COLUMNS, *SMOOTH, *SPREAD, "doubt")


def write_tracks(path: Path, clips: Iterable[TrackedClip]) -> None:
    """Write tracks to a .json, .csv or .parquet file, whole or not at all. Raises FkdError for another ending."""
    write_rows(path, (row for tracked in clips for row in _rows(tracked)), TABLE, lambda rows: map(_line, rows))


def _rows(tracked: TrackedClip) -> Iterator[Row]:
    """A row for each frame, face and model, frame by frame; one without a face for a frame that shows none."""
    seen = [np.isfinite(track.points).all((1, 2)) for track in tracked.tracks]
    for frame, time in enumerate(tracked.clip.times.tolist()):
        start = {"clip": str(tracked.clip.path), "frame": frame, "time": round(time, 6)}
        rows = [_answer(track, frame) for track, here in zip(tracked.tracks, seen, strict=True) if here[frame]]
        for row in rows or [{"points": {}}]:
            yield start | row


def _answer(track: Track, frame: int) -> Row:
    """A model's answer for a face in a frame, rounded to 0.001 px: smoothed points move by less than 0.01."""
    row: Row = {"face": track.face, "model": track.model, "box": track.boxes[frame].astype(float).round(3).tolist()}
    for kind, values in (("points", track.points), ("smooth", track.smooth), ("spread", track.spread)):
        if values is not None:
            row[kind] = dict(zip(NAMES, values[frame].astype(float).round(3).tolist(), strict=True))
    return row | ({"doubt": round(float(track.doubt[frame]), 3)} if np.isfinite(track.doubt[frame]) else {})


def _line(row: Row) -> Row:
    """A row as the cells of TABLE that it has."""
    line: Row = {name: row[name] for name in ("clip", "frame", "time", "face", "model", "doubt") if name in row}
    line |= zip(BOX, row.get("box", ()), strict=False)
    for kind, end in (("points", ""), ("smooth", "_smooth")):
        for name, (x, y) in row.get(kind, {}).items():
            line[f"{name}_x{end}"], line[f"{name}_y{end}"] = x, y
    return line | {f"{name}_spread": value for name, value in row.get("spread", {}).items()}
