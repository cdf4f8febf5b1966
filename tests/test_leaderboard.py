import copy
import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from fkd.checkpoint import CONFIG, Config, read_config, weights_in
from fkd.entries import (
    KAGGLE,
    SYNCED,
    problems,
    read_benchmarks,
    read_entries,
    read_published,
    read_synced,
    write_entry,
)
from fkd.evaluate import Accuracy, Cost, Detail, Evaluation, rmse_interval
from fkd.keypoints import NAMES
from fkd.leaderboard import table, tied
from fkd.models import ModelConfig
from fkd.verified import members_of

FINGERPRINTS = {"train": "d", "validation": "e", "test": "f"}
DATA = {"name": "drawn", "fingerprints": FINGERPRINTS}
WEIGHTS = hashlib.sha256(b"weights").hexdigest()
KNOWN = {WEIGHTS: Config(ModelConfig("fcnn"), {"validation_rmse": 3.0}, DATA)}


def entry(name: str, rmse: float, **change) -> Evaluation:
    accuracy = Accuracy(
        faces=10, values=200, rmse=rmse, rmse_low=rmse, rmse_high=rmse,
        rmse_by_keypoint=dict.fromkeys(NAMES, rmse), nme=5.0, nme_faces=10, failure_rate=0.0,
        error_quantiles={"0.5": rmse},
    )  # fmt: skip
    offsets = dict.fromkeys(NAMES, [rmse, rmse, 0.0, 0.0, 0.0])
    detail = Detail([20 * rmse**2] * 10, [20] * 10, [5.0] * 10, offsets, [], [])
    cost = Cost(parameters=1, macs=1, latency_ms=1.0, hardware="here")
    evaluation = Evaluation(
        name=name, benchmark="drawn", fingerprint="f", accuracy=accuracy, detail=detail, cost=cost, checkpoint=WEIGHTS,
        model="fcnn", members=1, mirror=False, data=DATA, held_out=True, robustness={}, weights=[WEIGHTS],
    )  # fmt: skip
    return dataclasses.replace(evaluation, **change)


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
    root = Path(__file__).parent.parent / "leaderboard"
    (kaggle,) = (benchmark for benchmark in read_benchmarks(root) if benchmark.name == KAGGLE)
    published = read_published(root, kaggle)
    assert len(published) and published["source"].str.startswith("https://").all()
    assert published["measured_on"].str.contains("hidden test set").all()


# What is changed in a genuine entry -> what its row says.
FORGED = {
    "a better rmse": ("accuracy.rmse", 0.5, r"its rmse is 0.5, but its sums by face give 2"),
    "a better interval": ("accuracy.rmse_low", 1.0, r"its interval is 1 to 2, but its sums by face give 2 to 2"),
    "a better nme": ("accuracy.nme", 1.0, r"its nme is 1, but its list by face gives 5"),
    "fewer failures": ("detail.nme", [50.0] * 10, r"its nme is 5, but its list by face gives 50"),
    "no failures": ("accuracy.failure_rate", 40.0, r"its failure_rate is 40"),
    "more faces": ("accuracy.faces", 11, "it counts 11 faces and 200 values, its lists have 10 and 200"),
    "one list shorter": ("detail.squares", [80.0] * 9, "lists by face are of different lengths"),
    "no lists": ("detail.squares", [], "lists by face are of different lengths"),
    "a better keypoint": ("accuracy.rmse_by_keypoint.nose_tip", 0.1, "its rmse of nose_tip is 0.1, but its off"),
    "a keypoint less": ("accuracy.rmse_by_keypoint.nose_tip", None, "one of nose_tip's rmse and offsets"),
    "a better median": ("accuracy.error_quantiles", {"0.5": 9.0}, "error_quantiles have 9 px at 0.5, more than"),
    "falling quantiles": ("accuracy.error_quantiles", {"0.5": 2.0, "0.9": 1.0}, "its error_quantiles do not rise"),
    "another worst face": ("detail.worst", [[[9.0, 9.0]] * 15], "number 1 of its worst faces is not one of its sums"),
    "a better robustness": ("robustness", {"blur": [0.5]}, "its robustness begins with 0.5 px for blur"),
    "no checkpoint": ("checkpoint", "", "checkpoint is not the 1 of which it gives the hashes"),
    "another checkpoint": ("checkpoint", "0" * 64, "checkpoint is not the 1 of which it gives the hashes"),
    "another's weights": ("weights", ["0" * 64], "checkpoint is not the 1 of which it gives the hashes"),
    "more members": ("members", 2, "checkpoint is not the 2 of which it gives the hashes"),
    "trained on the test": ("data.fingerprints.train", "f", "its record of the training data does not show it"),
    "trained on who knows": ("data.fingerprints", {}, "its record of the training data does not show it"),
    "trained on other data": ("data.name", "more", "its checkpoint: that has another record of its training"),
    "another network": ("model", "resnet18", "it contradicts its checkpoint: that is not of resnet18"),
}  # fmt: skip


def changed(value: dict, field: str, new) -> dict:
    value = copy.deepcopy(value)
    *within, last = field.split(".")
    place = value
    for name in within:
        place = place[name]
    place[last] = new
    return value


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


UNREADABLE = {
    "a string for a number": ("accuracy.rmse", "2", 'accuracy.rmse is "2", expected a number'),
    "null for a number": ("accuracy.rmse", None, "accuracy.rmse is null, expected a number"),
    "a negative number": ("accuracy.rmse", -1, "accuracy.rmse is -1, expected 0 or more"),
    "a huge number": ("accuracy.rmse", 10**300, "is too large a number"),
    "a word for a truth": ("held_out", "no", 'held_out is "no", expected true or false'),
    "a list for an object": ("detail", [], "detail is [], expected an object"),
    "a keypoint of its own": ("accuracy.rmse_by_keypoint", {"rank": 1}, "rmse_by_keypoint.rank"),
    "no name": ("name", "", 'name is "", expected 1 characters or more'),
    "two lines of a name": ("name", "a\nb", "name is"),
    "another's name": ("name", "genuine", "has the name 'genuine', whose file is genuine.json"),
    "another benchmark": ("benchmark", "kaggle", "is an entry of 'kaggle', not of 'drawn'"),
    "a field of its own": ("rank", 1, "has the unknown rank"),
    "a later format": ("format", 9, "format is 9, expected 2"),
    "half a letter": ("model", "\ud800", "has text that is not Unicode"),
}  # fmt: skip
BROKEN = {
    "another object": ('{"x": 1}', "lacks name"),
    "nothing": ("", "is not readable as JSON"),
    "half": ('{"name": "a"', "is not readable as JSON"),
    "null": ("null", "is null, expected an object"),
    "a list": ("[]", "is [], expected an object"),
    "NaN": ('{"x": NaN}', "NaN is no number"),
    "infinity": ('{"x": -Infinity}', "-Infinity is no number"),
    "1e999": ('{"x": 1e999}', "1e999 is too large a number"),
    "a name twice": ('{"name": "a", "name": "b"}', "'name' is there twice"),
    "a nest": ("[" * 100_000, "more than 20 levels of brackets"),
    "a small nest": ('{"x": ' * 30 + "1" + "}" * 30, "more than 20 levels of brackets"),
    "two megabytes": (" " * 2_000_000, "has more than the 1,000,000 bytes"),
    "no text": ("\ud800", "is not readable as JSON"),
}


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


ROOT = Path(__file__).parent.parent


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
