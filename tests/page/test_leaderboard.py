import dataclasses
import json

import pytest
from forged import KNOWN, WEIGHTS, entry

from fkd.board.entries import Benchmark, Claim, Entries, Published, read_benchmarks, write_entry
from fkd.board.ranking import RankingRow, ranking
from fkd.page.leaderboard import NAMES
from fkd.page.ranking import ranking_html
from fkd.page.ranking_table import OPTIONAL, STATUSES, Choice, first_columns, published, sorted_rows, table
from fkd.page.standings import Board, view

BENCHMARK = Benchmark("drawn", "drawn faces", "f", 10, 200)
CLAIM = Claim("ada/net", "a" * 40, "drawn", "resnet18", {"rmse": 1.5}, 8_000_000, "2026-01-01", "")


def rows(*entries) -> list[RankingRow]:
    return ranking(BENCHMARK, Entries(list(entries), {"bad": "bad.json is no entry"}), KNOWN, [CLAIM])


def value_of(*entries, **choice) -> dict:
    return table(rows(*entries), Choice(**choice), {WEIGHTS: "fcnn"}, {"a": "#ff0000"})


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (Choice(), ["a", "ada/net", "bad"]),
        (Choice(status=["claimed"]), ["ada/net"]),
        (Choice(search=" NET"), ["ada/net"]),
        (Choice(search="fcnn"), ["a"]),
        (Choice(status=[]), []),
    ],
)
def test_rows_are_kept_by_status_and_search(choice, names):
    assert [row.name for row in rows(entry("a", 2.0)) if choice.keeps(row)] == names


def test_an_address_says_what_to_see_and_what_is_wrong_in_it_is_left_out():
    asked = {"search": "x", "averaged": "true", "status": "claimed,none", "sort": "-ms"}
    choice = Choice.from_address(asked | {"columns": "macs,rank,,", "model": "a,,b", "benchmark": "c"})
    assert choice == Choice("c", "x", True, ["claimed"], ["macs"], "-ms", ["a", "b"])
    assert Choice.from_address({"sort": "--ms"}) == Choice(model=[])
    assert Choice.of("c", None, False, [], [], "nonsense", []).sort == "rank"
    assert len(Choice.of(*dataclasses.astuple(Choice())).__dict__) == len(NAMES)


def test_rows_are_sorted_by_any_column_and_what_is_not_known_comes_last():
    entries = rows(entry("b", 2.0), entry("C", 1.0), entry("a", 3.0))
    assert [row.name for row in sorted_rows(entries, "model")] == ["a", "ada/net", "b", "bad", "C"]
    assert [row.name for row in sorted_rows(entries, "rmse")] == ["C", "ada/net", "b", "a", "bad"]
    assert [row.name for row in sorted_rows(entries, "-rmse")] == ["a", "b", "ada/net", "C", "bad"]
    for column in (*first_columns(), *OPTIONAL):
        assert len(sorted_rows(entries, column.key)) == len(sorted_rows(entries, f"-{column.key}")) == 5


def test_flip_averaging_and_ensembles_are_told_by_their_fields_not_by_their_names():
    flipped = entry("plain name", 2.0, mirror=True)
    named = entry("x-mirror", 3.0)
    several = entry("several", 4.0, weights=[WEIGHTS, WEIGHTS], mirror=True)
    lines = {row["texts"]["model"]: row for row in value_of(flipped, named, several, columns=["predictions"])["rows"]}
    assert lines["plain name"]["texts"]["predictions"] == lines["plain name"]["note"] == "one model, flip averaging"
    assert lines["x-mirror"]["texts"]["predictions"] == "one model" and lines["x-mirror"]["note"] == ""
    assert lines["several"]["texts"]["predictions"] == "mean of 2 models, flip averaging"
    assert lines["x-mirror"]["model"] == lines["plain name"]["model"] == "fcnn"
    assert lines["ada/net"]["href"] == "https://huggingface.co/ada/net" and lines["bad"]["href"] == ""
    assert lines["ada/net"]["note"].startswith("claimed: claimed by its author")


def test_a_table_has_seven_columns_and_those_that_are_wanted_and_leaves_out_what_is_not_known():
    without = entry("a", 2.0)
    figures = without.accuracy.figures | {"nme": None, "failure_rate": None}
    without = dataclasses.replace(without, accuracy=dataclasses.replace(without.accuracy, figures=figures))
    value = value_of(without, columns=["status"])
    keys = [column["key"] for column in value["columns"]]
    assert keys == ["rank", "model", "network", "rmse", "nme", "failure_rate", "parameters", "status"]
    first, claim, bad = value["rows"]
    assert first["texts"]["rmse"] == "2.000" and claim["texts"]["rmse"] == "1.500" and bad["texts"]["rmse"] == ""
    assert [row["texts"]["nme"] for row in value["rows"]] == ["", "", ""] and claim["texts"]["rank"] == ""
    assert first["interval"] == [2.0, 2.0, 2.0] and first["colour"] == "#ff0000" and claim["interval"] is None
    assert value["scale"] == [2.0, 2.0] and json.dumps(value, allow_nan=False)


def test_the_ranking_figure_stands_beside_the_aligned_one():
    aligned = entry("new", 3.0, aligned={"rmse": 1.25, "nme": None, "failure_rate": None})
    value = value_of(aligned, entry("old", 2.0))
    (column,) = [column for column in value["columns"] if column["key"] == "rmse"]
    assert column["sorts"] == [["rmse", "RMSE, px"], ["aligned_rmse", "aligned"]]
    texts = {row["texts"]["model"]: row["texts"]["aligned_rmse"] for row in value["rows"]}
    assert texts == {"new": "1.250", "old": "-", "ada/net": "", "bad": ""}
    assert next(row.name for row in sorted_rows(rows(aligned, entry("old", 2.0)), "aligned_rmse")) == "new"


def test_submitted_predictions_are_marked_shown_with_their_interval_and_last():
    theirs = entry("theirs", 2.1, weights=[], cost=None, held_out=False, model="")
    every = rows(entry("ours", 2.2), theirs)
    assert [row.name for row in every if Choice().keeps(row)] == ["ours", "ada/net", "theirs", "bad"]
    value = value_of(entry("ours", 2.2), theirs, columns=["macs", "hardware", "predictions", "status"])
    line = next(row for row in value["rows"] if row["texts"]["model"] == "theirs")
    assert line["note"] == "submitted: its model was not run here"
    assert line["interval"] == [2.1, 2.1, 2.1] and line["model"] == line["href"] == ""
    unknown = ("rank", "network", "parameters", "ms", "macs", "hardware")
    assert [line["texts"][key] for key in unknown] == [""] * 6 and line["texts"]["predictions"] == "submitted"
    assert value["scale"] == [2.2, 2.2], "of what is ranked"


def test_at_most_a_hundred_rows_are_sent_and_the_scale_is_of_what_is_ranked():
    entries = [entry(f"net{number}", 2.0 + number / 100) for number in range(101)]
    value = value_of(*entries, entry("liar", 50.0, held_out=False), sort="-rmse")
    assert len(value["rows"]) == 100 and value["rows"][0]["texts"]["model"] == "liar"
    assert value["scale"] == pytest.approx([2.02, 3.0])


def test_published_scores_are_texts_with_their_source():
    (score,) = published([Published("first", "https://www.kaggle.com/c/x", private=1.28236)])
    assert score == {"best": "1.282", "scores": "1.282 private", "what": "first", "host": "kaggle.com"} | {
        "href": "https://www.kaggle.com/c/x"
    }


def test_a_view_gives_one_value_per_component(tmp_path):
    (tmp_path / "drawn").mkdir()
    shown = view(Board(tmp_path, {"drawn": BENCHMARK}, {}), Choice("unknown", status=STATUSES, model=["x"]))
    assert "Nobody has entered a result" in shown.about
    assert not shown.ranking["rows"] and not shown.ranking["any"] and shown.plotted == []


def test_ranks_are_among_what_the_switch_shows(tmp_path, monkeypatch):
    entries = Entries([entry("a", 2.0), entry("b", 1.0, mirror=True)])
    monkeypatch.setattr("fkd.page.standings.read_entries", lambda root, benchmark: entries)
    monkeypatch.setattr("fkd.page.standings.weights_there", lambda folders, measured: KNOWN)
    board = Board(tmp_path, {"drawn": BENCHMARK}, {})
    assert [(row.rank, row.name) for row in board.rows(Choice())] == [(1, "a")]
    assert [(row.rank, row.name) for row in board.rows(Choice(averaged=True))] == [(1, "b"), (2, "a")]
    assert "1 more entries" in view(board, Choice()).ranking["note"]


def test_a_click_ranks_again_only_what_has_changed(tmp_path, monkeypatch):
    ranked = []
    monkeypatch.setattr("fkd.page.standings.weights_there", lambda folders, measured: KNOWN)
    monkeypatch.setattr("fkd.page.standings.ranking", lambda *given: ranked.append(1) or ranking(*given))
    write_entry(tmp_path, entry("a", 2.0), "drawn faces")
    board = Board(tmp_path, {one.name: one for one in read_benchmarks(tmp_path)}, {})
    for search in ("", "a", "no such model"):
        board.rows(Choice(search=search))
    assert len(ranked) == 1 and [row.name for row in board.rows(Choice())] == ["a"]
    write_entry(tmp_path, entry("b", 1.0), "drawn faces")
    assert [row.name for row in board.rows(Choice())] == ["b", "a"] and len(ranked) == 2
    (tmp_path / "claims.json").write_text(json.dumps({"date": "2026-01-01", "claims": [dataclasses.asdict(CLAIM)]}))
    assert CLAIM.repo in [row.name for row in board.rows(Choice())] and len(ranked) == 3


def test_the_table_is_sorted_and_escaped_by_python():
    evil = '<img src=x onerror=alert(1)>"'
    value = value_of(entry("b", 2.0), entry("a", 3.0), sort="-rmse") | {"any": True, "note": evil}
    value["rows"][1]["texts"]["model"] = evil
    value["rows"][1]["note"] = evil
    html = ranking_html(value)
    assert "<img" not in html and html.count("&lt;img src=x onerror=alert(1)&gt;&quot;") == 4
    assert html.index(">3.000") < html.index(">2.000")
    assert 'data-column="rmse" aria-sort="descending"' in html.replace(" data-number", "")
    assert 'data-sort="rmse" data-next="rmse"' in html and 'data-sort="rank" data-next="rank"' in html
    assert "Sorted by RMSE, px, largest first." in html
    assert "No model fits" in html and '<p class="none" hidden>' in html
    assert '<p class="none">' in ranking_html(value | {"rows": []})
