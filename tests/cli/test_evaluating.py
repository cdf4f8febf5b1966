"""fkd evaluate and its files: which card and entry it replaces, and which it leaves alone."""

import errno
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from commands import fails, run
from conftest import TRAINING, contents, draw_faces, untrained, write_competition

from fkd.data.record import DataRecord
from fkd.learn.checkpoint import load_checkpoint, save_checkpoint
from fkd.learn.models import ModelConfig


def entries() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path("leaderboard").glob("*/*.json"))}


@pytest.fixture
def net(tmp_path, monkeypatch) -> Path:
    """A checkpoint in ./checkpoints, evaluated on no data yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fkd.board.measuring.robustness", lambda *given: {})  # takes half a minute
    save_checkpoint("checkpoints/net", untrained(ModelConfig("fcnn")), TRAINING, DataRecord("drawn"))
    return Path("checkpoints/net")


def other_weights(folder: Path, copy: Path) -> Path:
    checkpoint = load_checkpoint(folder)
    checkpoint.model.label_offset += 1
    save_checkpoint(copy, checkpoint.model, checkpoint.training, checkpoint.data)
    return copy


def test_a_card_and_an_entry_are_replaced_only_by_their_own(net, competition, tmp_path):
    said = run("evaluate", net, "--data", competition)
    assert "RMSE" in said and "NME" in said and "failures" in said and "the mean face" in said
    assert "leaderboard/drawn/net.json: written" in said and "evaluation.json and README.md: written" in said
    before = (contents(net), entries())
    said = run("evaluate", net, "--data", competition, "--leaderboard", "other")
    assert "next: `fkd leaderboard --leaderboard other` shows the ranking" in said
    shutil.rmtree("other")
    same_faces = shutil.copytree(competition, tmp_path / "moved")
    assert "net on drawn: RMSE" in run("evaluate", net, "--data", same_faces)
    assert "net: reproduced" in run("leaderboard", "check", "--data", same_faces)
    assert entries().keys() == before[1].keys(), "the ranking is that of the faces, whatever their folder is called"
    before = (contents(net), entries())

    other = write_competition(tmp_path / "others", draw_faces(60, seed=5), draw_faces(12, seed=1))
    run("evaluate", net, "--data", other)
    assert json.loads((net / "evaluation.json").read_text())["benchmark"] == "others"

    namesake = other_weights(net, tmp_path / "b" / "net")
    message = "net.json already exists and is of other weights or faces: choose another --name, or add --overwrite"
    before_namesake = entries()
    assert message in fails("evaluate", namesake, "--data", competition)
    assert message in fails("evaluate", net, "--data", competition, "--mirror", "--name", "net")
    assert entries() == before_namesake
    run("evaluate", namesake, "--data", competition, "--overwrite")
    assert (
        "is not in the folder of checkpoints, so it cannot be measured again"
        in run("leaderboard").partition("others")[0]
    )


def read_only(make: Any, *args: Any, **options: Any) -> Any:
    """Make a temporary file or folder, except beside a checkpoint."""
    if Path(options["dir"]).name in ("net", "mine"):
        raise PermissionError(errno.EACCES, "Permission denied", str(options["dir"]))
    return make(*args, **options)


def test_a_checkpoint_that_cannot_be_written_gets_no_entry_without_its_card(net, competition, monkeypatch):
    run("evaluate", net, "--data", competition)
    mine = other_weights(net, net.with_name("mine"))
    for name in ("TemporaryFile", "TemporaryDirectory"):  # the tests may run as root, which writes everywhere
        monkeypatch.setattr(tempfile, name, functools.partial(read_only, getattr(tempfile, name)))
    before = entries()
    said = "mine/evaluation.json cannot be written (Permission denied): make it writable, or choose another place"
    assert said in fails("evaluate", mine, "--data", competition)
    assert entries() == before and not (mine / "evaluation.json").exists()
