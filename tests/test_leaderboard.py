import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from fkd.evaluate import Accuracy, Cost, Detail, Evaluation
from fkd.keypoints import NAMES
from fkd.leaderboard import KAGGLE, read_benchmarks, read_entries, read_published, table, tied, write_entry


def entry(name: str, rmse: float, **change) -> Evaluation:
    accuracy = Accuracy(
        faces=10, values=200, rmse=rmse, rmse_low=rmse - 0.1, rmse_high=rmse + 0.1,
        rmse_by_keypoint=dict.fromkeys(NAMES, rmse), nme=5.0, nme_faces=10, failure_rate=0.0,
        error_quantiles={"0.5": rmse},
    )  # fmt: skip
    detail = Detail([20 * rmse**2] * 10, [20] * 10, [5.0] * 10, dict.fromkeys(NAMES, [0.0] * 5), [], [])
    cost = Cost(parameters=1, macs=1, latency_ms=1.0, hardware="here")
    evaluation = Evaluation(
        name=name, benchmark="drawn", fingerprint="f", accuracy=accuracy, detail=detail, cost=cost, checkpoint="0",
        model="fcnn", members=1, mirror=False, data={"name": "drawn"}, held_out=True, robustness={},
    )  # fmt: skip
    return dataclasses.replace(evaluation, **change)


@pytest.fixture
def board(tmp_path):
    def rank(*entries):
        for item in entries:
            write_entry(tmp_path, item, "drawn faces")
        (benchmark,) = read_benchmarks(tmp_path)
        return table(benchmark, read_entries(tmp_path, benchmark))

    return rank


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
        return dataclasses.replace(item, detail=dataclasses.replace(item.detail, squares=[*squares], values=[20] * 400))

    ranking = board(model("a", 1, 8), model("b", 1.002, 8), model("c", 1.1, 8), model("d", 2, 8))
    assert dict(zip(ranking["model"], ranking["rank"], strict=True)) == {"a": 1, "b": 1, "c": 3, "d": 4}
    assert tied(entry("a", 1.0), entry("b", 1.0)) and not tied(entry("a", 1.0), entry("b", 1.01))


def test_what_may_not_be_ranked_comes_last_with_the_reason(board):
    full = entry("full", 2.0)
    ranking = board(
        full,
        entry("other faces", 0.1, fingerprint="g"),
        entry("a part", 0.2, accuracy=dataclasses.replace(full.accuracy, values=50)),
        entry("leaked", 0.3, held_out=False),
    )
    assert ranking["model"].tolist() == ["full", "other faces", "leaked", "a part"]
    assert ranking["rank"].tolist()[0] == 1 and ranking["rank"].isna().tolist() == [False, True, True, True]
    for row, reason in ((1, "other test data"), (2, "kept out of training"), (3, "50 of 200 coordinates")):
        assert reason in ranking["unranked"][row]


def test_measuring_again_replaces_an_entry(board):
    board(entry("a", 3.0))
    assert board(entry("a", 2.0))["rmse"].tolist() == [2.0]


def test_benchmarks_never_share_a_ranking(tmp_path):
    write_entry(tmp_path, entry("a", 3.0), "x")
    write_entry(tmp_path, entry("a", 1.0, benchmark="other", fingerprint="g"), "y")
    assert [b.name for b in read_benchmarks(tmp_path)] == ["drawn", "other"]
    assert [len(read_entries(tmp_path, b)) for b in read_benchmarks(tmp_path)] == [1, 1]


def test_a_benchmark_may_wait_for_its_first_entry_beside_what_others_report(tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    waiting = {"name": "drawn", "description": "awaited", "fingerprint": "", "faces": 0, "values": 0}
    (folder / "benchmark.json").write_text(json.dumps(waiting))
    scores = [{"rmse": rmse, "what": "theirs", "measured_on": "there", "source": "https://x.y"} for rmse in (3, 2)]
    (folder / "published.json").write_text(json.dumps(scores))
    (benchmark,) = read_benchmarks(tmp_path)
    assert read_entries(tmp_path, benchmark) == [] and table(benchmark, []).empty
    write_entry(tmp_path, entry("a", 3.0), "other words")
    (benchmark,) = read_benchmarks(tmp_path)
    assert (benchmark.fingerprint, benchmark.faces, benchmark.values) == ("f", 10, 200)
    assert benchmark.description == "awaited"
    assert table(benchmark, read_entries(tmp_path, benchmark))["model"].tolist() == ["a"], "never ranked with theirs"
    assert read_published(tmp_path, benchmark)["rmse"].tolist() == [2, 3]
    (folder / "published.json").write_text('[{"rmse": 1}]')
    with pytest.raises(ValueError, match="published.json is no list of published scores"):
        read_published(tmp_path, benchmark)


def test_the_published_scores_of_the_competition_have_a_source():
    root = Path(__file__).parent.parent / "leaderboard"
    (kaggle,) = (benchmark for benchmark in read_benchmarks(root) if benchmark.name == KAGGLE)
    published = read_published(root, kaggle)
    assert len(published) and published["source"].str.startswith("https://").all()
    assert published["measured_on"].str.contains("hidden test set").all()


def test_a_broken_file_is_named(tmp_path):
    path = write_entry(tmp_path, entry("a", 3.0), "x")
    path.write_text(json.dumps({"rmse": 0}))
    (benchmark,) = read_benchmarks(tmp_path)
    with pytest.raises(ValueError, match="a.json: not an evaluation"):
        read_entries(tmp_path, benchmark)
    path.write_text("{")
    with pytest.raises(ValueError, match="a.json"):
        read_entries(tmp_path, benchmark)
    (tmp_path / "drawn" / "benchmark.json").write_text("[]")
    with pytest.raises(ValueError, match="benchmark.json does not describe a benchmark"):
        read_benchmarks(tmp_path)
