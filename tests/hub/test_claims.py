"""Claims from the Hub: listed, checked, kept, and never ranked before they are measured."""

import dataclasses

import pytest
from commands import run
from hub_server import Fault

from fkd.board.entries import read_benchmarks, read_entries, read_synced, write_entry
from fkd.board.ranking import RankingRow
from fkd.board.ranking import ranking as rank
from fkd.board.record import read_evaluation
from fkd.errors import FkdError
from fkd.hub import claims
from fkd.hub.card import model_card
from fkd.hub.claims import sync
from fkd.learn.checkpoint import load_checkpoint
from fkd.photo.detectors.checkpoint import CheckpointDetector


@pytest.fixture
def board(tmp_path, evaluated):
    """A leaderboard with one entry, of the evaluated checkpoint."""
    root = tmp_path / "leaderboard"
    write_entry(root, read_evaluation(evaluated / "evaluation.json"), "drawn faces")
    return root


@pytest.fixture
def card(evaluated):
    """Makes a card that claims other figures, or has other text."""
    text = model_card(CheckpointDetector.read(evaluated), read_evaluation(evaluated / "evaluation.json"), "ada/net")

    def changed(old: str = "value: 2.5", new: str = "value: 2.4") -> dict[str, bytes]:
        assert old in text
        return {"README.md": text.replace(old, new).encode(), "model.safetensors": b""}

    return changed


def ranking(root) -> list[RankingRow]:
    (benchmark,) = read_benchmarks(root)
    entries = read_entries(root, benchmark)
    known = {key: root / "net" for one in entries.measured for key in one.keys}
    return rank(benchmark, entries, known, read_synced(root).claims)


def test_a_claim_is_shown_but_an_absurd_one_takes_no_place(hub, board, card):
    hub.put("eve/net", card(new="value: 0.001"))
    hub.put("bob/net", card())
    hub.put("bob/other", {"README.md": b"---\ntags: [faces]\n---\n"})
    synced = sync(board)
    assert read_synced(board) == synced and synced.date.endswith("UTC")
    rows = ranking(board)
    assert [row.name for row in rows] == ["net", "eve/net", "bob/net"] and {row.network for row in rows} == {"fcnn"}
    assert [row.status for row in rows] == ["verified", "claimed", "claimed"]
    assert [row.rank for row in rows] == [1, None, None] and [row.owner for row in rows] == ["", "eve", "bob"]
    assert "`fkd evaluate hf:eve/net` measures and ranks it" in rows[1].unranked
    assert "eve/net" in run("leaderboard", "--leaderboard", board)


@pytest.mark.parametrize(
    "change",
    [
        ("value: 2.5", f"value: 1{'0' * 400}"),
        ("value: 2.5", "value: .nan"),
        ("value: 2.5", "value: true"),
        ("value: 2.5", "value: -1"),
        ("value: 5.0", "value: 5000"),
        ("type: rmse", "type: [rmse]"),
        ("  results:", "  results: 3\n  rest:"),
        ("model-index:", "model-indexes:"),
        ("type: drawn", "type: elsewhere"),
        ("revision: f00d", 'revision: "a\\nb"'),
        ("values: 200", "values: 20"),
    ],
)
def test_impossible_claims_are_left_out_and_the_others_stay(hub, board, card, change):
    hub.put("eve/net", card(*change))
    hub.put("bob/net", card())
    (claim,) = sync(board).claims
    assert claim.repo == "bob/net" and claim.figures["rmse"] == 2.4
    assert "1 claim;" in run("leaderboard", "sync", "--leaderboard", board) and read_synced(board).claims == [claim]


def test_an_entry_replaces_the_claim_of_its_model(hub, board, card, evaluated):
    hub.put("bob/net", card())
    sync(board)
    evaluation, commit = read_evaluation(evaluated / "evaluation.json"), hub.commits("bob/net")[-1]
    write_entry(board, dataclasses.replace(evaluation, name="bob/net", revision=commit), "")
    assert [row.name for row in ranking(board)] == ["net", "bob/net"]
    hub.put("bob/net", card(new="value: 1.5"))
    sync(board)
    rows = ranking(board)
    assert [row.name for row in rows] == ["net", "bob/net", "bob/net"] and rows[2].status == "claimed"


def test_verify_measures_a_model_of_the_hub(hub, competition, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = tmp_path / "checkpoints" / "net"
    root, short = tmp_path / "board", ["--epochs", "2", "--augment", "0"]
    run("train", "--model", "fcnn", "--data", competition, "--out", net, *short)
    run("evaluate", net, "--data", competition, "--leaderboard", root)
    run("push", net, "ada/net")
    output = run("evaluate", "hf:ada/net", "--data", competition, "--leaderboard", root)
    assert "ada/net on drawn: RMSE" in output and "not ranked: net has the same weights and averaging" in output
    entry = read_evaluation(root / "drawn" / "ada--net.json")
    assert entry.name == "ada/net" and entry.revision == hub.commits("ada/net")[-1]
    assert entry.weights == [load_checkpoint(net).sha256]
    assert [(row.name, row.rank) for row in ranking(root)] == [("net", 1), ("ada/net", None)]
    shown = run("leaderboard", "--leaderboard", root, "--checkpoints", tmp_path / "none")
    assert shown.count(" verified ") == 2, "the pulled Hub model is at hand, and has the same weights"

    board = ["--data", competition, "--leaderboard", root, "--checkpoints", net.parent]
    assert run("leaderboard", "check", *board).splitlines() == ["ada/net: reproduced", "net: reproduced"]
    forged = read_evaluation(net / "evaluation.json")
    for name, key in (("forged", "rmse"), ("half", "nme")):
        figures = forged.accuracy.figures | {key: forged.accuracy.figures[key] / 2}
        accuracy = dataclasses.replace(forged.accuracy, figures=figures)
        write_entry(root, dataclasses.replace(forged, name=name, accuracy=accuracy), "")
    write_entry(root, dataclasses.replace(forged, name="moved", aligned=forged.aligned | {"rmse": 0.1}), "")
    write_entry(root, dataclasses.replace(forged, name="gone", weights=["0" * 64]), "")
    (root / "drawn" / "bad.json").write_text("{")
    assert [row.name for row in ranking(root) if row.rank] == ["net", "gone"], "its weights rank once"
    output = run("leaderboard", "check", *board, status=1)
    assert "forged: its RMSE is" in output and "half: its mean error is" in output
    assert "moved: its aligned RMSE is 0.100 px, measured again" in output and "net: reproduced" in output
    assert "gone: its checkpoint (000000000000) is not here" in output and "bad.json is not readable" in output


def test_a_hosts_private_models_are_nothing_for_the_page(hub, board, card):
    hub.put("ada/secret", card(), private=True)  # this process has her token
    hub.put("bob/net", card())
    assert [claim.repo for claim in sync(board).claims] == ["bob/net"]


def test_a_failed_sync_keeps_the_earlier_claims(hub, board, card):
    hub.put("bob/net", card())
    good = sync(board)
    hub.faults.append(Fault("GET", "/api/models", status=500))
    with pytest.raises(FkdError, match="the Hub refused"):
        sync(board)
    assert read_synced(board) == good


def test_only_so_many_models_are_read(hub, board, card, monkeypatch):
    for number in range(5):
        hub.put(f"bob/net{number}", card())
    monkeypatch.setattr(claims, "MAX_MODELS", 3)
    assert len(sync(board).claims) == 3


def test_a_small_networks_claim_names_it(hub, board, card):
    hub.put("eve/net", card("- fcnn\n", "- mobilenetv4_conv_small\n"))
    assert [claim.network for claim in sync(board).claims] == ["mobilenetv4_conv_small"]
