"""The tab of rankings in Chromium: the ranking first, on a phone, by keyboard, with an address that keeps the view."""

import re
import shutil

import pandas as pd
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from hub_server import Fault
from playwright.sync_api import Page, expect

from browser.helpers import BOARD, choose, launched, open_tab, screenshot, settle, standing, tab_by_keyboard, tab_to
from fkd.board.entries import find_benchmark, read_entries
from fkd.page import leaderboard
from fkd.page.ranking import is_single

READY = "[role=tab]"
ROWS = "#ranking tbody tr"
FIGURES = ("trade-off", "cumulative", "face-plot", "degraded")
HEADS = ["rank", "model", "network", "RMSE, px/aligned", "mean error, %", "failures, %", "parameters/ms"]
NASTY = "<img src=x onerror=alert(1)>"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    with launched() as url:
        yield url


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


def kept(page: Page, **values: str) -> None:
    """Waits until the address keeps these values."""
    page.wait_for_function(
        """values => {
            const asked = new URLSearchParams(location.search);
            return Object.entries(values).every(([name, value]) => asked.get(name) === value);
        }""",
        arg=values,
    )


def test_the_ranking_is_above_the_fold_in_seven_columns(board):
    assert [text.strip(" ▲▼\n") for text in board.locator("#ranking th").all_text_contents()] == HEADS
    shown = {"desktop": 3, "phone": 1}[board.size]
    row = board.locator(ROWS).nth(shown - 1).bounding_box()
    assert row["y"] + row["height"] <= board.viewport_size["height"]
    about = board.locator("#about-benchmark")
    expect(about).to_contain_text("538 held-out faces of wild15: Faces cut from 300-W photos and YouTube Faces frames")
    expect(about).to_contain_text("only Kaggle may hand them out")
    expect(about).to_contain_text("--benchmark kaggle")
    assert about.bounding_box()["y"] < board.locator(ROWS).first.bounding_box()["y"]
    screenshot(board, "leaderboard")


@pytest.mark.slow
def test_intervals_are_drawn_on_one_scale(board):
    shown = [row.entry.accuracy for row in standing()]
    low, high = min(one.rmse_low for one in shown), max(one.rmse_high for one in shown)
    drawn = board.locator(f"{ROWS} .whisker")
    expect(drawn).to_have_count(3)
    places = drawn.evaluate_all(
        """lines => lines.map(line => {
            const [all, part] = [line.getBoundingClientRect(), line.querySelector('b').getBoundingClientRect()];
            return [(part.left - all.left) / all.width, (part.right - all.left) / all.width];
        })"""
    )
    texts = board.locator(f"{ROWS} td[data-column=rmse]").all_text_contents()
    for (start, stop), text in zip(places, texts, strict=True):
        told = [float(number) for number in re.search(r"interval ([\d.]+) to ([\d.]+) px", text).groups()]
        assert [start, stop] == pytest.approx([(value - low) / (high - low) for value in told], abs=0.03)


@pytest.mark.slow
def test_a_heading_sorts_up_and_down_by_pointer_and_by_keyboard(board):
    rmse = [float(text.partition(" / ")[0]) for text in cells(board, "rmse")]
    assert rmse == sorted(rmse) and cells(board, "rank") == ["1", "1", "3"]
    assert board.locator(f"{ROWS} td[data-column=rank]").all_inner_texts()[0].split() == ["1", "tied"]
    for expected in ("ascending", "descending"):
        head(board, "failure_rate").click()
        expect(board.locator("#ranking th[data-column=failure_rate]")).to_have_attribute("aria-sort", expected)
        failures = [float(text) for text in cells(board, "failure_rate")]
        assert failures == sorted(failures, reverse=expected == "descending")
    expect(board.locator("#ranking [role=status]")).to_have_text("Sorted by failures, %, largest first.")
    kept(board, sort="-failure_rate")
    expect(board.locator("#ranking th[aria-sort]")).to_have_count(1)
    head(board, "latency_ms").focus()
    board.keyboard.press("Enter")
    board.keyboard.press("Space")
    expect(board.locator("#ranking th[data-column=parameters]")).to_have_attribute("aria-sort", "descending")
    kept(board, sort="-latency_ms")
    slowest = sorted(standing(), key=lambda row: -row.entry.cost.latency_ms)
    assert cells(board, "model") == [row.name for row in slowest]
    assert board.evaluate("document.activeElement.dataset.sort") == "latency_ms", "the focus stays on the heading"


@pytest.mark.slow
def test_ensembles_and_flip_averaging_are_behind_one_switch(board):
    assert set(cells(board, "model")) == {"fcnn", "resnet18", "resnet50"}
    expect(board.locator("#ranking .note")).to_contain_text("3 more entries (ensembles, flip averaging) are hidden")
    board.get_by_label("Include ensembles and flip averaging").check()
    expect(board.locator(ROWS)).to_have_count(6, timeout=20_000)
    settle(board)
    rows = standing(averaged=True)
    assert rows[0].name == "resnets-mirror" and cells(board, "model") == [row.name for row in rows]
    assert cells(board, "rank") == [str(row.rank) for row in rows]
    expect(board.locator(ROWS).first).to_contain_text("mean of 2 models, flip averaging")
    kept(board, averaged="true")


@pytest.mark.slow
def test_a_row_opens_its_model(board):
    link = board.locator(f"{ROWS} a", has_text="resnet18")
    expect(link).to_have_attribute("href", "?tab=model&model=resnet18")
    board.locator(ROWS).nth(2).locator("td[data-column=nme]").click()
    expect(board.locator("#card")).to_contain_text("9216-500-30", timeout=30_000)
    assert "tab=model" in board.url and "model=fcnn" in board.url


@pytest.mark.slow
def test_published_scores_are_not_in_the_ranking(board):
    unfold(board, "#published")
    scores = board.locator("#published li")
    expect(scores.first).to_contain_text("1.282")
    expect(scores.locator("a").first).to_have_attribute("href", re.compile("^https://www.kaggle.com/"))
    assert "private leaderboard" not in board.locator("#ranking").inner_text()


@pytest.mark.slow
def test_on_a_phone_the_tab_is_at_most_three_screens_of_cards(board):
    if board.size != "phone":
        pytest.skip("of a phone")
    for width in (390, 320):
        board.set_viewport_size({"width": width, "height": 844})
        settle(board)
        assert board.evaluate("document.documentElement.scrollHeight") <= 3 * 844
        assert board.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [row.bounding_box() for row in board.locator(ROWS).all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        assert boxes[0]["height"] < 180 and boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"], "cards, not lines"
    expect(board.locator("#figures .js-plotly-plot")).to_have_count(0)


@pytest.mark.slow
def test_figures_are_large_enough_to_read(board):
    if board.size == "phone":
        unfold(board, "#figures")
    for name in FIGURES:
        plot = board.locator(f".{name} .js-plotly-plot")
        expect(plot).to_be_visible(timeout=30_000)
        box = plot.locator(".main-svg").first.bounding_box()
        assert box["width"] >= min(400, board.viewport_size["width"] - 100) and box["height"] >= 380, name
    expect(board.locator(".degraded .subplot")).to_have_count(8)
    screenshot(board, "leaderboard-figures")
    sizes = board.locator("#figures .legendtext").evaluate_all(
        "texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize))"
    )
    assert len(sizes) >= 3 * 4 and min(sizes) >= 12
    # On a phone a legend does not lie over its figure, or outside of it.
    for name in FIGURES:
        for box in board.locator(f".{name} .legend").evaluate_all(
            """legends => legends.map(legend => {
                const own = legend.getBoundingClientRect();
                const all = legend.closest('.js-plotly-plot').getBoundingClientRect();
                return [own.left - all.left, all.right - own.right, own.top - all.top];
            })"""
        ):
            assert min(box) >= -2, name


@pytest.mark.slow
def test_an_address_opens_the_same_view_in_a_fresh_browser(board, browser):
    board.get_by_label("Include ensembles and flip averaging").check()
    expect(board.locator(ROWS)).to_have_count(6, timeout=20_000)
    board.locator("#search").get_by_role("textbox").press_sequentially("RESNET18")
    expect(board.locator(ROWS)).to_have_count(3, timeout=20_000)
    unfold(board, "#filters")
    choose(board, "#columns", "multiply-adds, M")
    board.keyboard.press("Escape")
    expect(board.locator("#ranking th")).to_have_count(8, timeout=20_000)
    board.locator("#filters").get_by_label("unreadable").uncheck()
    head(board, "macs").click()
    head(board, "macs").click()
    kept(board, sort="-macs")
    other = browser.new_page(viewport=board.viewport_size)
    other.goto(board.url)
    ranked(other)
    for page in (board, other):
        assert cells(page, "model") == ["resnets-mirror", "resnet18-mirror", "resnet18"]
        assert cells(page, "macs") == ["3,051", "1,081", "541"]
        expect(page.locator("#ranking th[data-column=macs]")).to_have_attribute("aria-sort", "descending")
    # Gradio may select the tab before the inputs have the address's values.
    other.evaluate("() => window.fkd.openTab(['leaderboard', ['search']], [''], true)")
    kept(other, sort="-macs", averaged="true", search="RESNET18", columns="macs")
    unfold(other, "#filters")
    expect(other.get_by_label("unreadable")).not_to_be_checked()
    assert other.locator("#search").get_by_role("textbox").input_value() == "RESNET18"
    expect(other.get_by_label("Include ensembles and flip averaging")).to_be_checked()
    other.close()


@pytest.mark.slow
def test_a_nonsense_address_opens_the_ranking_as_it_is_at_first(page, address):
    page.goto(f"{address}?tab=leaderboard&benchmark=x&columns=x,,rank&sort=-x&status=x&model=x&search=")
    expect(page.locator("#ranking .none")).to_be_visible(timeout=30_000)
    page.goto(f"{address}?tab=leaderboard&benchmark=x&columns=x&sort=--rank&averaged=1&model=,")
    assert cells(ranked(page), "model") == [row.name for row in standing()]


@pytest.mark.slow
def test_models_in_the_figures_are_in_the_address(page, browser, address):
    page.goto(f"{address}?tab=leaderboard&benchmark=wild15&model=fcnn")
    ranked(page)
    if page.size == "phone":
        unfold(page, "#figures")
    expect(page.locator(".cumulative .js-plotly-plot")).to_be_visible(timeout=20_000)
    assert page.locator("#plotted").inner_text().split() == ["Models", "in", "the", "figures", "fcnn"]
    choose(page, "#plotted", "resnet18")
    expect(page.locator(".cumulative .legend")).to_contain_text("resnet18", timeout=20_000)
    kept(page, model="fcnn,resnet18")


@pytest.mark.slow
def test_filters_downloads_and_the_benchmark_without_an_entry(board, tmp_path):
    with board.expect_download() as download:
        board.locator("#ranking-csv").click()
    download.value.save_as(tmp_path / "ranking.csv")
    assert download.value.suggested_filename == "wild15.csv"
    assert pd.read_csv(tmp_path / "ranking.csv")["model"].tolist() == [row.name for row in standing()]
    unfold(board, "#filters")
    board.locator("#search").get_by_role("textbox").press_sequentially("fcnn")
    expect(board.locator(ROWS)).to_have_count(1, timeout=20_000)
    choose(board, "#benchmark", "kaggle-facial-keypoints")
    expect(board.locator("#about-benchmark")).to_contain_text("Nobody has entered a result on", timeout=20_000)
    expect(board.locator("#ranking table")).not_to_be_visible()
    expect(board.locator("#figures")).not_to_be_visible()
    kept(board, benchmark="kaggle-facial-keypoints")


@pytest.mark.slow
def test_claims_from_the_hub_stand_below_what_was_measured(hub, browser, tmp_path, monkeypatch):
    root = shutil.copytree(BOARD, tmp_path / "leaderboard")
    (root / "wild15" / f"{NASTY}.json").write_text("{}")
    benchmark = find_benchmark(root, "wild15")
    singles = {entry.name for entry in read_entries(root, benchmark).measured if is_single(entry)}
    counts = {"faces": benchmark.faces, "values": benchmark.values}
    data = {"type": "wild15", "name": "wild15", "revision": benchmark.fingerprint, "args": counts}
    for number in range(5000):
        result = {"dataset": data, "metrics": [{"type": "rmse", "value": 0.5 + number / 1000}], "task": {"type": "any"}}
        card = yaml.safe_dump({"tags": ["fkd"], "model-index": [{"name": "net", "results": [result]}]})
        hub.put(f"user{number % 50}/net{number}", {"README.md": f"---\n{card}---\n".encode()})
    with launched(leaderboard=root) as url:
        page = browser.new_page()
        alerts = []
        page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
        page.goto(url)
        open_tab(page, "Leaderboard")
        expect(page.locator("#from-hub")).to_contain_text("have not been read yet", timeout=20_000)
        expect(ranked(page).locator(ROWS).last).to_contain_text(NASTY)
        page.locator("#sync").click()
        expect(page.locator("#from-hub")).to_contain_text("5,000 claims, 0 refused", timeout=60_000)
        expect(page.locator("#ranking")).to_contain_text("user0/net0", timeout=20_000)
        names = cells(page, "model")
        assert set(names[: len(singles)]) == singles and names[len(singles)] == "user0/net0 on the Hub"
        assert len(names) == 100, "no browser is given thousands of rows"
        claim = page.locator(ROWS).nth(len(singles))
        expect(claim).to_contain_text("claimed: claimed by its author")
        expect(claim.locator("a")).to_have_attribute("href", "https://huggingface.co/user0/net0")
        rows = f"{5000 + len(singles) + 1:,}"
        expect(page.locator("#ranking .note")).to_contain_text(f"The first 100 of {rows} rows are shown")
        head(page, "rmse").click()
        head(page, "rmse").click()  # the largest first: those that were not sent before
        expect(page.locator(ROWS).first).to_contain_text("5.499", timeout=20_000)
        page.locator("#search").get_by_role("textbox").press_sequentially("net4321")
        expect(page.locator(ROWS)).to_have_count(1, timeout=20_000)

        page.goto(url)
        open_tab(page, "Leaderboard")
        hub.faults.append(Fault("GET", "/api/models", status=500))
        page.locator("#sync").click()  # within a minute: the Hub is not read again
        settle(page)
        expect(page.locator("#from-hub")).to_contain_text("5,000 claims, 0 refused")
        monkeypatch.setattr(leaderboard, "PAUSE", 0)
        page.locator("#sync").click()
        expect(page.locator("#from-hub")).to_contain_text("The last sync failed", timeout=60_000)
        expect(page.locator("#from-hub")).to_contain_text("5,000 claims, 0 refused")
        assert not alerts and not page.locator("#ranking img").count()
        page.close()


@pytest.mark.slow
def test_the_ranking_by_keyboard(page):
    tab_by_keyboard(page, "Leaderboard")
    ranked(page)
    tab_to(page, "#ranking th button", "RMSE")
    page.keyboard.press("Enter")
    expect(page.locator("#ranking th[data-column=rmse]")).to_have_attribute("aria-sort", "ascending")
    tab_to(page, "#ranking td a", "resnet18")
    tab_to(page, "#ranking-csv")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert "resnet18" in set(pd.read_csv(download.value.path())["model"])


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_hurdle_for_anyone(page, address, theme):
    page.goto(f"{address}?tab=leaderboard&averaged=true&__theme={theme}")
    ranked(page)
    for accordion in ("#filters", "#questions", "#cite"):
        unfold(page, accordion)
    if page.size == "phone":
        unfold(page, "#figures")
    expect(page.locator(".degraded .js-plotly-plot")).to_be_visible(timeout=30_000)
    settle(page)
    screenshot(page, f"leaderboard-{theme}")
    problems = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert not [(each["id"], each["nodes"][0]["html"][:300]) for each in problems]
