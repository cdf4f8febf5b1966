import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from conftest import EXAMPLES, THREE, TRAINING, points_of, untrained

from fkd.data.conventions import COMPETITION, merge
from fkd.data.record import DataRecord
from fkd.files import cache_folder
from fkd.learn.checkpoint import save_checkpoint
from fkd.learn.models import ModelConfig
from fkd.photo import runtime
from fkd.photo.detectors import checkpoint as checkpoint_module
from fkd.photo.detectors import onnx_export
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.network import run_frames
from fkd.photo.detectors.onnx_export import NamedOutputs, export_onnx
from fkd.photo.runtime import TELEMETRY, streams


def by_torch(folder) -> CheckpointDetector:
    return CheckpointDetector.read(folder, device="cpu:0")


@pytest.mark.parametrize("name", ["tiny_checkpoint", "evaluated"])
@pytest.mark.parametrize(("precision", "most"), [("f32", 2e-3), ("bf16", 0.5)])
def test_the_answers_are_torchs(name, precision, most, request, monkeypatch, sixty):
    folder = request.getfixturevalue(name)
    if precision == "bf16" and not runtime.has_bf16():
        pytest.skip("the processor has no bfloat16")
    monkeypatch.setattr(checkpoint_module, "has_bf16", lambda: precision == "bf16")
    ours, reference = CheckpointDetector.read(folder), by_torch(folder)
    expected = precision if name == "tiny_checkpoint" else "f32"  # a regression head's coordinates are not rounded
    assert ours.runtime == f"OpenVINO {expected}, {streams()} threads"
    assert reference.runtime == ""
    for count in (1, 19):  # fewer frames than go together, and more
        frames, four_point = sixty.images[-count:], sixty.four_point[-count:]
        for mirror in (False, True):
            answers = [one.on_frames(frames, four_point, mirror) for one in (ours, reference)]
            assert answers[0].shape == (count, 15, 2) and np.abs(answers[0] - answers[1]).max() < most
        mine, theirs = (run_frames(each.run, frames) for each in (ours, reference))
        assert mine.keys() == theirs.keys() and ("uncertainty" in mine) == (name == "tiny_checkpoint")
        for output, values in mine.items():
            assert np.abs(values - theirs[output]).max() < most


def test_one_detector_serves_all_threads(tiny_checkpoint, sixty):
    detector = CheckpointDetector.read(tiny_checkpoint)
    assert sys.modules[TELEMETRY] is None, "nothing is reported to anybody"
    parts = [sixty.images[number : number + 9] for number in range(8)]
    alone = [detector.on_frames(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        assert np.abs(np.array(list(pool.map(detector.on_frames, parts))) - alone).max() < 0.05


REGRESSION = ModelConfig("resnet18", head="regression")


@pytest.mark.parametrize(
    "config", [ModelConfig("resnet34", merge(COMPETITION)), REGRESSION, ModelConfig("resnet18", THREE)]
)
def test_every_head_can_be_exported(config, sixty, tmp_path):
    model = untrained(config).eval()
    images = torch.from_numpy(sixty.images[:3])[:, None].float() / 255
    with torch.inference_mode():
        expected = points_of(model, images)
    save_checkpoint(tmp_path / "net", model, TRAINING, DataRecord("drawn"))
    outputs = CheckpointDetector.read(tmp_path / "net").run(images.numpy())
    assert outputs.keys() == NamedOutputs(model).run(images.numpy()).keys()
    assert np.abs(outputs["points"] - expected.numpy()).max() < 0.5


def test_a_checkpoint_is_exported_once_and_a_changed_one_again(tmp_path, evaluated, monkeypatch):
    exports = []
    monkeypatch.setattr(onnx_export, "export_onnx", lambda *of: exports.append(of) or export_onnx(*of))
    monkeypatch.setenv("FKD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "net"
    shutil.copytree(evaluated, folder)

    def read() -> int:
        CheckpointDetector.read(folder)
        return len(exports)

    assert (read(), read()) == (1, 1)
    save_checkpoint(folder, untrained(ModelConfig("fcnn"), seed=1), TRAINING, DataRecord("drawn"))
    export_onnx(evaluated, folder / "model.onnx")
    assert read() == 2, "its own file is of other weights"
    save_checkpoint(folder, untrained(ModelConfig("fcnn"), seed=2), TRAINING, DataRecord("drawn"))
    export_onnx(folder, folder / "model.onnx")
    assert read() == 2, "its own file is of these weights"
    (folder / "model.onnx").write_bytes(b"no network")
    assert read() == 3


@pytest.mark.parametrize("name", ["fcnn", "mobile", "resnet18", "resnet50"])
def test_the_shipped_checkpoints_carry_their_networks(name, monkeypatch):
    monkeypatch.setattr(onnx_export, "export_onnx", lambda *of: pytest.fail("it needs torch"))
    folder = EXAMPLES.parent / "checkpoints" / name
    CheckpointDetector.read(folder)
    assert (folder / "model.onnx").stat().st_size < 200_000, "the weights are not stored twice"


def test_where_the_cache_cannot_be_written_networks_are_exported_for_this_process(tmp_path, evaluated, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FKD_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="set FKD_CACHE"):
        folder = cache_folder()
    assert CheckpointDetector.read(evaluated).name == "net" and list(folder.glob("networks/*.onnx"))


@pytest.mark.slow
def test_a_process_without_torch_reads_and_answers_and_reports_what_is_wrong(tmp_path, evaluated):
    for name in ("net", "broken"):
        shutil.copytree(evaluated, tmp_path / name)
    export_onnx(tmp_path / "net", tmp_path / "net" / "model.onnx")
    weights = tmp_path / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    code = """
import sys, numpy as np
from fkd import load, predict
detector = load(sys.argv[1])
assert detector.on_frames(np.zeros((2, 96, 96), np.uint8)).shape == (2, 15, 2)
print(*{"torch", "timm", "pandas", "onnx"} & sys.modules.keys())
try:
    load(sys.argv[2])
except ValueError as error:
    print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", code, tmp_path / "net", tmp_path / "broken"]
    environment = {"PYTHONPATH": str(checkpoint_module.__file__).rpartition("/fkd/")[0], "FKD_CACHE": str(tmp_path)}
    child = subprocess.run(command, capture_output=True, text=True, env=environment)
    imported, error = child.stdout.splitlines()
    assert imported == "" and error.startswith(f"FkdError {weights} is damaged")
