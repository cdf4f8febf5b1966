"""Exports, read back as the programs read them: to the pixel, in its frame, and with gaps."""

import ast
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import playwright
import pytest
from clip.clips import write_clip

from fkd.clip.exports import check_export, write_export
from fkd.clip.tracks import Clip, Track, TrackedClip
from fkd.errors import FkdError
from fkd.keypoints import NAMES

WIDTH, HEIGHT, RATE = 320, 240, 30
NUMBERS = [0, 1, 2, 5, 5, 6, 7]  # of the frames at RATE, from 0: the clip skips two, and two are closer than 1 / RATE
TIMES = np.array([0, 1, 2, 5, 5.3, 6, 7]) / RATE
HOSTILE = '1"]]\n{{ 7 * 7 }}[r] \\'
FIRST, SECOND = "m" + "".join(c if c.isalnum() else "_" for c in HOSTILE), "b"  # the names of the models, made safe
Keys = dict[float, tuple[float, float] | None]  # where the point is at a frame's number or time; None: a gap starts


def tracked_clip(
    models: tuple[str, str] = (HOSTILE, "b"), movie: Path = Path(f"{HOSTILE}.mp4"), times: np.ndarray = TIMES
) -> TrackedClip:
    """Two faces, each by one model: the first is absent in the middle, the second at the start and at the end."""
    tracks = []
    for face, (model, absent) in enumerate(zip(models, ([2, 3], [0, 6]), strict=True), 1):
        smooth = 10 * face + np.arange(len(TIMES) * 30, dtype=np.float32).reshape(-1, 15, 2) / 4
        boxes = np.tile(np.float32([-0.5, 9.5, 99.5, 59.5]), (len(TIMES), 1))
        smooth[absent] = boxes[absent] = np.nan
        tracks.append(Track(model, "#ff0000", face, boxes, smooth + 1, smooth, np.zeros(7, np.float32)))
    clip = Clip(movie, WIDTH, HEIGHT, RATE, times, len(TIMES), np.zeros(len(TIMES), bool))
    return TrackedClip(clip, tracks)


def truth(tracked: TrackedClip, places: list[float]) -> dict[str, Keys]:
    """The tracks at these numbers or times of the frames, px counted from pixels' centres."""
    tracks: dict[str, Keys] = {}
    for model, track in zip((FIRST, SECOND), tracked.tracks, strict=True):
        for i, name in enumerate(NAMES):
            keys: Keys = {}
            for place in sorted(set(places)):
                x, y = track.smooth[places.index(place), i].tolist()
                point = (x, y) if x == x else None
                if point or not keys or list(keys.values())[-1]:
                    keys[place] = point
            tracks[f"{model}_{track.face}_{name}"] = keys
    return tracks


def merged(points: dict[float, tuple[float, float]], switches: dict[float, float]) -> Keys:
    assert {place for place, on in switches.items() if on} <= points.keys()
    return dict(sorted((points | {place: None for place, on in switches.items() if not on}).items()))


def read_nuke(text: str) -> dict[str, Keys]:
    tracks = {}
    for on, name, x, y in re.findall(r'\{ \{curve K(.*?)\} "(\w+)"\n \{curve(.*?)\}\n \{curve(.*?)\}\n', text):
        keys = [{int(f) - 1: float(v) for f, v in re.findall(r"x(\d+) (\S+)", curve)} for curve in (x, y, on)]
        points = {f: (keys[0][f] - 0.5, HEIGHT - 0.5 - keys[1][f]) for f in keys[0]}  # from the bottom left corner
        tracks[name] = merged(points, keys[2])
        assert {int(f) - 1 for f in re.findall(r"K x(\d+)", x)} == before_gaps(tracks[name])
    assert f"{{ 1 31 {len(tracks)} }}" in text and text.count("{") == text.count("}")
    return tracks


def read_maya(text: str) -> dict[str, Keys]:
    curves = {}
    for name, first, keys in re.findall(r'createNode animCurve\w+ -n "(\w+)";(.*?)"\n(.*?)\n\t;', text, re.S):
        curves[name] = {int(line.split()[0]) - 1: float(line.split()[1]) for line in keys.splitlines()}
        assert f"-s {len(curves[name])} " in first
    tracks = {}
    for name in re.findall(r'createNode locator .* -p "(\w+)"', text):
        x, y = curves[f"{name}_translateX"], curves[f"{name}_translateY"]
        points = {f: (x[f] * 100 + WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5 - y[f] * 100) for f in x}
        tracks[name] = merged(points, curves[f"{name}_visibility"])
        held = re.findall(rf'"{name}_translateX.kot\[(\d+)\]" 5', text)
        assert {list(x)[int(i)] for i in held} == before_gaps(tracks[name])
        assert f'connectAttr "{name}_translateX.o" "{name}.tx"' in text
    return tracks


def read_keyframes(text: str) -> dict[str, Keys]:
    tracks = {}
    for block in text.split("End of Keyframe Data\n\n")[:-1]:
        name, _, program, _, *_ = block.splitlines()
        assert program == "Adobe After Effects 8.0 Keyframe Data" and "\tUnits Per Second\t30\n" in block
        position, opacity = block.split("Transform\t")[1:]
        rows = re.findall(r"^\t(\d+)\t(\S+)\t(\S+)\t0\t$", position, re.M)
        points = {int(f): (float(x) - 0.5, float(y) - 0.5) for f, x, y in rows}
        shown = [(int(f), int(v)) for f, v in re.findall(r"^\t(\d+)\t(\d+)\t$", opacity, re.M)]
        # It is linear between keys: a change takes one frame.
        assert all(b - a == 1 for (a, v), (b, w) in pairwise(shown) if v != w) and shown == sorted(shown)
        gaps = {f: 0 for (_, before), (f, value) in pairwise([(-1, 100), *shown]) if before and not value}
        tracks[name] = merged(points, gaps)
    return tracks


def read_script(text: str) -> dict[str, Keys]:
    model = """  // of After Effects
    const KeyframeInterpolationType = { HOLD: "hold", LINEAR: "linear" }, layers = [], CompItem = class {};
    class Property {
        held = [];
        setValuesAtTimes(times, values) { Object.assign(this, { times, values }); }
        setInterpolationTypeAtKey(key, before, after) { if (after === "hold") this.held.push(this.times[key - 1]); }
    }
    function addNull() {
        const values = { Position: new Property(), Opacity: new Property() };
        return layers[layers.push({ values, property: () => ({ property: (name) => values[name] }) }) - 1];
    }
    const activeItem = Object.assign(new CompItem(), { width: 320, height: 240, layers: { addNull } });
    const app = { project: { activeItem }, beginUndoGroup() {}, endUndoGroup() {} };
    """
    node = shutil.which("node") or Path(playwright.__file__).parent / "driver" / "node"
    script, tracks = f"{model}\n{text}\nconsole.log(JSON.stringify(layers));", {}
    for layer in json.loads(subprocess.check_output([node, "-"], input=script, text=True)):
        position, opacity = layer["values"]["Position"], layer["values"]["Opacity"]
        points = {t: (x - 0.5, y - 0.5) for t, (x, y) in zip(position["times"], position["values"], strict=True)}
        tracks[layer["name"]] = merged(points, dict(zip(opacity["times"], opacity["values"], strict=True)))
        assert set(position["held"]) == before_gaps(tracks[layer["name"]]) and opacity["held"] == opacity["times"]
    return tracks


def before_gaps(track: Keys) -> set[float]:
    return {place for place, following in pairwise(track) if track[following] is None}


@pytest.mark.parametrize(
    ("ending", "read"), [(".nk", read_nuke), (".ma", read_maya), (".txt", read_keyframes), (".jsx", read_script)]
)
def test_a_program_gets_each_point_to_the_pixel_and_each_gap(ending, read, tmp_path):
    tracked = tracked_clip()
    write_export(tmp_path / f"tracks{ending}", tracked)
    tracks = read((tmp_path / f"tracks{ending}").read_text())
    expected = truth(tracked, [round(t, 6) for t in TIMES.tolist()] if ending == ".jsx" else NUMBERS)
    assert tracks.keys() == expected.keys()
    for name, keys in tracks.items():
        assert keys.keys() == expected[name].keys()
        for place, point in keys.items():
            assert point == pytest.approx(expected[name][place], abs=0.0015)


def test_maya_counts_frames_at_the_nearest_rate_that_it_knows(tmp_path):
    clip = dataclasses.replace(tracked_clip().clip, rate=17.4)  # the mean of a phone's clip
    write_export(tmp_path / "tracks.ma", dataclasses.replace(tracked_clip(), clip=clip))
    text = (tmp_path / "tracks.ma").read_text()
    assert "-t game;" in text and list(read_maya(text)["b_2_nose_tip"]) == [0, 1, 2, 3, 4], "15 a second"


def test_deeplabcut_reads_points_and_gaps(tmp_path):
    tracked = tracked_clip()
    write_export(tmp_path / "tracks.dlc.csv", tracked)
    table = pd.read_csv(tmp_path / "tracks.dlc.csv", header=[0, 1, 2, 3], index_col=0)
    assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
    face = table.sort_index(axis=1)[FIRST, "face1"][list(NAMES)]
    np.testing.assert_allclose(face.xs("x", axis=1, level=1), tracked.tracks[0].smooth[..., 0])
    assert face["nose_tip", "likelihood"].tolist() == [1, 1, 0, 0, 1, 1, 1]
    write_export(tmp_path / "tracks.dlc.csv", dataclasses.replace(tracked, tracks=tracked.tracks[1:]))
    single = pd.read_csv(tmp_path / "tracks.dlc.csv", header=[0, 1, 2], index_col=0)
    assert single.columns.names == ["scorer", "bodyparts", "coords"] and single.shape == (len(TIMES), 45)


def test_coco_has_an_annotation_where_a_face_is_seen(tmp_path):
    tracked = tracked_clip()
    write_export(tmp_path / "tracks.coco.json", tracked)
    value = json.loads((tmp_path / "tracks.coco.json").read_text())
    assert [(c["name"], tuple(c["keypoints"])) for c in value["categories"]] == [(HOSTILE, NAMES), ("b", NAMES)]
    assert len(value["images"]) == 7 and value["images"][3]["file_name"].endswith(".0003.jpg")
    first = [each for each in value["annotations"] if each["category_id"] == 1]
    assert [each["image_id"] for each in first] == [0, 1, 4, 5, 6]
    keypoints = np.reshape(first[2]["keypoints"], (15, 3))
    np.testing.assert_allclose(keypoints, np.column_stack([tracked.tracks[0].smooth[4], np.full(15, 2)]))
    assert first[2]["bbox"] == [0, 10, 100, 50], "from the corner of the frame"


def test_names_of_models_and_files_are_no_code(tmp_path):
    for ending in (".py", ".jsx", ".txt", ".nk", ".ma"):
        write_export(tmp_path / f"hostile{ending}", tracked_clip())
        write_export(tmp_path / f"plain{ending}", tracked_clip((FIRST, SECOND), Path("plain.mp4")))
        hostile, plain = ((tmp_path / f"{name}{ending}").read_text() for name in ("hostile", "plain"))
        if ending == ".py":
            movies = [node.value for node in ast.parse(hostile).body if getattr(node, "targets", None)]
            assert ast.literal_eval(movies[0]) == f"{HOSTILE}.mp4"
            hostile = re.sub("^MOVIE = .*$", 'MOVIE = "plain.mp4"', hostile, flags=re.M)
        assert hostile == plain
    write_export(tmp_path / "tracks.nk", tracked_clip(("a/b", "a b")))
    assert {"a_b_1_nose_tip", "a_b__2_nose_tip"} <= read_nuke((tmp_path / "tracks.nk").read_text()).keys()


def test_another_ending_names_those_that_there_are(tmp_path):
    with pytest.raises(FkdError, match=r"^tracks.fbx is not an export: .*\.py, \.jsx, .*\.dlc\.csv, \.coco\.json"):
        check_export(tmp_path / "tracks.fbx")
    (tmp_path / "tracks.PY").write_text("before")
    with pytest.raises(TypeError):
        write_export(tmp_path / "tracks.PY", dataclasses.replace(tracked_clip(), tracks=None))  # type: ignore[arg-type]
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


BLENDER = """
import bpy, json, runpy, sys

runpy.run_path(sys.argv[1])
(clip,) = bpy.data.movieclips
value = {"fps": clip.fps, "size": list(clip.size)}
for track in clip.tracking.tracks:
    value[track.name] = [(each.frame, *each.co, each.mute) for each in track.markers]
for number in range(1, clip.frame_duration + 2):
    bpy.context.scene.frame_set(number)
    for empty in bpy.data.collections["fkd"].objects:
        value.setdefault(f"empty {empty.name}", []).append((*empty.location, empty.hide_viewport))
print("VALUE" + json.dumps(value))
"""


@pytest.mark.slow
@pytest.mark.parametrize("rotation", [0, 90])
def test_blender_shows_the_tracks_and_empties_over_the_clip(rotation, tmp_path):
    """Blender's own module reads a clip of a variable rate, stored upright or turned, and the script."""
    python = os.environ.get("BPY_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import bpy"], capture_output=True).returncode:
        pytest.skip("needs `pip install bpy` in this Python 3.11, or in that of BPY_PYTHON")
    picture = np.zeros((HEIGHT, WIDTH, 3) if rotation == 0 else (WIDTH, HEIGHT, 3), np.uint8)
    times = np.array([0, 1, 2, 5, 6.4, 7.4, 9]) / RATE
    movie = write_clip(tmp_path / "it's a clip.mp4", [picture] * 7, times=times, rotation=rotation)
    write_export(tmp_path / "tracks.py", tracked := tracked_clip(movie=movie, times=times))
    done = subprocess.run([python, "-c", BLENDER, tmp_path / "tracks.py"], capture_output=True, text=True)
    assert "VALUE" in done.stdout, done.stderr
    value = json.loads(done.stdout.partition("VALUE")[2].splitlines()[0])
    assert value["size"] == [WIDTH, HEIGHT], "upright"
    numbers = [1 + round(time * value["fps"]) for time in times.tolist()]  # Blender takes this clip for 60 a second
    for name, keys in truth(tracked, numbers).items():
        markers = {frame: (x * WIDTH - 0.5, (1 - y) * HEIGHT - 0.5, mute) for frame, x, y, mute in value[name]}
        assert markers.keys() == keys.keys()
        for number, point in keys.items():
            x, y, mute = markers[number]
            assert mute == (point is None) and (mute or (x, y) == pytest.approx(point, abs=0.01))
            x, _, z, hidden = value[f"empty {name}"][number - 1]
            pixel = (x * 100 + WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5 - z * 100)
            assert hidden == mute and (hidden or pixel == pytest.approx(point, abs=0.01))
