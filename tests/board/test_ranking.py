import dataclasses
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from forged import BROKEN, KNOWN, UNRANKED, UNREADABLE, changed, entry, weights

from fkd.board.entries import (
    SYNCED,
    Benchmark,
    Entries,
    find_benchmark,
    problems,
    read_benchmarks,
    read_entries,
    read_synced,
    write_entry,
)
from fkd.board.ranking import RankingRow
from fkd.board.ranking import ranking as rank_entries
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.hub.repository import weights_there

ROOT = Path(__file__).parents[2]


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


def test_entries_are_ranked_by_rmse_and_measuring_again_replaces_one(board):
    board(entry("b", 5.0))
    rows = board(entry("b", 2.0), entry("a", 3.0), entry("both", 1.0, weights=[weights("a"), weights("b")]))
    assert [(row.name, row.rank, row.tied) for row in rows] == [("both", 1, False), ("b", 2, False), ("a", 3, False)]
    assert not any(row.unranked for row in rows) and [row.record()["nose_tip"] for row in rows] == [1.0, 2.0, 3.0]


def test_an_entry_without_a_rank_has_the_reason():
    benchmark = Benchmark("drawn", "drawn faces", "f", 10, 200)
    ours = entry("ours", 2.0, aligned={"rmse": 1.5, "nme": 4.0, "failure_rate": 0.0})
    seen = entry("seen", 1.0, data=DataRecord("300-W and more"), held_out=False, weights=["0" * 64])
    other = entry("other", 1.5, data=DataRecord("faces of our own"), held_out=False)
    rows = {row.name: row for row in rank_entries(benchmark, Entries([ours, seen, other]), KNOWN)}
    assert rows["seen"].rank is None and "its checkpoint (000000000000) is not in the folder" in rows["seen"].unranked
    assert "kept out of training" in rows["other"].unranked
    assert rows["ours"].rank == 1 and rows["ours"].record()["aligned_rmse"] == 1.5
    assert rows["seen"].record()["aligned_rmse"] is None


def test_only_changed_files_are_read_again(board, tmp_path):
    board(entry("a", 3.0), entry("b", 2.0))
    (benchmark,) = read_benchmarks(tmp_path)
    first, second = (read_entries(tmp_path, benchmark).measured for _ in range(2))
    assert [one is other for one, other in zip(first, second, strict=True)] == [True, True]
    board(entry("a", 1.0))
    third = read_entries(tmp_path, benchmark).measured
    assert third[0].accuracy.rmse == 1.0 and third[1] is first[1]


def test_entries_that_the_faces_cannot_separate_share_a_rank(board):
    difficulty = np.random.default_rng(0).uniform(20, 120, 10)  # of each face, for all models

    def model(name, rmse, squares):
        item = entry(name, rmse)
        return dataclasses.replace(item, detail=dataclasses.replace(item.detail, squares=list(squares)))

    close = model("b", 2.1, difficulty + [8, -8] * 5)
    rows = board(model("a", 2.0, difficulty), close, model("c", 2.2, 1.1 * difficulty), model("d", 3, 2 * difficulty))
    ranks = [(row.name, row.rank, row.tied) for row in rows]
    assert ranks == [("a", 1, True), ("b", 1, True), ("c", 3, False), ("d", 4, False)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "ada--net"}, "'ada--net' cannot be a name of an entry: expected user/repo, or A to Z"),
        ({"name": "Benchmark"}, "'Benchmark' looks like benchmark.json, which exists: choose another name by --name"),
        ({"name": "=1+1"}, "cannot be a name"),
        ({"benchmark": "../x"}, "cannot be a name"),
    ],
)
def test_no_entry_is_written_that_could_not_be_read_or_over_other_files(tmp_path, change, message):
    with pytest.raises(FkdError, match=message):
        write_entry(tmp_path / "board", dataclasses.replace(entry("a", 1.0), **change), "")
    assert not list(tmp_path.rglob("*.json"))


def test_entries_that_count_other_labels_by_face_have_no_rank_however_many(board):
    honest = [entry("a", 1.0), entry("b", 2.0)]
    other = entry("other", 0.5)
    counts = dataclasses.replace(other.detail, values=[19, 21, *other.detail.values[2:]])
    forged = [dataclasses.replace(entry(name, 0.5), detail=counts) for name in "0123"]
    rows = board(*honest, *forged)
    assert [(row.name, row.rank) for row in rows[:3]] == [("a", 1), ("b", 2), ("0", None)]
    assert all("counts other labels face by face" in row.unranked for row in rows[2:])


def test_weights_rank_once_and_so_do_names_that_look_alike():
    net, of_net = weights("net"), {"weights": [weights("net")]}
    both = [net, weights("b")]
    every = [
        entry("net", 2.0), entry("best", 1.0, date="1999-01-01", **of_net), entry("NET", 2.2),
        entry("net-mirror", 1.9, mirror=True, **of_net), entry("google/best", 1.1, revision="a" * 40, **of_net),
        entry("both", 3.0, weights=both), entry("two", 2.5, weights=both[::-1]),
    ]  # fmt: skip
    known = {net: Path("net"), weights("b"): Path("b"), weights("NET"): Path("x")}
    rows = {row.name: row for row in rank_entries(Benchmark("drawn", "", "f", 10, 200), Entries(every), known)}
    assert [name for name, row in rows.items() if row.rank] == ["net-mirror", "net", "both"]
    assert rows["best"].unranked == "net has the same weights and averaging"
    assert rows["two"].unranked == "both has the same weights and averaging"
    assert rows["NET"].unranked == "net has a name that looks the same"
    assert rows["google/best"].status == "not verified" and "no commit of google/best" in rows["google/best"].unranked


def test_a_name_that_looks_like_another_is_not_written(board):
    board(entry("resnet18", 2.0))
    with pytest.raises(FkdError, match="'ResNetl8' looks like resnet18.json, which exists: choose another name"):
        board(entry("ResNetl8", 1.0))
    assert [row.rank for row in board(entry("resnet18", 1.0))] == [1]


def test_benchmarks_never_share_a_ranking(tmp_path):
    write_entry(tmp_path, entry("a", 3.0), "x")
    write_entry(tmp_path, entry("a", 1.0, benchmark="other", fingerprint="g"), "y")
    assert [b.name for b in read_benchmarks(tmp_path)] == ["drawn", "other"]
    assert [len(read_entries(tmp_path, b).measured) for b in read_benchmarks(tmp_path)] == [1, 1]
    with pytest.raises(FkdError, match="unknown benchmark 'faces': expected one of drawn, other"):
        find_benchmark(tmp_path, "faces")


def test_a_benchmark_may_wait_for_its_first_entry(tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    (folder / "benchmark.json").write_text('{"name": "drawn", "description": "awaited"}')
    assert ranking(tmp_path) == []
    write_entry(tmp_path, entry("a", 3.0), "other words")
    benchmark = find_benchmark(tmp_path, "drawn")
    assert benchmark == Benchmark("drawn", "awaited", "f", 10, 200, entry("a", 3.0).detail.labels)
    assert [row.name for row in ranking(tmp_path)] == ["a"]


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
    assert reason in rows[1].unranked and "bad.json" in rows[1].unranked and "\n" not in rows[1].unranked


def test_a_folder_pipe_or_device_is_a_row_too(tmp_path):
    write_entry(tmp_path, entry("genuine", 2.0), "drawn faces")
    (tmp_path / "drawn" / "folder.json").mkdir()
    os.mkfifo(tmp_path / "drawn" / "pipe.json")
    (tmp_path / "drawn" / "link.json").symlink_to("/dev/zero")
    rows = ranking(tmp_path)
    assert rows[0].rank == 1 and all(row.unranked.endswith("is not a regular file") for row in rows[1:4])


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"name": "../drawn"}'])
def test_a_bad_file_beside_the_entries_takes_nothing_else_away(tmp_path, text):
    write_entry(tmp_path, entry("a", 2.0), "drawn faces")
    write_entry(tmp_path, entry("b", 1.0, benchmark="other"), "other faces")
    (tmp_path / "other" / "benchmark.json").write_text(text)
    (tmp_path / "claims.json").write_text(text.replace("{}", "[1]"))
    assert [each.name for each in read_benchmarks(tmp_path)] == ["drawn"]
    assert [row.rank for row in ranking(tmp_path)] == [1]
    assert not read_synced(tmp_path).claims
    files = [re.match(r"([\w/]+\.json).+$", line)[1] for line in problems(tmp_path)]  # each of one line
    assert files == ["other/benchmark.json", "claims.json"]
    with pytest.raises(FkdError, match="benchmark.json"):
        write_entry(tmp_path, entry("c", 1.0, benchmark="other"), "not written over")


def test_all_entries_here_are_verified_and_ranked(tmp_path):
    benchmark = find_benchmark(ROOT / "leaderboard", "wild15")
    known = weights_there((ROOT / "checkpoints").iterdir())
    entries = read_entries(ROOT / "leaderboard", benchmark)
    rows = rank_entries(benchmark, entries, known)
    own = [row for row in rows if row.name != "dlib-68"]  # which has no rank, and whose file is dlib's
    assert len(own) >= 6 and all(row.status == "verified" and row.rank for row in own)
    kept = shutil.copytree(ROOT / "leaderboard", tmp_path / "kept", ignore=shutil.ignore_patterns(SYNCED))
    assert not problems(kept)
    del known[next(iter(known))]
    assert any(row.status == "not verified" for row in rank_entries(benchmark, entries, known))
