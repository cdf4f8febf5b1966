"""The Leaderboard tab in Chromium: the ranking first, on a phone, by keyboard, with a URL that keeps the view."""

import re
import shutil

import pandas as pd
import pytest
import yaml
from hub_server import Fault
from playwright.sync_api import Page, expect

from browser.helpers import (
    BOARD,
    choose,
    launched,
    open_tab,
    screenshot,
    settle,
    standing,
    tab_by_keyboard,
    tab_to,
)
from fkd.board.entries import find_benchmark, read_entries
from fkd.page import leaderboard
from fkd.page.ranking import is_single

READY = "[role=tab]"
ROWS = "#ranking tbody tr"
FIGURES = ("trade-off", "cumulative", "face-plot")
HEADS = ["rank", "model", "network", "RMSE, px/aligned", "mean error, %", "failures, %", "parameters/ms"]
NASTY = "<img src=x onerror=alert(1)>"

pytestmark = pytest.mark.browser


@pytest.fixture
def board(page, address):
    """The page, once it shows the ranking."""
    page.goto(f"{address}?tab=leaderboard")
    return ranked(page)


def ranked(page: Page) -> Page:
    expect(page.locator(ROWS).first).to_be_visible(timeout=30_000)
    settle(page)
    return page


def cells(page: Page, column: str) -> list[str]:
    return page.locator(f"{ROWS} td[data-column={column}] > :first-child").all_inner_texts()


def head(page: Page, key: str):
    return page.locator(f"#ranking th button[data-sort={key}]")


def unfold(page: Page, accordion: str) -> None:
    page.locator(f"{accordion} > button").click()
    settle(page)


def search(page: Page, text: str, rows: int) -> None:
    page.locator("#search").get_by_role("textbox").press_sequentially(text)
    expect(page.locator(ROWS)).to_have_count(rows, timeout=20_000)


def in_address(page: Page, **values: str) -> None:
    """Waits until the URL has these values."""
    page.wait_for_function(
        """values => {
            const query = new URLSearchParams(location.search);
            return Object.entries(values).every(([name, value]) => query.get(name) === value);
        }""",
        arg=values,
    )


def test_the_ranking_is_above_the_fold_with_intervals_on_one_scale(board):
    assert [text.strip(" ▲▼\n") for text in board.locator("#ranking th").all_text_contents()] == HEADS
    shown = {"desktop": 3, "phone": 1}[board.size]
    row = board.locator(ROWS).nth(shown - 1).bounding_box()
    assert row["y"] + row["height"] <= board.viewport_size["height"]
    about = board.locator("#about-benchmark")
    expect(about).to_contain_text("538 held-out faces of wild15: Faces cut from 300-W photos and YouTube Faces frames")
    screenshot(board, "leaderboard")

    measured = [row.entry.accuracy for row in standing() if row.rank]
    low, high = min(one.rmse_low for one in measured), max(one.rmse_high for one in measured)
    drawn = board.locator(f"{ROWS} .whisker")
    expect(drawn).to_have_count(5)
    places = drawn.evaluate_all(
        """lines => lines.map(line => {
            const [all, part] = [line.getBoundingClientRect(), line.querySelector('b').getBoundingClientRect()];
            return [(part.left - all.left) / all.width, (part.right - all.left) / all.width];
        })"""
    )
    texts = board.locator(f"{ROWS} td[data-column=rmse]").all_text_contents()
    for place, text in zip(places, texts, strict=True):
        ends = [float(number) for number in re.search(r"interval ([\d.]+) to ([\d.]+) px", text).groups()]
        assert place == pytest.approx([(end - low) / (high - low) for end in ends], abs=0.03)

    for width in (390, 320) if board.size == "phone" else ():
        board.set_viewport_size({"width": width, "height": 844})
        settle(board)
        assert board.evaluate("document.documentElement.scrollHeight") <= 3.3 * 844
        assert board.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [row.bounding_box() for row in board.locator(ROWS).all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        assert boxes[0]["height"] < 180 and boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"], "cards, not lines"


@pytest.mark.slow
def test_the_ranking_is_sorted_searched_and_opened_by_pointer(board):
    rmse = [float(text.partition(" / ")[0]) for text in cells(board, "rmse")]
    *ranked_ones, unranked = cells(board, "rank")
    assert rmse[:-1] == sorted(rmse[:-1]) and ranked_ones == ["1", "1", "3", "4"] and unranked == "-"
    assert board.locator(f"{ROWS} td[data-column=rank]").all_inner_texts()[0].split() == ["1", "tied"]
    for expected in ("ascending", "descending"):
        head(board, "failure_rate").click()
        expect(board.locator("#ranking th[data-column=failure_rate]")).to_have_attribute("aria-sort", expected)
        failures = [float(text) for text in cells(board, "failure_rate")]
        assert failures == sorted(failures, reverse=expected == "descending")
    expect(board.locator("#ranking [role=status]")).to_have_text("Sorted by failures, %, largest first.")
    in_address(board, sort="-failure_rate")
    expect(board.locator("#ranking th[aria-sort]")).to_have_count(1)

    expect(board.locator("#ranking .note")).to_contain_text("4 more entries (ensembles, flip averaging) are hidden")
    head(board, "rank").click()
    expect(board.locator("#ranking th[data-column=rank]")).to_have_attribute("aria-sort", "ascending")
    board.get_by_label("Include ensembles and flip averaging").check()
    expect(board.locator(ROWS)).to_have_count(9, timeout=20_000)
    settle(board)
    rows = standing(averaged=True)
    assert rows[0].name == "resnets-mirror" and cells(board, "model") == [row.name for row in rows]
    expect(board.locator(ROWS).first).to_contain_text("mean of 2 models, flip averaging")
    unfold(board, "#published")
    expect(board.locator("#published li").first).to_contain_text("1.282")
    search(board, "fcnnx", 0)
    board.locator("#search").get_by_role("textbox").press("Backspace")
    expect(board.locator(ROWS)).to_have_count(1, timeout=20_000)
    board.locator("#clear").click()
    expect(board.locator(ROWS).nth(1)).to_be_visible(timeout=20_000)
    board.wait_for_function("!location.search.includes('search')")
    search(board, "fcnn", 1)
    board.locator(ROWS).locator("td[data-column=nme]").click()
    expect(board.locator("#card")).to_contain_text("9216-500-30", timeout=30_000)
    assert "tab=model" in board.url and "model=fcnn" in board.url


@pytest.mark.slow
def test_figures_are_large_enough_to_read_and_of_the_ranking_s_models(board):
    expect(board.locator("#figures .js-plotly-plot")).to_have_count(0)
    unfold(board, "#figures")
    for name in FIGURES:
        plot = board.locator(f".{name} .js-plotly-plot")
        expect(plot).to_be_visible(timeout=30_000)
        box = plot.locator(".main-svg").first.bounding_box()
        assert box["width"] >= min(380, board.viewport_size["width"] - 100) and box["height"] >= 380, name
        legends = plot.locator(".legend").evaluate_all(
            """legends => legends.map(legend => {
                const own = legend.getBoundingClientRect();
                const all = legend.closest('.js-plotly-plot').getBoundingClientRect();
                return Math.min(own.left - all.left, all.right - own.right, own.top - all.top);
            })"""
        )
        assert min(legends) >= -2, f"the legend of {name} is cut off"
    screenshot(board, "leaderboard-figures")
    sizes = board.locator("#figures .legendtext").evaluate_all(
        "texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize))"
    )
    assert len(sizes) >= 3 * 3 and min(sizes) >= 12
    expect(board.locator(".cumulative .legend")).to_contain_text("fcnn")
    search(board, "resnet18", 1)
    expect(board.locator(".cumulative .legend")).not_to_contain_text("fcnn", timeout=20_000)


@pytest.mark.slow
def test_an_address_opens_the_same_view_in_a_fresh_browser(board, browser, address):
    board.get_by_label("Include ensembles and flip averaging").check()
    expect(board.locator(ROWS)).to_have_count(9, timeout=20_000)
    search(board, "RESNET18", 3)
    for order in ("", "-"):
        head(board, "latency_ms").click()
        in_address(board, sort=f"{order}latency_ms")
    other = browser.new_page(viewport=board.viewport_size)
    other.goto(board.url)
    ranked(other)
    assert cells(board, "model") == cells(other, "model") == ["resnets-mirror", "resnet18-mirror", "resnet18"]
    expect(other.locator("#ranking th[data-column=parameters]")).to_have_attribute("aria-sort", "descending")
    # Gradio may select the tab before the inputs have the values of the URL.
    other.evaluate("() => window.fkd.openTab(['leaderboard', ['search']], [''], true)")
    in_address(other, sort="-latency_ms", averaged="true", search="RESNET18")
    assert other.locator("#search").get_by_role("textbox").input_value() == "RESNET18"
    expect(other.get_by_label("Include ensembles and flip averaging")).to_be_checked()
    other.goto(f"{address}?tab=leaderboard&benchmark=x&sort=--rank&averaged=1&model=,&search=")
    assert cells(ranked(other), "model") == [row.name for row in standing()], "nonsense is ignored"
    choose(other, "#benchmark", "kaggle-facial-keypoints")
    expect(other.locator("#about-benchmark")).to_contain_text("Nobody has entered a result on", timeout=20_000)
    for part in ("#ranking table", "#figures", "#ranking-csv"):
        expect(other.locator(part)).not_to_be_visible()
    other.close()


@pytest.mark.slow
def test_claims_from_the_hub_stand_below_what_was_measured(hub, browser, tmp_path, monkeypatch):
    root = shutil.copytree(BOARD, tmp_path / "leaderboard")
    (root / "wild15" / f"{NASTY}.json").write_text("{}")
    benchmark = find_benchmark(root, "wild15")
    singles = {entry.name for entry in read_entries(root, benchmark).measured if is_single(entry)}
    counts = {"faces": benchmark.faces, "values": benchmark.values}
    data = {"type": "wild15", "name": "wild15", "revision": benchmark.fingerprint, "args": counts}
    for number in range(150):
        result = {"dataset": data, "metrics": [{"type": "rmse", "value": 0.5 + number / 1000}], "task": {"type": "any"}}
        card = yaml.safe_dump({"tags": ["fkd"], "model-index": [{"name": "net", "results": [result]}]})
        hub.put(f"user{number}/net{number}", {"README.md": f"---\n{card}---\n".encode()})
    with launched(leaderboard=root) as url:
        page = browser.new_page()
        page.goto(url)
        open_tab(page, "Leaderboard")
        notes = page.locator("#from-hub")
        expect(notes).to_contain_text("have not been read yet", timeout=20_000)
        expect(ranked(page).locator(ROWS).last).to_contain_text(NASTY)
        page.locator("#sync").click()
        expect(notes).to_contain_text("150 claims", timeout=60_000)
        expect(page.locator("#ranking")).to_contain_text("user0/net0", timeout=20_000)
        names = cells(page, "model")
        assert set(names[: len(singles)]) == singles and names[len(singles)] == "user0/net0 on the Hub"
        assert len(names) == 100
        claim = page.locator(ROWS).nth(len(singles))
        expect(claim).to_contain_text("claimed: claimed by its author")
        expect(claim.locator("a")).to_have_attribute("href", "https://huggingface.co/user0/net0")
        expect(page.locator("#ranking .note")).to_contain_text(f"first 100 of {150 + len(singles) + 1} rows are shown")

        hub.faults.append(Fault("GET", "/api/models", status=500))
        page.locator("#sync").click()  # within a minute, so the Hub is not read again
        settle(page)
        expect(notes).to_contain_text("150 claims")
        monkeypatch.setattr(leaderboard, "PAUSE", 0)
        page.locator("#sync").click()
        expect(notes).to_contain_text("150 claims.", timeout=60_000)
        assert not page.locator("#ranking img").count(), "a name became HTML"
        page.close()


@pytest.mark.slow
def test_the_ranking_by_keyboard(page):
    tab_by_keyboard(page, "Leaderboard")
    ranked(page)
    tab_to(page, "#ranking th button", "ms")
    for key, order in (("Enter", "ascending"), ("Space", "descending")):
        page.keyboard.press(key)
        expect(page.locator("#ranking th[data-column=parameters]")).to_have_attribute("aria-sort", order)
    settle(page)
    assert cells(page, "model") == [row.name for row in sorted(standing(), key=lambda row: -row.entry.cost.latency_ms)]
    assert page.evaluate("document.activeElement.dataset.sort") == "latency_ms", "the focus stays on the heading"
    tab_to(page, "#ranking td a", "resnet18")
    tab_to(page, "#ranking-csv")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "wild15.csv"
    assert set(pd.read_csv(download.value.path())["model"]) == {row.name for row in standing()}
