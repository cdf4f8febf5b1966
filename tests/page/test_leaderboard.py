import dataclasses

import pytest
from forged import KNOWN, WEIGHTS, entry

from fkd.board.entries import Benchmark, Claim, Entries
from fkd.board.ranking import RankingRow, ranking
from fkd.page.leaderboard import Board, _show
from fkd.page.ranking_table import STATUSES, Filters, column_names, ranking_table

BENCHMARK = Benchmark("drawn", "drawn faces", "f", 10, 200)
CLAIM = Claim("ada/net", "a" * 40, "drawn", "resnet18", {"rmse": 1.5}, 8_000_000, "2026-01-01", "")


def rows(*entries) -> list[RankingRow]:
    return ranking(BENCHMARK, Entries(list(entries), {"bad": "bad.json is no entry"}), KNOWN, [CLAIM])


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (Filters(STATUSES, "all", "any size"), ["a", "ada/net", "bad"]),
        (Filters(["claimed"], "all", "any size"), ["ada/net"]),
        (Filters(STATUSES, "fcnn", "any size"), ["a"]),
        (Filters(STATUSES, "resnet", "any size"), ["ada/net"]),
        (Filters(STATUSES, "all", "5 to 20 M"), ["ada/net", "bad"]),
        (Filters([], "all", "any size"), []),
    ],
)
def test_filters_keep_rows_by_status_family_and_size(filters, names):
    assert [row.name for row in rows(entry("a", 2.0)) if filters.keeps(row)] == names


def test_flip_averaging_and_ensembles_are_told_by_their_fields_not_by_their_names():
    flipped = entry("plain name", 2.0, mirror=True)
    named = entry("x-mirror", 3.0)
    several = entry("several", 4.0, members=2, mirror=True)
    table = ranking_table(rows(flipped, named, several), [], {WEIGHTS: "fcnn"}).data.set_index("model")
    assert table["predictions"]["plain name"] == "one model, flip averaging"
    assert table["predictions"]["x-mirror"] == "one model"
    assert table["predictions"]["several"] == "mean of 2 models, flip averaging"
    assert table["card"]["x-mirror"] == table["card"]["plain name"] == "[card](?tab=model&model=fcnn)"
    assert table["card"]["ada/net"] == "[card](https://huggingface.co/ada/net)" and table["card"]["bad"] == ""


def test_a_table_shows_what_is_not_known_as_a_dash_and_the_chosen_columns_only():
    without = entry("a", 2.0)
    figures = without.accuracy.figures | {"nme": None, "failure_rate": None}
    without = dataclasses.replace(without, accuracy=dataclasses.replace(without.accuracy, figures=figures))
    shown = ranking_table(rows(without), ["failures, %", "RMSE, px"], {})
    assert list(shown.columns) == ["rank", "model", "RMSE, px", "failures, %"]
    html = shown.to_html()
    assert ">2.000<" in html and ">1.500<" in html and html.count(">-<") == 3 + 1 + 3  # ranks, then figures
    assert list(ranking_table([], [], {}).columns) == column_names()


def test_a_view_gives_one_value_per_component(tmp_path):
    (tmp_path / "drawn").mkdir()
    view = _show(Board(tmp_path, {"drawn": BENCHMARK}, {}), "unknown", Filters(STATUSES, "all", "any size"), [], ["x"])
    assert len(view.outputs()) == 8 and "Nobody has entered a result" in view.about
    assert not view.any_row and view.plotted == []
