"""Where OpenVINO is installed, the page's process never imports torch or timm: a child reads and converts networks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES
from safetensors.numpy import load_file, save_file

from fkd.keypoints import NAMES
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.compiled import openvino_is_here
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo

pytestmark = pytest.mark.skipif(not openvino_is_here(), reason="the optional extra fkd[openvino]")
HERE = Path(__file__).parent
PHOTO = EXAMPLES / "grace_hopper.jpg"


@pytest.fixture
def broken(evaluated, tmp_path) -> Path:
    """A checkpoint whose weights have a value that is not finite."""
    shutil.copytree(evaluated, tmp_path / "broken")
    weights = tmp_path / "broken" / "model.safetensors"
    tensors = load_file(weights)
    tensors["head.bias"][0] = np.nan
    save_file(tensors, weights)
    return weights.parent


@pytest.mark.slow
def test_the_page_answers_without_torch(tiny_checkpoint, evaluated, broken, hub, tmp_path):
    files = {name: (evaluated / name).read_bytes() for name in ("config.json", "model.safetensors")}
    hub.put("bea/net", files)
    hub.put("bea/misfit", files | {"model.safetensors": (tiny_checkpoint / "model.safetensors").read_bytes()})
    command = [sys.executable, "-W", "ignore", HERE / "without_torch.py", tiny_checkpoint, broken, PHOTO, tmp_path]
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE.parent), *sys.path])
    result = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    line = next((line for line in result.stdout.splitlines() if line.startswith("FOUND ")), "")
    assert line, result.stderr[-2000:]
    found = json.loads(line.removeprefix("FOUND "))
    assert found["imported"] == []
    kind, (answer,) = found["predicted"]
    (face,) = predict(CheckpointDetector.read(tiny_checkpoint), read_photo(PHOTO))
    assert kind == "complete" and len(answer["faces"]) == 1
    points = [answer["faces"][0]["points"][name] for name in NAMES]
    assert np.abs(np.array(points) - face.points).max() < 0.2
    assert found["added"] == ["bea/net", "tiny", "bea/net"]
    with pytest.raises(ValueError, match="head.bias has values that are not finite") as here:
        CheckpointDetector.read(broken)
    assert found["broken"] == ["ValueError", str(here.value)]
    kind, sentence = found["misfit"]
    assert kind == "ValueError" and sentence.startswith("hf:bea/misfit: model.safetensors lacks body.1.bias (4 such)")
    assert found["died"] == ["ChildProcessError", "the process that has torch ended with 3: it prints why"]
    assert found["idle"], "the child ends when it has nothing to do"
