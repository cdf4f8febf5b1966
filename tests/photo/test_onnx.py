"""A checkpoint as an ONNX file, compared with the checkpoint."""

import json

import numpy as np
import onnx
import pytest
from commands import fails
from conftest import EXAMPLES, THREE, TRAINING, contents, untrained
from onnx_files import constant, model
from PIL import Image

from fkd.data.record import DataRecord
from fkd.keypoints import MEAN_FACE
from fkd.learn.checkpoint import save_checkpoint
from fkd.learn.config import ModelConfig
from fkd.photo.detectors import onnx_export
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.onnx import read_onnx
from fkd.photo.predict import predict

SHIPPED = EXAMPLES.parent / "checkpoints"
GRACE = Image.open(EXAMPLES / "grace_hopper.jpg")


def by_torch(folder, owner="") -> CheckpointDetector:
    return CheckpointDetector.read(folder, owner=owner, device="cpu:0")


@pytest.fixture(scope="module")
def resnet():
    return by_torch(SHIPPED / "resnet18", "ada")


@pytest.fixture(scope="module")
def exported(resnet, tmp_path_factory):
    """resnet18 as an ONNX file."""
    path = tmp_path_factory.mktemp("onnx") / "resnet18.onnx"
    onnx_export.export_onnx(resnet.folder, path, owner=resnet.owner)
    return path


def test_an_export_answers_as_its_checkpoint_does(resnet, exported, sixty):
    detector = read_onnx(exported)
    for options in ((None, False), (sixty.four_point[:40], True)):
        ours, theirs = (each.on_frames(sixty.images[:40], *options) for each in (resnet, detector))
        np.testing.assert_allclose(theirs, ours, atol=1e-3)
    assert (detector.validation_rmse, detector.owner) == (resnet.validation_rmse, "ada")
    (ours,), (theirs,) = predict(resnet, GRACE), predict(detector, GRACE)
    assert np.abs(ours.points - theirs.points).max() < 0.01
    assert np.abs(ours.spread - theirs.spread).max() < 0.01 and abs(ours.doubt - theirs.doubt) < 1e-3


@pytest.mark.slow
def test_opencv_answers_as_the_checkpoint_does(tmp_path, sixty):
    cv2 = pytest.importorskip("cv2")
    save_checkpoint(tmp_path / "three", untrained(ModelConfig("resnet10t", THREE)), TRAINING, DataRecord("drawn"))
    for folder in (SHIPPED / "fcnn", SHIPPED / "resnet18", tmp_path / "three"):
        onnx_export.export_onnx(folder, tmp_path / "net.onnx")
        network, checkpoint = cv2.dnn.readNetFromONNX(str(tmp_path / "net.onnx")), by_torch(folder)
        for frame in sixty.images[:3]:
            image = np.float32(frame[None, None] / 255)
            network.setInput(image)
            names, expected = network.getUnconnectedOutLayersNames(), checkpoint.run(image)
            assert set(names) == set(expected)
            for name, found in zip(names, network.forward(names), strict=True):
                np.testing.assert_allclose(found, expected[name], atol=0.01)


def test_a_file_states_whose_it_is_and_of_which_weights(resnet, exported):
    metadata = {entry.key: entry.value for entry in onnx.load(exported).metadata_props}
    stated = json.loads(metadata["fkd"])
    assert stated["checkpoint"] == resnet.sha256 and stated["network"] == "resnet18"
    assert metadata["licence"] == resnet.data.terms and metadata["owner"] == "ada"
    assert metadata["keypoints"].split(",")[:2] == ["left_eye_center", "right_eye_center"]
    assert b"/learn/models.py" not in exported.read_bytes(), "it tells nobody where fkd is installed"


def test_an_export_that_answers_otherwise_is_not_kept(tmp_path, evaluated, monkeypatch):
    (tmp_path / "net.onnx").write_text("the old one")
    answer = onnx_export.Network.__call__
    shifted = lambda network, images: {name: value + 0.002 for name, value in answer(network, images).items()}  # noqa: E731
    monkeypatch.setattr(onnx_export.Network, "__call__", shifted)
    said = fails("export", evaluated, "--out", tmp_path / "net.onnx", "--overwrite")
    assert "net.onnx was not written: its answers differ from torch's by up to 0.002 px" in said
    assert contents(tmp_path) == {"net.onnx": b"the old one"}


def test_a_file_of_keras_takes_channels_last_and_states_the_units_of_its_answers(tmp_path):
    nodes = [
        ("Slice", ["images", "start", "end", "axes"], ["corner"], {}),  # the pixel at row 2, column 5
        ("Reshape", ["corner", "shape"], ["light"], {}),
        ("Mul", ["light", "half"], ["added"], {}),
        ("Add", ["added", "face"], ["points"], {}),
    ]
    numbers = {"start": [2, 5, 0], "end": [3, 6, 1], "axes": [1, 2, 3], "shape": [-1, 1, 1]}
    face = np.array([MEAN_FACE], np.float32)
    weights = [constant("half", 0.5), constant("face", face / 48 - 1)]
    weights += [constant(name, value, np.int64) for name, value in numbers.items()]
    made = model(nodes, weights, takes=["N", 96, 96, 1], scale="48", offset="48")
    (tmp_path / "keras.onnx").write_bytes(made.SerializeToString())
    frames = np.zeros((2, 96, 96), np.uint8)
    frames[1, 2, 5] = 255
    points = read_onnx(tmp_path / "keras.onnx").on_frames(frames)
    np.testing.assert_allclose(points, [face[0], face[0] + 24], atol=1e-3)


def test_files_of_others_have_thirty_numbers_or_one_face_at_a_time(tmp_path):
    zero = ("ReduceMean", ["images"], ["zero"], {"axes": [1, 2, 3], "keepdims": 0})
    add, face = ("Add", ["zero", "face"], ["points"], {}), np.full((1, 15, 2), 40)
    flat = model(
        [zero, ("Unsqueeze", ["zero", "axis"], ["each"], {}), ("Add", ["each", "face"], ["points"], {})],
        [constant("axis", [1], np.int64), constant("face", np.full((1, 30), 40))],
        gives=["N", 30],
    )
    one = model([zero, add], [constant("face", face)], takes=[1, 1, 96, 96], gives=[1, 15, 2])
    for name, made in (("flat", flat), ("one", one)):
        (tmp_path / f"{name}.onnx").write_bytes(made.SerializeToString())
        detector = read_onnx(tmp_path / f"{name}.onnx")
        assert detector.name == name and detector.on_frames(np.zeros((3, 96, 96), np.uint8)).shape == (3, 15, 2)
