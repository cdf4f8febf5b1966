"""kind:FILE wherever a checkpoint is expected."""

import json

import numpy as np
import pytest
from commands import fails, run
from conftest import EXAMPLES, draw_faces, write_competition

from app import build_app
from fkd.hub.reference import load, load_trained
from fkd.keypoints import MEAN_FACE

pytest.importorskip("onnx", reason="needs fkd[onnx]")

from onnx_files import mean_face


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "checkpoints" / "mean.onnx"
    path.parent.mkdir()
    path.write_bytes(mean_face(name="mean face", owner="ada", licence="MIT").SerializeToString())
    return path


def test_a_reference_to_a_file_names_its_kind(file):
    detector = load(f"onnx:{file}")
    assert (detector.name, detector.owner, detector.licence, detector.folder) == ("mean face", "ada", "MIT", None)
    assert load(f"onnx:{file}", "other").name == "other"
    white = np.full((40, 96, 96), 255, np.uint8)
    np.testing.assert_allclose(detector.on_frames(white), [np.array(MEAN_FACE) + [1, 0]] * 40, atol=1e-4)
    with pytest.raises(ValueError, match="none.onnx does not exist"):
        load("onnx:none.onnx")
    with pytest.raises(FileNotFoundError, match="expected a checkpoint folder"):
        load_trained(f"onnx:{file}")


def test_a_folder_may_be_called_like_a_kind(evaluated, tmp_path, monkeypatch):
    (tmp_path / "onnx").symlink_to(evaluated)
    monkeypatch.chdir(tmp_path)
    assert load("onnx").name == evaluated.name


def test_predict_and_submit_take_a_file(file, tmp_path):
    run("predict", EXAMPLES / "grace_hopper.jpg", "--checkpoint", f"onnx:{file}", "--json", tmp_path / "points.json")
    (photo,) = json.loads((tmp_path / "points.json").read_text())
    assert len(photo["faces"]) == 1 and "spread" not in photo["faces"][0]
    data = write_competition(tmp_path / "drawn", draw_faces(4), draw_faces(3, seed=1))
    run("submit", "--checkpoint", f"onnx:{file}", "--data", data, "--out", tmp_path / "submission.csv")
    assert len((tmp_path / "submission.csv").read_text().splitlines()) > 20


def test_the_page_shows_the_files_of_its_folder_and_those_named(file, tmp_path):
    pages = [
        build_app(file.parent, tmp_path),
        build_app(tmp_path / "none", tmp_path, [f"onnx:{file}"], votes=tmp_path / "votes.json"),
    ]
    for page in pages:
        assert '"mean face"' in json.dumps(page.get_config_file(), default=str)
    (file.parent / "broken.onnx").write_bytes(b"not one")
    with pytest.raises(ValueError, match="broken.onnx is not an ONNX file"):
        build_app(file.parent, tmp_path)
    assert "broken.onnx is not an ONNX file" in fails("app", f"onnx:{file.parent / 'broken.onnx'}")
