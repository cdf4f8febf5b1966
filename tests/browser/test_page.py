"""The real page in Chromium, at phone and desktop size; no request may leave this machine."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from browser.helpers import (
    EXAMPLES,
    PANELS,
    ROOT,
    answered,
    launched,
    open_tab,
    screenshot,
    settle,
    tab_by_keyboard,
    tab_to,
    upload,
)
from fkd.page.answers import answer_photo

# What is drawn in a tab, by class: how many figures.
DRAWN = {"Model": {"ellipses": 1, "model-curves": 1}}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    with launched() as url:
        yield url


@pytest.mark.slow
def test_nothing_jumps_while_the_page_loads(page):
    loading = []
    for _ in range(3):  # a busy machine paints more of the steps in which Gradio builds the page
        page.reload()
        page.locator(PANELS).first.wait_for()
        settle(page)
        page.evaluate(
            """() => {
                window.moved = 0;
                const add = list => list.getEntries().forEach(entry => window.moved += entry.value);
                new PerformanceObserver(add).observe({type: 'layout-shift', buffered: true});
            }"""
        )
        settle(page)
        loading.append(page.evaluate("moved"))
    assert min(loading) < 0.1, "more is what Web Vitals calls in need of improvement"
    page.evaluate("document.body.style.paddingTop = '300px'")
    page.wait_for_function("before => moved > before + 0.1", arg=loading[-1])  # a jump would be seen


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_hurdle_for_anyone(page, address, theme):
    found = []
    for name in ("Compare", "Live", "Batch", "Model"):
        page.goto(f"{address}?__theme={theme}")
        open_tab(page, name)
        if name == "Compare":
            upload(page, EXAMPLES / "grace_hopper.jpg")
            answered(page)
        for which, count in DRAWN.get(name, {}).items():
            expect(page.locator(f".{which} .js-plotly-plot")).to_have_count(count, timeout=30_000)
        settle(page)
        screenshot(page, f"{name.lower()}-{theme}")
        for problem in Axe().run(page).response["violations"]:
            if problem["impact"] in ("serious", "critical"):
                found.append((name, problem["id"], problem["nodes"][0]["html"][:200]))
    assert not found


@pytest.mark.slow
def test_a_fresh_copy_starts_without_a_network_and_answers(browser, tmp_path):
    for name in ("app.py", "checkpoints", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "leaderboard", tmp_path / "leaderboard")  # the app writes there what it read from the Hub
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "app.py"], cwd=tmp_path, env=os.environ | settings, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert "the page is at" in process.stdout.readline() + process.stdout.readline()
            page = browser.new_page()
            for _ in ("first visit", "second visit"):
                page.goto(f"http://127.0.0.1:{port}")
                upload(page, EXAMPLES / "grace_hopper.jpg")
                answered(page)
            page.close()
        finally:
            process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Compare", "Leaderboard", "Live", "Batch", "Model"])
def test_every_tab_has_an_address_and_every_keyboard_stop_in_it_a_name(page, address, name):
    page.goto(f"{address}?tab={name.lower()}")
    expect(page.get_by_role("tab", name=name, exact=True).first).to_have_attribute(
        "aria-selected", "true", timeout=30_000
    )
    settle(page)
    stops = page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
            .filter(part => part.tabIndex >= 0 && !part.disabled && part.checkVisibility({visibilityProperty: true}))
            .map(part => [
                part.getAttribute('aria-label') || part.getAttribute('aria-labelledby') || part.title
                    || [...part.labels || []].map(label => label.innerText).join('') || part.innerText || '',
                part.outerHTML.slice(0, 300),
            ])"""
    )
    assert len(stops) > 5
    assert not [html for text, html in stops if not text.strip()]


@pytest.mark.slow
def test_all_of_it_by_keyboard(page):
    verdict = page.inner_text("#status")
    tab_to(page, "[aria-label='Example photo 2']")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).not_to_have_text(verdict, timeout=30_000)
    answered(page)

    tab_to(page, "#viewer [data-mode=one]")
    page.keyboard.press("Enter")
    expect(page.locator(PANELS)).to_have_count(1)
    if page.size == "phone":
        tab_to(page, "#viewer .opens")
        page.keyboard.press("Enter")
    tab_to(page, "#viewer [data-layer=lines]")
    page.keyboard.press("Space")
    expect(page.locator("#viewer .lines")).to_have_count(0)
    tab_to(page, "#viewer .picture")
    before = page.locator(PANELS).get_attribute("viewBox")
    page.keyboard.press("+")
    expect(page.locator(PANELS)).not_to_have_attribute("viewBox", before)
    tab_to(page, "#viewer .point")
    expect(page.locator("#viewer .tip")).to_contain_text("left eye center")

    tab_to(page, "#more > button")
    page.keyboard.press("Enter")
    tab_to(page, "#models input")
    page.keyboard.press("Backspace")
    expect(page.locator("#viewer .legend")).to_have_text("fcnn", timeout=20_000)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer .legend", has_text="resnet")).to_have_count(1, timeout=20_000)
    page.keyboard.press("Escape")

    tab_to(page, "#details > button")
    page.keyboard.press("Enter")
    tab_to(page, "#save-csv")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert len(pd.read_csv(download.value.path())) == 2

    page.keyboard.press("Escape")
    tab_by_keyboard(page, "Model")
    expect(page.locator("#card")).to_contain_text("Terms:", timeout=20_000)


@pytest.mark.slow
def test_who_waits_sees_place_and_time(page, browser, address, monkeypatch):
    def slow(*given, **named):
        time.sleep(2)
        return answer_photo(*given, **named)

    monkeypatch.setattr("fkd.page.compare.answer_photo", slow)
    upload(page, EXAMPLES / "grace_hopper.jpg")  # from which the page knows how long an answer takes
    answered(page)
    waiting = [browser.new_page() for _ in range(3)]
    for other in waiting:
        other.goto(address)
        answered(other)
    for other in waiting:
        other.locator("#strip input[type=file]").set_input_files(EXAMPLES / "grace_hopper.jpg")
    place = re.compile(r"queue: \d+/\d+ \| \d+\.\d/\d+\.\ds")
    expect(waiting[-1].locator("#status")).to_contain_text(place, timeout=20_000)
    for other in waiting:
        answered(other)
        other.close()
