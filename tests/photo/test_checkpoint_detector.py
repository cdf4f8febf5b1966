import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from conftest import THREE, TRAINING, untrained

from fkd.board.cost import cost
from fkd.data.conventions import COMPETITION, merge
from fkd.data.record import DataRecord
from fkd.learn.checkpoint import load_checkpoint, save_checkpoint
from fkd.learn.models import ModelConfig
from fkd.photo import runtime
from fkd.photo.detectors import checkpoint as checkpoint_module
from fkd.photo.detectors import exported
from fkd.photo.detectors.by_torch import NamedOutputs
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.exported import networks_folder
from fkd.photo.detectors.network import run_frames
from fkd.photo.detectors.onnx_export import export_onnx
from fkd.photo.runtime import TELEMETRY, one_thread_per_answer, streams


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
    assert ours.checkpoint.model.runtime == f"OpenVINO {expected}, {streams()} threads"
    assert reference.checkpoint.model.runtime == ""
    for count in (1, 19):  # fewer frames than go together, and more
        frames, four_point = sixty.images[-count:], sixty.four_point[-count:]
        for mirror in (False, True):
            answers = [one.on_frames(frames, four_point, mirror) for one in (ours, reference)]
            assert answers[0].shape == (count, 15, 2) and np.abs(answers[0] - answers[1]).max() < most
        mine, theirs = (run_frames(each.run, frames) for each in (ours, reference))
        assert mine.keys() == theirs.keys() and ("uncertainty" in mine) == (name == "tiny_checkpoint")
        for output, values in mine.items():
            assert np.abs(values - theirs[output]).max() < most


def test_one_session_serves_all_threads(tiny_checkpoint, sixty, monkeypatch):
    networks = []
    monkeypatch.setattr(checkpoint_module, "Network", lambda *of: networks.append(runtime.Network(*of)) or networks[-1])
    detector, answers = CheckpointDetector.read(tiny_checkpoint), {}

    def answer(number: int) -> None:
        answers[number] = [detector.on_frames(sixty.images[number : number + 9]) for _ in range(3)]

    threads = [threading.Thread(target=answer, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(networks) == 1
    alone = detector.on_frames(sixty.images[:20])
    for number in range(8):
        for points in answers[number]:
            assert np.abs(points - alone[number : number + 9]).max() < 0.05


def test_the_cost_is_that_of_the_network_itself(tiny_checkpoint):
    ours, reference = (cost([one], repeats=1) for one in (
        CheckpointDetector.read(tiny_checkpoint), by_torch(tiny_checkpoint)
    ))  # fmt: skip
    assert (ours.parameters, ours.macs) == (reference.parameters, reference.macs)
    loaded = load_checkpoint(tiny_checkpoint).model
    assert ours.parameters == sum(one.numel() for one in loaded.parameters()) and "OpenVINO" in ours.hardware


def test_a_process_that_serves_gives_one_thread_to_torch(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        one_thread_per_answer()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_nothing_is_reported_to_anybody(tiny_checkpoint):
    CheckpointDetector.read(tiny_checkpoint)
    assert sys.modules[TELEMETRY] is None


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig("resnet34", merge(COMPETITION)),
        ModelConfig("resnet18", head="regression"),
        ModelConfig("resnet18", THREE),
    ],
)
def test_every_head_can_be_exported(config, sixty, tmp_path):
    model = untrained(config).eval()
    images = torch.from_numpy(sixty.images[:3])[:, None].float() / 255
    with torch.inference_mode():
        expected = model.points(images)
    save_checkpoint(tmp_path / "net", model, TRAINING, DataRecord("drawn"))
    outputs = CheckpointDetector.read(tmp_path / "net").run(images.numpy())
    assert outputs.keys() == NamedOutputs(model).run(images.numpy()).keys()
    assert np.abs(outputs["points"] - expected.numpy()).max() < 0.5


def test_a_checkpoint_is_exported_once_and_a_changed_one_again(tmp_path, evaluated, monkeypatch):
    exports, export = [], exported._export
    monkeypatch.setattr(exported, "_export", lambda *of: exports.append(of) or export(*of))
    for _ in range(2):
        CheckpointDetector.read(evaluated, networks=tmp_path / "networks")
    assert len(exports) == 1
    shutil.copytree(evaluated, tmp_path / "net")
    save_checkpoint(tmp_path / "net", untrained(ModelConfig("fcnn"), seed=1), TRAINING, DataRecord("drawn"))
    CheckpointDetector.read(tmp_path / "net", networks=tmp_path / "networks")
    assert len(exports) == 2


def test_the_folders_own_onnx_file_is_used_only_for_its_weights(tmp_path, evaluated, monkeypatch):
    shutil.copytree(evaluated, tmp_path / "net")
    export_onnx(tmp_path / "net", tmp_path / "net" / "model.onnx")
    exports = []
    monkeypatch.setattr(exported, "_export", lambda folder, file: exports.append(export_onnx(folder, file)))
    CheckpointDetector.read(tmp_path / "net", networks=tmp_path / "networks")
    assert not exports
    save_checkpoint(tmp_path / "net", untrained(ModelConfig("fcnn"), seed=1), TRAINING, DataRecord("drawn"))
    CheckpointDetector.read(tmp_path / "net", networks=tmp_path / "networks")
    assert exports
    (tmp_path / "net" / "model.onnx").write_bytes(b"no network")
    CheckpointDetector.read(tmp_path / "net", networks=tmp_path / "networks")


def test_where_the_cache_cannot_be_written_networks_are_exported_for_this_process(tmp_path, evaluated, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FKD_CACHE", str(tmp_path / "file"))
    exported._temporary_folder.cache_clear()
    with pytest.warns(UserWarning, match="set FKD_CACHE"):
        folder = networks_folder()
    assert CheckpointDetector.read(evaluated).name == "net" and list(folder.glob("*.onnx"))


def test_a_damaged_blob_is_compiled_again(tmp_path, evaluated, sixty):
    expected = CheckpointDetector.read(evaluated, networks=tmp_path).on_frames(sixty.images)
    (blob,) = tmp_path.glob("*.blob")
    content = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(content[: len(content) // 2])
    again = CheckpointDetector.read(evaluated, networks=tmp_path)
    np.testing.assert_array_equal(again.on_frames(sixty.images), expected)


@pytest.mark.slow
def test_a_process_without_torch_reads_and_answers_and_reports_what_is_wrong(tmp_path, evaluated):
    shutil.copytree(evaluated, tmp_path / "broken")
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
    command = [sys.executable, "-c", code, evaluated, tmp_path / "broken"]
    environment = {"PYTHONPATH": str(checkpoint_module.__file__).rpartition("/fkd/")[0], "FKD_CACHE": str(tmp_path)}
    child = subprocess.run(command, capture_output=True, text=True, env=environment)
    imported, error = child.stdout.splitlines()
    assert imported == "" and error.startswith(f"FkdError {weights} is damaged")
