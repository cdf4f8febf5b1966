"""The engine's pure steps, run by node: the pixels of Pillow, and the numbers of `fkd.photo`."""

import base64
import gzip
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import playwright
import pytest
import vendor
from PIL import Image

from fkd.keypoints import MEAN_FACE
from fkd.page.engine import write_engine, write_model
from fkd.photo import finder
from fkd.photo.crop import align_matrix, apply, crop, frame_matrix, invert
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.network import OUTPUTS
from fkd.photo.runtime import Network

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A function that calls the engine's steps: a list of [name, value, ...] -> their results."""
    folder = tmp_path_factory.mktemp("engine")
    write_engine(folder, [])
    (folder / "package.json").write_text('{"type": "module"}')
    node = shutil.which("node") or Path(playwright.__file__).parent / "driver" / "node"
    script = Path(__file__).with_name("engine.mjs")

    def call(calls: list[list]) -> list:
        done = subprocess.run([node, script, folder], input=json.dumps(calls), capture_output=True, text=True)
        assert not done.returncode, done.stderr
        return json.loads(done.stdout)

    return call


def grey(photo: Image.Image) -> dict:
    return {"width": photo.width, "height": photo.height, "pixels": base64.b64encode(photo.tobytes()).decode()}


def pixels(value: dict | str, size: tuple[int, int] = (96, 96)) -> np.ndarray:
    data, shape = (value, size) if isinstance(value, str) else (value["data"], (value["height"], value["width"]))
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(shape)


@pytest.mark.parametrize("light", [1, 0.3])
def test_pixels_are_those_of_pillow(engine, light):
    photo = Image.open(EXAMPLES / "grace_hopper.jpg").convert("L").point(lambda value: value * light)
    boxes = [
        ((100.2, 50.1, 301, 250.7), 0), ((-300, -200, 900, 1000), 30), ((10, 10, 60, 60), -90.0),
        ((412, 510, 712, 750), 12),
    ]  # fmt: skip
    calls = [
        ["shrunk", grey(photo), 77],
        ["lit", grey(photo)],
        *(["turned", grey(photo), turns] for turns in (1, 2, 3)),
    ]
    calls += [["resize", grey(photo), size, "bilinear"] for size in ((320, 200), (611, 640))]
    expected = [finder._shrunk(photo, 77), finder._lit(photo), *(np.rot90(photo, turns) for turns in (1, 2, 3))]
    expected += [photo.resize(size, Image.Resampling.BILINEAR) for size in ((320, 200), (611, 640))]
    for call, ours, theirs in zip(calls, expected, engine(calls), strict=True):
        off = np.abs(np.asarray(ours, int) - pixels(theirs))
        assert not off.any(), call[0]
    matrices = [frame_matrix(*box) for box in boxes]
    crops = engine([["crop", grey(photo), matrix.ravel().tolist()] for matrix in matrices])
    for matrix, theirs in zip(matrices, crops, strict=True):
        off = np.abs(crop(photo, matrix).astype(int) - pixels(theirs))
        assert off.max() <= 1 and off.mean() < 0.002  # Pillow's floats have 32 bits


def test_matrices_and_yunets_answers_are_those_of_python(engine):
    rng = np.random.default_rng(0)
    points = np.array(MEAN_FACE) * 2.5 + rng.normal(0, 3, (15, 2))
    aligned = align_matrix(points, MEAN_FACE)
    x, y = apply(invert(aligned), [47.5, 47.5])
    half = 48 / np.sqrt(np.linalg.det(aligned[:, :2]))
    yunet = rng.normal(0, 40, (7, 5, 2)) + 200
    calls = [
        ["alignMatrix", points.tolist(), MEAN_FACE], ["invert", aligned.ravel().tolist()],
        ["boxOf", invert(aligned).ravel().tolist()],
        *(["frameMatrix", (1, 2, 33, 34.5), turn] for turn in (0, 30, 270)),
    ]  # fmt: skip
    expected = [
        aligned,
        invert(aligned),
        np.array([x - half, y - half, x + half, y + half]),
    ]
    expected += [frame_matrix((1, 2, 33, 34.5), turn) for turn in (0, 30, 270)]
    for call, ours, theirs in zip(calls, expected, engine(calls), strict=True):
        assert np.allclose(ours.ravel(), theirs, atol=1e-9), call[0]
    faces = engine([["frameOf", 0.5, face.tolist()] for face in yunet])
    for ours, theirs in zip(finder._boxes(np.full(7, 0.5), yunet), faces, strict=True):
        assert np.allclose(ours.box, theirs["box"]) and (ours.turn, ours.score) == (theirs["turn"], theirs["score"])
    scores, offsets = np.zeros((1, 1, 3, 4)), rng.normal(0, 1, (1, 10, 3, 4))
    scores[0, 0, 1, 2] = 0.9
    ((found,),) = engine(
        [["decode", 16, {"dims": scores.shape, "data": scores.ravel().tolist()}, offsets.ravel().tolist()]]
    )
    assert np.allclose(found["points"], 16 * (offsets[0, :, 1, 2].reshape(5, 2) + [2, 1]))


def test_a_models_file_holds_its_weights_and_gives_its_answers(evaluated, tmp_path):
    listed = write_model(CheckpointDetector.read(evaluated), tmp_path)
    content = (tmp_path / listed["file"]).read_bytes()
    assert listed["bytes"] == len(content) and listed["name"] == "net" and listed["file"].startswith("net-")
    model = onnx.load_from_string(gzip.decompress(content))
    assert not [each for each in model.graph.initializer if each.external_data]
    images = np.random.default_rng(0).random((2, 1, 96, 96), np.float32)
    ours, theirs = CheckpointDetector.read(evaluated).run(images), Network(gzip.decompress(content), OUTPUTS)(images)
    assert np.allclose(ours["points"], theirs["points"], atol=1e-3)


def test_only_the_package_with_the_pinned_hash_is_vendored(tmp_path):
    with pytest.raises(ValueError, match="sha512 differs"):
        vendor.vendor(b"another package", tmp_path)
    assert not list(tmp_path.iterdir())
