import dataclasses
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from forged import BROKEN, KNOWN, UNRANKED, UNREADABLE, WEIGHTS, changed, entry

from fkd.board.entries import (
    SYNCED,
    Benchmark,
    Entries,
    find_benchmark,
    problems,
    read_benchmarks,
    read_entries,
    read_published,
    read_synced,
    write_entry,
)
from fkd.board.ranking import RankingRow, tied, unranked_reason
from fkd.board.ranking import ranking as rank_entries
from fkd.board.record import read_evaluation
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.hub.available import weights_there
from fkd.resampling import rmse_interval


@pytest.fixture
def board(tmp_path):
    def rank(*entries):
        for item in entries:
            write_entry(tmp_path, item, "drawn faces")
        return ranking(tmp_path)

    return rank


def ranking(root) -> list[RankingRow]:
    (benchmark,) = read_benchmarks(root)
    return rank_entries(benchmark, read_entries(root, benchmark), KNOWN)


def test_entries_are_ranked_by_rmse(board):
    rows = board(entry("b", 2.0), entry("a", 3.0), entry("c", 1.0))
    assert [(row.name, row.rank, row.tied) for row in rows] == [("c", 1, False), ("b", 2, False), ("a", 3, False)]
    assert not any(row.unranked for row in rows) and [row.record()["nose_tip"] for row in rows] == [1.0, 2.0, 3.0]


def test_what_was_trained_on_a_benchmarks_sources_is_marked_and_why_it_has_no_rank_is_said():
    benchmark = Benchmark("drawn", "drawn faces", "f", 10, 200, sources=["300-W", "YouTube Faces"])
    ours = entry("ours", 2.0, aligned={"rmse": 1.5, "nme": 4.0, "failure_rate": 0.0})
    seen = entry("seen", 1.0, data=DataRecord("300-W and more"), held_out=False, weights=["0" * 64])
    other = entry("other", 1.5, data=DataRecord("faces of our own"), held_out=False)
    rows = {row.name: row for row in rank_entries(benchmark, Entries([ours, seen, other]), KNOWN)}
    assert rows["seen"].overlap == "300-W" and rows["seen"].rank is None
    assert "is missing" in rows["seen"].unranked and "it may have been trained on test faces" in rows["seen"].unranked
    assert rows["other"].overlap == "" and "test faces" not in rows["other"].unranked.partition("record of")[2]
    assert rows["ours"].rank == 1 and rows["ours"].record()["aligned_rmse"] == 1.5
    assert rows["seen"].record()["aligned_rmse"] is None and rows["seen"].record()["overlap"] == "300-W"
    assert unranked_reason(benchmark, seen).startswith("trained on 300-W, a source of this benchmark's faces")


def test_a_first_entry_keeps_the_sources_that_a_benchmark_names(tmp_path):
    (tmp_path / "drawn").mkdir()
    about = dataclasses.asdict(Benchmark("drawn", "mine", "", 0, 0, sources=["300-W"]))
    (tmp_path / "drawn" / "benchmark.json").write_text(json.dumps(about))
    write_entry(tmp_path, entry("a", 2.0), "drawn faces")
    assert find_benchmark(tmp_path, "drawn").sources == ["300-W"]


def test_only_what_has_changed_is_read_again(board, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(
        "fkd.board.entries.read_evaluation", lambda path: read.append(path.name) or read_evaluation(path)
    )
    board(entry("a", 3.0), entry("b", 2.0))
    (benchmark,) = read_benchmarks(tmp_path)
    first = read_entries(tmp_path, benchmark)
    assert read_entries(tmp_path, benchmark) is first and sorted(read) == ["a.json", "b.json"]
    board(entry("a", 1.0))
    (tmp_path / benchmark.name / "c.json").write_text("{")
    after = read_entries(tmp_path, benchmark)
    assert sorted(read) == ["a.json", "a.json", "b.json", "c.json"] and list(after.unreadable) == ["c"]
    assert [(one.name, one.accuracy.rmse) for one in after.measured] == [("a", 1.0), ("b", 2.0)]
    (tmp_path / benchmark.name / "a.json").unlink()
    assert [one.name for one in read_entries(tmp_path, benchmark).measured] == ["b"] and len(read) == 4


def test_what_the_faces_cannot_tell_apart_shares_a_rank(board):
    rng = np.random.default_rng(0)
    faces = rng.uniform(1, 6, 400)  # how hard each face is: hard for all models

    def model(name, factor, noise):
        squares = 20 * faces * factor + rng.normal(0, noise, 400).clip(-15, 15)
        item = entry(name, float(np.sqrt(squares.mean() / 20)))
        low, high = rmse_interval(squares, np.full(400, 20))
        about = {"faces": 400, "values": 8000, "nme_faces": 400, "rmse_low": low, "rmse_high": high}
        changed = dataclasses.replace(item.detail, squares=squares.tolist(), values=[20] * 400, nme=[5.0] * 400)
        return dataclasses.replace(item, accuracy=dataclasses.replace(item.accuracy, **about), detail=changed)

    rows = board(model("a", 1, 8), model("b", 1.002, 8), model("c", 1.1, 8), model("d", 2, 8))
    assert {row.name: (row.rank, row.tied) for row in rows} == {
        "a": (1, True), "b": (1, True), "c": (3, False), "d": (4, False)
    }  # fmt: skip
    assert tied(entry("a", 1.0), entry("b", 1.0)) and not tied(entry("a", 1.0), entry("b", 1.01))


@pytest.mark.parametrize(
    ("change", "said"), [({"name": "ada--net"}, "'ada/net' has its file"), ({"benchmark": ".."}, "..")]
)
def test_no_entry_is_written_over_anothers_file_or_beside_the_leaderboard(tmp_path, change, said):
    with pytest.raises(FkdError, match=said):
        write_entry(tmp_path / "board", dataclasses.replace(entry("a", 1.0), **change), "")
    assert not list(tmp_path.rglob("*.json"))


def test_an_entry_that_counts_other_labels_by_face_takes_no_rank_from_the_others(board):
    other = entry("other", 0.5)
    squares, values, nme = other.detail.squares, other.detail.values, other.detail.nme
    longer = dataclasses.replace(other.detail, squares=[*squares, 0.0], values=[*values, 0], nme=[*nme, None])
    rows = board(entry("a", 1.0), entry("b", 2.0), dataclasses.replace(other, detail=longer))
    assert [(row.name, row.rank) for row in rows] == [("other", 1), ("a", 2), ("b", 3)]


def test_what_may_not_be_ranked_comes_last_with_the_reason(board):
    full, part = entry("full", 2.0), entry("a part", 0.2)
    detail = dataclasses.replace(part.detail, squares=[5 * 0.2**2] * 10, values=[5] * 10)
    rows = board(
        full,
        entry("other faces", 0.1, fingerprint="g", held_out=False),
        dataclasses.replace(part, accuracy=dataclasses.replace(part.accuracy, values=50), detail=detail),
        entry("leaked", 0.3, held_out=False),
    )
    assert [row.name for row in rows] == ["full", "other faces", "a part", "leaked"]
    assert [row.rank for row in rows] == [1, None, None, None]
    for row, reason in ((1, "other test data"), (2, "50 of 200 coordinates"), (3, "kept out of training")):
        assert reason in rows[row].unranked


def test_measuring_again_replaces_an_entry(board):
    board(entry("a", 3.0))
    assert [row.figures["rmse"] for row in board(entry("a", 2.0))] == [2.0]


def test_benchmarks_never_share_a_ranking(tmp_path):
    write_entry(tmp_path, entry("a", 3.0), "x")
    write_entry(tmp_path, entry("a", 1.0, benchmark="other", fingerprint="g"), "y")
    assert [b.name for b in read_benchmarks(tmp_path)] == ["drawn", "other"]
    assert [len(read_entries(tmp_path, b).measured) for b in read_benchmarks(tmp_path)] == [1, 1]


def test_a_benchmark_may_wait_for_its_first_entry_beside_what_others_report(tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    waiting = {"name": "drawn", "description": "awaited", "fingerprint": "", "faces": 0, "values": 0}
    (folder / "benchmark.json").write_text(json.dumps(waiting))
    scores = [{"private": rmse, "public": 1.0, "what": "theirs", "source": "https://x.y"} for rmse in (3, 2)]
    (folder / "published.json").write_text(json.dumps(scores))
    (benchmark,) = read_benchmarks(tmp_path)
    assert read_entries(tmp_path, benchmark).measured == [] and ranking(tmp_path) == []
    write_entry(tmp_path, entry("a", 3.0), "other words")
    (benchmark,) = read_benchmarks(tmp_path)
    assert (benchmark.fingerprint, benchmark.faces, benchmark.values) == ("f", 10, 200)
    assert benchmark.description == "awaited"
    assert [row.name for row in ranking(tmp_path)] == ["a"], "never ranked with theirs"
    assert [score.text for score in read_published(tmp_path, benchmark)] == [
        "2.000 private, 1.000 public", "3.000 private, 1.000 public",
    ]  # fmt: skip
    (folder / "published.json").write_text('[{"private": 1}]')
    assert read_published(tmp_path, benchmark) == []
    (said,) = problems(tmp_path)
    assert "published.json: [0] lacks what" in said


@pytest.mark.parametrize("kind", UNRANKED)
def test_an_entry_is_ranked_only_with_its_weights_and_all_held_out_faces(tmp_path, kind):
    field, new, reason = UNRANKED[kind]
    write_entry(tmp_path, entry("genuine", 2.0), "drawn faces")
    other = changed(dataclasses.asdict(entry("other", 1.0)), field, new)
    (tmp_path / "drawn" / "other.json").write_text(json.dumps(other))
    first, last = ranking(tmp_path)
    assert (first.name, first.rank, first.status) == ("genuine", 1, "verified")
    assert (last.name, last.rank) == ("other", None) and re.search(reason, last.unranked), last.unranked
    assert last.status == ("not verified" if field == "weights" else "verified")


def test_an_ensemble_is_ranked_if_all_of_its_members_are_there(board):
    both = entry("both", 1.0, weights=[WEIGHTS, WEIGHTS])
    assert [(row.name, row.rank) for row in board(entry("a", 2.0), both)] == [("both", 1), ("a", 2)]
    assert both.members == 2 and both.checkpoint == hashlib.sha256((WEIGHTS * 2).encode()).hexdigest()


def test_whose_checkpoint_is_not_there_is_not_verified(board):
    elsewhere = hashlib.sha256(b"elsewhere").hexdigest()
    rows = board(entry("a", 2.0), entry("b", 1.0, weights=[elsewhere]))
    assert [(row.name, row.status) for row in rows] == [("a", "verified"), ("b", "not verified")]
    assert f"its checkpoint ({elsewhere[:12]}) is missing" in rows[1].unranked


@pytest.mark.parametrize("kind", [*UNREADABLE, *BROKEN])
def test_a_bad_file_is_a_row_that_says_why_and_the_others_stand(tmp_path, kind):
    write_entry(tmp_path, entry("genuine", 2.0), "drawn faces")
    if kind in UNREADABLE:
        field, new, reason = UNREADABLE[kind]
        text = json.dumps(changed(dataclasses.asdict(entry("bad", 1.0)), field, new))
    else:
        text, reason = BROKEN[kind]
    (tmp_path / "drawn" / "bad.json").write_bytes(text.encode(errors="surrogatepass"))
    rows = ranking(tmp_path)
    assert [(row.name, row.status) for row in rows] == [("genuine", "verified"), ("bad", "unreadable")]
    assert [row.rank for row in rows] == [1, None]
    assert reason in rows[1].unranked and "bad.json" in rows[1].unranked and "\n" not in rows[1].unranked


def test_what_is_no_file_is_a_row_too(tmp_path):
    write_entry(tmp_path, entry("genuine", 2.0), "drawn faces")
    (tmp_path / "drawn" / "folder.json").mkdir()
    os.mkfifo(tmp_path / "drawn" / "pipe.json")
    (tmp_path / "drawn" / "link.json").symlink_to("/dev/zero")
    rows = ranking(tmp_path)
    assert [row.status for row in rows] == ["verified", *["unreadable"] * 3]
    assert [row.unranked.endswith("is not a regular file") for row in rows] == [False, True, True, True]


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, '{"x": NaN}', '{"name": "../drawn"}'])
def test_a_bad_file_beside_the_entries_takes_nothing_else_away(tmp_path, text):
    write_entry(tmp_path, entry("a", 2.0), "drawn faces")
    write_entry(tmp_path, entry("b", 1.0, benchmark="other"), "other faces")
    (tmp_path / "other" / "benchmark.json").write_text(text)
    (tmp_path / "drawn" / "published.json").write_text(text.replace("[]", "[1]"))
    (tmp_path / "claims.json").write_text(text)
    (benchmark,) = read_benchmarks(tmp_path)
    assert [row.rank for row in ranking(tmp_path)] == [1]
    assert not read_published(tmp_path, benchmark) and not read_synced(tmp_path).claims
    said = problems(tmp_path)
    assert len(said) == 3 and all(
        name in line for name, line in zip(("published", "bench", "claims"), said, strict=True)
    )
    assert all("\n" not in line for line in said)
    with pytest.raises(FkdError, match="benchmark.json"):
        write_entry(tmp_path, entry("c", 1.0, benchmark="other"), "not written over")


def test_a_benchmark_that_is_not_there_is_said_with_those_that_are(tmp_path):
    with pytest.raises(FkdError, match="unknown benchmark 'drawn': there are none yet"):
        find_benchmark(tmp_path, "drawn")
    write_entry(tmp_path, entry("a", 2.0), "drawn faces")
    write_entry(tmp_path, entry("a", 2.0, benchmark="other"), "other faces")
    assert find_benchmark(tmp_path, "other").description == "other faces"
    with pytest.raises(FkdError, match="unknown benchmark 'faces': expected one of drawn, other"):
        find_benchmark(tmp_path, "faces")


def test_nothing_is_written_that_could_not_be_read(tmp_path):
    for bad, message in (
        (entry("a", 1.0, benchmark="../x"), "cannot be a benchmark's name"),
        (entry("benchmark", 1.0), "cannot be an entry's name"),
        (entry("a\nb", 1.0), "the entry 'a.nb': name is"),
    ):
        with pytest.raises(FkdError, match=message):
            write_entry(tmp_path, bad, "")
    assert not list(tmp_path.iterdir())


ROOT = Path(__file__).parents[2]


def test_all_entries_here_are_verified_and_ranked(tmp_path):
    benchmark = find_benchmark(ROOT / "leaderboard", "wild15")
    known = weights_there((ROOT / "checkpoints").iterdir())
    entries = read_entries(ROOT / "leaderboard", benchmark)
    rows = rank_entries(benchmark, entries, known)
    assert len(rows) >= 6 and all(row.status == "verified" and row.rank for row in rows)
    kept = shutil.copytree(ROOT / "leaderboard", tmp_path / "kept", ignore=shutil.ignore_patterns(SYNCED))
    assert not problems(kept)
    del known[next(iter(known))]
    assert any(row.status == "not verified" for row in rank_entries(benchmark, entries, known))
