"""The detectors of a page."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES
from safetensors.torch import load_file, save

from fkd.errors import FkdError
from fkd.hub.reference import load
from fkd.page.answers import Options, answer_photo
from fkd.page.detectors import by_error, read_detectors


@pytest.fixture
def two(evaluated, tmp_path) -> list[str]:
    """Checkpoints `worse` and `better`, with different validation errors."""
    folders = [shutil.copytree(evaluated, tmp_path / name) for name in ("worse", "better")]
    config = json.loads((folders[0] / "config.json").read_text())
    config["training"]["validation_rmse"] += 1
    (folders[0] / "config.json").write_text(json.dumps(config))
    return [*map(str, folders)]


def test_the_most_accurate_comes_first_unless_it_learned_the_validation_faces(two):
    assert by_error(read_detectors(two)) == ["better", "worse"]
    config = Path(two[1], "config.json")
    config.write_text(config.read_text().replace('"validation_too": false', '"validation_too": true'))
    assert by_error(read_detectors(two)) == ["worse", "better"]


def test_two_detectors_need_two_names(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "other" / "worse")
    with pytest.raises(FkdError, match="two of the checkpoints have the name worse"):
        read_detectors([*two, str(tmp_path / "other" / "worse")])
    with pytest.raises(FileNotFoundError, match="is not a checkpoint folder"):
        read_detectors([str(tmp_path / "missing")])


@pytest.mark.parametrize("value", [1e4, 1e30])
def test_absurd_weights_make_a_sentence(evaluated, tmp_path, value):
    folder = shutil.copytree(evaluated, tmp_path / "far")
    weights = load_file(folder / "model.safetensors")
    weights["head.bias"][:] = value
    (folder / "model.safetensors").write_bytes(save(weights))
    with pytest.raises(FkdError, match=f"^{folder}: points is not finite, or far outside the frame$"):
        load(folder)
    detector = load(evaluated)
    detector.run = lambda images: {"points": np.full((len(images), 15, 2), value, np.float32)}
    view = answer_photo({"net": detector}, str(EXAMPLES / "grace_hopper.jpg"), Options(["net"]))
    assert view.status == "**net: points is not finite, or far outside the frame**"
    assert not view.answered.comparison.answers
