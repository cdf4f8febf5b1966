import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_faces
from drawn import draw_face
from PIL import Image

from fkd.cli.commands import main
from fkd.clip import adapt as adapt_module
from fkd.clip import frames as frames_module
from fkd.clip.adapt import adapt
from fkd.clip.profile import write_marks
from fkd.data.split import Split
from fkd.errors import FkdError
from fkd.keypoints import MEAN_FACE, NAMES
from fkd.learn.config import ModelConfig, TrainConfig
from fkd.learn.record import read_config
from fkd.learn.train import train
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.finder import whole_photo

OFFSET = np.zeros((15, 2))  # the actor's brows are marked higher than usual, and the corners of his mouth further out
OFFSET[[index for index, name in enumerate(NAMES) if "brow" in name], 1] = -4
OFFSET[[NAMES.index("mouth_left_corner"), NAMES.index("mouth_right_corner")], 0] = [4, -4]


@pytest.fixture(autouse=True)
def cartoons(monkeypatch):
    """YuNet sees no face in a cartoon, so each picture is one; a small network learns in fewer, larger steps."""
    monkeypatch.setattr(frames_module, "find_faces", whole_photo)
    monkeypatch.setattr(adapt_module, "FACES", 128)
    monkeypatch.setattr(adapt_module, "LR", 2e-3)


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> Path:
    """A checkpoint that knows drawn faces."""
    out, rows = tmp_path_factory.mktemp("checkpoints") / "usual", np.arange(120)
    config = TrainConfig(epochs=12, lr=3e-3, precision="fp32")
    split = Split(rows[:100], rows[100:110], rows[110:])
    train(
        ModelConfig("test_resnet", head="small-heatmap"),
        config,
        draw_faces(120, four_point_share=0),
        split,
        out,
        "drawn",
        "mine",
    )
    return out


def actor(folder: Path, count: int = 25) -> dict[str, np.ndarray]:
    """Pictures of a drawn actor with long features, who moves; the true places of his features, by picture."""
    random, truth = np.random.default_rng(3), {}
    folder.mkdir()
    for number in range(count):
        points = np.array(MEAN_FACE) * [0.9, 1.05] + [4, -3] + random.normal(0, 1.5, (15, 2))
        truth[f"rom.{number:04}.jpg"] = points
        Image.fromarray(draw_face(points, random)).resize((288, 288)).save(folder / f"rom.{number:04}.jpg")
    return {name: 3 * points + 1 for name, points in truth.items()}


@pytest.mark.slow
def test_an_adapted_checkpoint_follows_the_actors_marks(tmp_path, usual):
    truth = actor(tmp_path / "actor")
    write_marks(tmp_path / "actor", {name: points + 3 * OFFSET for name, points in truth.items()}, "fkd")
    out = tmp_path / "adapted"
    done = adapt(tmp_path / "actor", usual, out)
    assert done.kept and (done.frames, done.held_back) == (25, 5) and done.after < 0.7 * done.before
    config = read_config(out / "config.json")
    assert config.data.name == "actor" and config.data.terms == "mine" and config.training.source.startswith("usual ")
    assert dataclasses.astuple(config.data.faces) == (15, 5, 5) and config.training.validation_rmse == done.after
    assert {path.name for path in out.iterdir()} == {"config.json", "model.safetensors", "history.csv"}
    assert CheckpointDetector.read(out).name == "adapted"
    with pytest.raises(FkdError, match="already exists"):
        adapt(tmp_path / "actor", usual, out)


@pytest.mark.slow
def test_marks_that_teach_nothing_leave_no_checkpoint(tmp_path, usual, monkeypatch, capsys):
    """Marks where the checkpoint sees the points anyway, but for a shaky hand."""
    profile, detector = tmp_path / "actor", CheckpointDetector.read(usual)
    truth, random = actor(profile), np.random.default_rng(0)
    answers = {name: frames_module.marked_face(detector, profile / name, truth[name]).points for name in truth}
    write_marks(profile, {name: points + random.normal(0, 3, (15, 2)) for name, points in answers.items()}, "txt")
    command = ["fkd", "adapt", str(profile), "--checkpoint", str(usual), "--out", str(tmp_path / "adapted")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1 and not (tmp_path / "adapted").exists()
    assert "not better for certain, so nothing is written" in capsys.readouterr().err


def test_few_frames_say_too_little(tmp_path, tiny_checkpoint):
    write_marks(tmp_path / "actor", actor(tmp_path / "actor", 14), "fkd")
    with pytest.raises(FkdError, match="actor has 14 pictures with a face and points, expected 15 or more"):
        adapt(tmp_path / "actor", tiny_checkpoint, tmp_path / "adapted")
