import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from forged import BROKEN, FORGED, KNOWN, UNREADABLE, changed, entry

from fkd.board.entries import (
    KAGGLE,
    SYNCED,
    problems,
    read_benchmarks,
    read_entries,
    read_published,
    read_synced,
    write_entry,
)
from fkd.board.ranking import table, tied
from fkd.board.verified import members_of
from fkd.learn.checkpoint import CONFIG, read_config, weights_in
from fkd.metrics import rmse_interval


@pytest.fixture
def board(tmp_path):
    def rank(*entries):
        for item in entries:
            write_entry(tmp_path, item, "drawn faces")
        return ranking(tmp_path)

    return rank


def ranking(root):
    (benchmark,) = read_benchmarks(root)
    return table(benchmark, read_entries(root, benchmark), KNOWN)


def test_entries_are_ranked_by_rmse(board):
    ranking = board(entry("b", 2.0), entry("a", 3.0), entry("c", 1.0))
    assert ranking["model"].tolist() == ["c", "b", "a"] and ranking["rank"].tolist() == [1, 2, 3]
    assert (ranking["unranked"] == "").all() and ranking["nose_tip"].tolist() == [1.0, 2.0, 3.0]


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

    ranking = board(model("a", 1, 8), model("b", 1.002, 8), model("c", 1.1, 8), model("d", 2, 8))
    assert dict(zip(ranking["model"], ranking["rank"], strict=True)) == {"a": 1, "b": 1, "c": 3, "d": 4}
    assert tied(entry("a", 1.0), entry("b", 1.0)) and not tied(entry("a", 1.0), entry("b", 1.01))


def test_what_may_not_be_ranked_comes_last_with_the_reason(board):
    full, part = entry("full", 2.0), entry("a part", 0.2)
    detail = dataclasses.replace(part.detail, squares=[5 * 0.2**2] * 10, values=[5] * 10)
    ranking = board(
        full,
        entry("other faces", 0.1, fingerprint="g", held_out=False),
        dataclasses.replace(part, accuracy=dataclasses.replace(part.accuracy, values=50), detail=detail),
        entry("leaked", 0.3, held_out=False),
    )
    assert ranking["model"].tolist() == ["full", "other faces", "a part", "leaked"]
    assert ranking["rank"].tolist()[0] == 1 and ranking["rank"].isna().tolist() == [False, True, True, True]
    for row, reason in ((1, "other test data"), (2, "50 of 200 coordinates"), (3, "kept out of training")):
        assert reason in ranking["unranked"][row]


def test_measuring_again_replaces_an_entry(board):
    board(entry("a", 3.0))
    assert board(entry("a", 2.0))["rmse"].tolist() == [2.0]


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
    scores = [{"rmse": rmse, "what": "theirs", "measured_on": "there", "source": "https://x.y"} for rmse in (3, 2)]
    (folder / "published.json").write_text(json.dumps(scores))
    (benchmark,) = read_benchmarks(tmp_path)
    assert read_entries(tmp_path, benchmark).measured == [] and ranking(tmp_path).empty
    write_entry(tmp_path, entry("a", 3.0), "other words")
    (benchmark,) = read_benchmarks(tmp_path)
    assert (benchmark.fingerprint, benchmark.faces, benchmark.values) == ("f", 10, 200)
    assert benchmark.description == "awaited"
    assert ranking(tmp_path)["model"].tolist() == ["a"], "never ranked with theirs"
    assert read_published(tmp_path, benchmark)["rmse"].tolist() == [2, 3]
    (folder / "published.json").write_text('[{"rmse": 1}]')
    assert read_published(tmp_path, benchmark).empty
    (said,) = problems(tmp_path)
    assert "published.json: [0] lacks what" in said


def test_the_published_scores_of_the_competition_have_a_source():
    root = Path(__file__).parents[2] / "leaderboard"
    (kaggle,) = (benchmark for benchmark in read_benchmarks(root) if benchmark.name == KAGGLE)
    published = read_published(root, kaggle)
    assert len(published) and published["source"].str.startswith("https://").all()
    assert published["measured_on"].str.contains("hidden test set").all()


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_entry_is_not_verified_and_has_no_rank(tmp_path, kind):
    field, new, reason = FORGED[kind]
    genuine = dataclasses.asdict(entry("genuine", 2.0))
    write_entry(tmp_path, entry("genuine", 2.0), "drawn faces")
    forged = changed(genuine | {"name": "forged"}, field, new)
    (tmp_path / "drawn" / "forged.json").write_text(json.dumps(forged))
    rows = ranking(tmp_path).set_index("model")
    assert rows.loc["genuine", "rank"] == 1 and rows.loc["genuine", "status"] == "verified"
    assert np.isnan(rows["rank"].astype(float)["forged"]) and rows.loc["forged", "status"] == "not verified"
    with pytest.raises(ValueError, match=reason):
        raise ValueError(rows.loc["forged", "unranked"])


def test_whose_checkpoint_is_not_there_is_not_verified(board):
    elsewhere = hashlib.sha256(b"elsewhere").hexdigest()
    rows = board(entry("a", 2.0), entry("b", 1.0, checkpoint=elsewhere, weights=[elsewhere]))
    assert rows["model"].tolist() == ["a", "b"] and rows["status"].tolist() == ["verified", "not verified"]
    assert f"its checkpoint ({elsewhere[:12]}) is not here" in rows["unranked"][1]


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
    assert rows["model"].tolist() == ["genuine", "bad"] and rows["status"].tolist() == ["verified", "unreadable"]
    assert rows["rank"].tolist()[0] == 1 and rows["rank"].isna().tolist() == [False, True]
    assert reason in rows["unranked"][1] and "bad.json" in rows["unranked"][1] and "\n" not in rows["unranked"][1]


def test_what_is_no_file_is_a_row_too(tmp_path):
    write_entry(tmp_path, entry("genuine", 2.0), "drawn faces")
    (tmp_path / "drawn" / "folder.json").mkdir()
    os.mkfifo(tmp_path / "drawn" / "pipe.json")
    (tmp_path / "drawn" / "link.json").symlink_to("/dev/zero")
    rows = ranking(tmp_path)
    assert rows["status"].tolist() == ["verified", *["unreadable"] * 3]
    assert rows["unranked"].str.endswith("is not a file").tolist() == [False, True, True, True]


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, '{"x": NaN}', '{"name": "../drawn"}'])
def test_a_bad_file_beside_the_entries_takes_nothing_else_away(tmp_path, text):
    write_entry(tmp_path, entry("a", 2.0), "drawn faces")
    write_entry(tmp_path, entry("b", 1.0, benchmark="other"), "other faces")
    (tmp_path / "other" / "benchmark.json").write_text(text)
    (tmp_path / "drawn" / "published.json").write_text(text.replace("[]", "[1]"))
    (tmp_path / "hub.json").write_text(text)
    (benchmark,) = read_benchmarks(tmp_path)
    assert ranking(tmp_path)["rank"].tolist() == [1]
    assert read_published(tmp_path, benchmark).empty and not read_synced(tmp_path).claims
    said = problems(tmp_path)
    assert len(said) == 3 and all(name in line for name, line in zip(("published", "bench", "hub"), said, strict=True))
    assert all("\n" not in line for line in said)
    with pytest.raises(ValueError, match="benchmark.json"):
        write_entry(tmp_path, entry("c", 1.0, benchmark="other"), "not written over")


def test_nothing_is_written_that_could_not_be_read(tmp_path):
    for bad, message in (
        (entry("a", 1.0, benchmark="../x"), "cannot be a benchmark's name"),
        (entry("benchmark", 1.0), "cannot be an entry's name"),
        (entry("a\nb", 1.0), "the entry 'a.nb': name is"),
    ):
        with pytest.raises(ValueError, match=message):
            write_entry(tmp_path, bad, "")
    assert not list(tmp_path.iterdir())


ROOT = Path(__file__).parents[2]


def test_all_entries_here_are_verified_and_ranked(tmp_path):
    (benchmark,) = (one for one in read_benchmarks(ROOT / "leaderboard") if one.name == "wild15")
    known = {one: read_config(folder / CONFIG) for one, folder in weights_in((ROOT / "checkpoints").iterdir()).items()}
    rows = table(benchmark, read_entries(ROOT / "leaderboard", benchmark), known)
    assert len(rows) >= 6 and (rows["status"] == "verified").all() and rows["rank"].notna().all()
    kept = shutil.copytree(ROOT / "leaderboard", tmp_path / "kept", ignore=shutil.ignore_patterns(SYNCED))
    assert not problems(kept)
    del known[next(iter(known))]
    assert (table(benchmark, read_entries(ROOT / "leaderboard", benchmark), known)["status"] == "not verified").any()


def test_an_ensemble_from_before_its_members_were_named_is_known_by_those_that_are_there():
    (benchmark,) = (one for one in read_benchmarks(ROOT / "leaderboard") if one.name == "wild15")
    (ensemble,) = (one for one in read_entries(ROOT / "leaderboard", benchmark).measured if one.members > 1)
    there = weights_in((ROOT / "checkpoints").iterdir())
    assert len(members_of(dataclasses.replace(ensemble, weights=[]), there)) == ensemble.members
    assert members_of(dataclasses.replace(ensemble, weights=[], checkpoint="0" * 64), there) == []
