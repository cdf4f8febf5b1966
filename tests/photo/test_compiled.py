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
from fkd.photo.detectors import checkpoint as checkpoint_module
from fkd.photo.detectors import compiled as compiled_module
from fkd.photo.detectors import conversion
from fkd.photo.detectors.by_torch import TorchModel
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.compiled import TELEMETRY, one_thread_per_answer, openvino_is_here, streams, threads

pytestmark = pytest.mark.skipif(not openvino_is_here(), reason="the optional extra fkd[openvino]")


def by_torch(folder, monkeypatch) -> CheckpointDetector:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "openvino_is_here", lambda: False)
        return CheckpointDetector.read(folder)


@pytest.mark.parametrize("name", ["tiny_checkpoint", "evaluated"])
@pytest.mark.parametrize(("precision", "most"), [("f32", 2e-3), ("bf16", 0.5)])
def test_the_answers_are_torchs(name, precision, most, request, monkeypatch, sixty):
    folder = request.getfixturevalue(name)
    monkeypatch.setattr(conversion, "bf16_is_quick", lambda device: precision == "bf16")
    ours, reference = CheckpointDetector.read(folder), by_torch(folder, monkeypatch)
    expected = precision if name == "tiny_checkpoint" else "f32"  # a regression head's coordinates are not rounded
    assert ours.checkpoint.model.runtime == f"OpenVINO {expected}, {streams()} threads"
    assert reference.checkpoint.model.runtime == ""
    for count in (1, 19):  # fewer frames than go together, and more
        frames, four_point = sixty.images[-count:], sixty.four_point[-count:]
        for mirror in (False, True):
            answers = [one.on_frames(frames, four_point, mirror) for one in (ours, reference)]
            assert answers[0].shape == (count, 15, 2) and np.abs(answers[0] - answers[1]).max() < most
        mine, theirs = ours._answer(frames), reference._answer(frames)
        assert np.abs(mine.points - theirs.points).max() < most and np.abs(mine.flipped - theirs.flipped).max() < most
        assert (mine.spread is None) == (theirs.spread is None) == (name == "evaluated")
        if theirs.spread is not None:
            assert np.abs(mine.spread - theirs.spread).max() < most


def test_one_session_serves_all_threads(tiny_checkpoint, sixty, monkeypatch):
    compile_it, sessions = compiled_module.compiled, []
    monkeypatch.setattr(compiled_module, "compiled", lambda *of: sessions.append(compile_it(*of)) or sessions[-1])
    detector, answers = CheckpointDetector.read(tiny_checkpoint), {}

    def answer(number: int) -> None:
        answers[number] = [detector.on_frames(sixty.images[number : number + 9]) for _ in range(3)]

    threads = [threading.Thread(target=answer, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sessions) == 1
    alone = detector.on_frames(sixty.images[:20])
    for number in range(8):
        for points in answers[number]:
            assert np.abs(points - alone[number : number + 9]).max() < 0.05


def test_the_cost_is_that_of_the_network_itself(tiny_checkpoint, monkeypatch):
    ours, reference = (cost([one], repeats=1) for one in (
        CheckpointDetector.read(tiny_checkpoint), by_torch(tiny_checkpoint, monkeypatch)
    ))  # fmt: skip
    assert (ours.parameters, ours.macs) == (reference.parameters, reference.macs)
    loaded = load_checkpoint(tiny_checkpoint).model
    assert ours.parameters == sum(one.numel() for one in loaded.parameters()) and "OpenVINO" in ours.hardware


def test_a_process_that_serves_gives_one_thread_to_torch_and_onnx_runtime(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads() == 3
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        one_thread_per_answer()
        assert threads() == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads() == 0, "as many as there are cores"


def test_nothing_is_reported_to_anybody(tiny_checkpoint):
    CheckpointDetector.read(tiny_checkpoint)
    assert sys.modules[TELEMETRY] is None
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__.endswith("telemetry_stub")


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig("resnet34", merge(COMPETITION)),
        ModelConfig("resnet18", head="regression"),
        ModelConfig("resnet18", THREE),
    ],
)
def test_every_head_and_stem_can_be_compiled(config, sixty, tmp_path):
    model = untrained(config).eval()
    images = torch.from_numpy(sixty.images[:3])[:, None].float() / 255
    with torch.inference_mode():
        expected = model.points(images)
    save_checkpoint(tmp_path / "net", model, TRAINING, DataRecord("drawn"))
    compiled = CheckpointDetector.read(tmp_path / "net").checkpoint.model
    outputs = compiled(images.numpy())
    assert len(outputs) == len(TorchModel(model)(images.numpy()))
    assert np.abs(outputs[0][:, :15] - expected.numpy()).max() < 0.5
