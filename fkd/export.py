"""Points to and from files that other programs read: csv in the competition's columns, .pts of 300-W, JSON.

Points are in pixels of the upright photo, (0, 0) the centre of its top-left pixel. A .pts file counts from (1, 1),
as its inventors' Matlab does.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fkd.keypoints import COLUMNS, NAMES

# The 15 points among the 68 of 300-W (Sagonas et al. 2013), counted from 0; an eye's centre is the mean of its six.
OF_68 = {
    "left_eye_center": [42, 43, 44, 45, 46, 47],
    "right_eye_center": [36, 37, 38, 39, 40, 41],
    "left_eye_inner_corner": [42],
    "left_eye_outer_corner": [45],
    "right_eye_inner_corner": [39],
    "right_eye_outer_corner": [36],
    "left_eyebrow_inner_end": [22],
    "left_eyebrow_outer_end": [26],
    "right_eyebrow_inner_end": [21],
    "right_eyebrow_outer_end": [17],
    "nose_tip": [30],
    "mouth_left_corner": [54],
    "mouth_right_corner": [48],
    "mouth_center_top_lip": [51],
    "mouth_center_bottom_lip": [57],
}


def to_table(rows: Sequence[tuple[str, int, str, np.ndarray]]) -> pd.DataFrame:
    """(photo, face from 1, model, points [15, 2] px) each -> a table: those three, then the competition's columns.

    >>> to_table([("me.jpg", 1, "resnet18", face.points)]).to_csv("points.csv", index=False)
    """
    values = [[photo, face, model, *np.round(points, 2).reshape(-1)] for photo, face, model, points in rows]
    return pd.DataFrame(values, columns=["photo", "face", "model", *COLUMNS])


def to_pts(points: np.ndarray) -> str:
    """Points [K, 2] px -> the text of a .pts file; a missing point is nan."""
    lines = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in np.asarray(points, np.float64))
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n"


def read_points(path: Path | str) -> list[np.ndarray]:
    """Reads each face's points in a .pts (15 or 68 points), .csv or .json file: float32 [15, 2] px, NaN if missing.

    A csv has the competition's columns, in any order and beside others; a JSON is what `fkd predict` writes, or one
    face's {"points": {name: [x, y]}}. 68 points become 15 as `OF_68` says.
    Raises ValueError, with what was expected, for anything else.
    """
    path = Path(path)
    reader = {".pts": _read_pts, ".csv": _read_csv, ".json": _read_json}.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path.name} is no .pts, .csv or .json file: save the true points as one of these")
    try:
        faces = reader(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is no text: expected {path.suffix} with points") from None
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    if not any(np.isfinite(face).all(1).any() for face in faces):
        raise ValueError(f"{path.name} holds no point")
    return [face.astype(np.float32) for face in faces]


def _read_pts(text: str) -> list[np.ndarray]:
    head, opened, rest = text.partition("{")
    body, closed, _ = rest.partition("}")
    words = body.split()
    if not opened or not closed or len(words) % 2:
        raise ValueError("expected `version: 1`, `n_points: 68` and one `x y` a line between { and }")
    try:
        points = np.array(words, np.float64).reshape(-1, 2) - 1
    except ValueError:
        raise ValueError("expected numbers between { and }, one `x y` a line") from None
    if len(points) == 68:
        points = np.stack([points[OF_68[name]].mean(0) for name in NAMES])
    if len(points) != len(NAMES):
        raise ValueError(f"it has {len(points)} points, expected {len(NAMES)} or the 68 of 300-W")
    return [points]


def _read_csv(text: str) -> list[np.ndarray]:
    try:
        table = pd.read_csv(io.StringIO(text))
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"not readable as csv ({error})") from None
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise ValueError(f"it lacks {len(missing)} of the competition's columns, {missing[0]} for one")
    try:
        points = table[list(COLUMNS)].to_numpy(np.float64)
    except ValueError as error:
        raise ValueError(f"expected numbers or empty cells ({error})") from None
    return list(points.reshape(-1, len(NAMES), 2))


def _read_json(text: str) -> list[np.ndarray]:
    value = json.loads(text)
    photos = value if isinstance(value, list) else [value]
    found = []
    for photo in photos:
        faces = photo.get("faces", [photo]) if isinstance(photo, dict) else [photo]
        for face in faces:
            points = face.get("points") if isinstance(face, dict) else None
            if not isinstance(points, dict) or not set(points) <= set(NAMES):
                raise ValueError('expected {"points": {name: [x, y], ...}} with the names of the 15 points')
            try:
                found.append(np.array([points.get(name) or (np.nan, np.nan) for name in NAMES], np.float64))
            except (TypeError, ValueError):
                raise ValueError("expected two numbers for each point") from None
            if found[-1].shape != (len(NAMES), 2):
                raise ValueError("expected two numbers for each point")
    return found
