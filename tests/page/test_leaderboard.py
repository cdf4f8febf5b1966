"""The rows and the HTML of a ranking, as a visitor chose to see it."""

import pytest
from forged import KNOWN, entry, weights

from fkd.board.entries import Benchmark, Claim, Entries
from fkd.board.ranking import RankingRow, ranking
from fkd.page.ranking import Choice, ranking_html

BENCHMARK = Benchmark("drawn", "drawn faces", "f", 10, 200)
CLAIM = Claim("ada/net", "a" * 40, "drawn", "resnet18", {"rmse": 1.5}, 8_000_000, "2026-01-01")
EVIL = '<img src=x onerror=alert(1)>"'


def rows(*entries) -> list[RankingRow]:
    return ranking(BENCHMARK, Entries(list(entries), {"bad": "bad.json is no entry"}), KNOWN, [CLAIM])


def html_of(*entries, **choice) -> str:
    return ranking_html(rows(*entries), Choice(**choice), {weights("x-mirror"): "fcnn"}, {"a": "#ff0000"})


def row_of(html: str, name: str) -> str:
    return next(row for row in html.split("<tr")[2:] if f">{name}<" in row)


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (Choice(), ["a", "ada/net", "bad"]),
        (Choice(search=" NET"), ["ada/net"]),
        (Choice(search="fcnn"), ["a"]),
    ],
)
def test_a_search_is_by_model_and_network(choice, names):
    assert [row.name for row in rows(entry("a", 2.0)) if choice.keeps(row)] == names


def test_names_link_to_the_page_or_to_the_hub_with_a_note_on_unusual_predictions():
    flipped = entry("flipped", 2.0, mirror=True)
    several = entry("several", 4.0, weights=[weights("a"), weights("b")], mirror=True)
    html = html_of(flipped, entry("x-mirror", 3.0), several)
    assert ">one model, flip averaging<" in row_of(html, "flipped")
    assert "one model" not in row_of(html, "x-mirror")
    assert ">mean of 2 models, flip averaging<" in row_of(html, "several")
    assert 'href="?tab=model&amp;model=fcnn"' in row_of(html, "x-mirror")
    claim = row_of(html, "ada/net")
    assert 'href="https://huggingface.co/ada/net"' in claim and "claimed: claimed by its author" in claim
    assert "<a " not in row_of(html, "bad")


def test_values_have_their_units_and_unknown_ones_a_dash():
    aligned = entry("new", 3.0, aligned={"rmse": 1.25, "nme": None, "failure_rate": None})
    html = html_of(aligned, entry("a", 2.0))
    assert html.count("<th ") == 7 and 'data-sort="aligned_rmse"' in html
    assert "<span>3.000 / 1.250</span>" in row_of(html, "new")
    assert "<span>2.000</span>" in row_of(html, "a") and "--ink: #ff0000" in row_of(html, "a")
    assert "<span>0.0 M / 1.0 ms</span>" in row_of(html, "a")
    claim = row_of(html, "ada/net")
    assert "<span>1.500</span>" in claim and "<span>8.0 M</span>" in claim and "whisker" not in claim
    assert row_of(html, "bad").count("<span>-</span>") == 6


def test_at_most_a_hundred_rows_are_sent_and_only_ranked_ones_stretch_the_scale():
    entries = [entry(f"net{number}", 2.0 + number / 100) for number in range(101)]
    html = html_of(*entries, entry("liar", 50.0, held_out=False))
    assert html.count("<tr") == 1 + 100 and ">net99<" in html and ">net100<" not in html
    assert "left: 100.00%" in row_of(html, "net99")


def test_a_hostile_name_stays_text():
    hostile = RankingRow(EVIL, "unreadable", EVIL)
    html = ranking_html([hostile, *rows(entry("a", 2.0))], Choice(), {}, {}, EVIL)
    assert "<img" not in html and html.count("&lt;img src=x onerror=alert(1)&gt;&#34;") >= 4
