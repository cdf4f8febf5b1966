"""The real page in Chromium, at phone and desktop size; no request may leave this machine."""

import os
import re
import shutil
import socket
import subprocess
import sys

import pandas as pd
import pytest
from playwright.sync_api import expect

from browser.helpers import (
    BETTER,
    EXAMPLES,
    PANELS,
    ROOT,
    answered,
    barriers,
    choose,
    open_tab,
    screenshot,
    settle,
    tab_by_keyboard,
    tab_to,
    unfold,
    upload,
)

FIGURES = {"Compare": 0, "Leaderboard": 3, "Live": 0, "Clip": 0, "Batch": 0, "Model": 0}  # in each tab

pytestmark = pytest.mark.browser


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


SHIFT = """window.moved = 0;
const add = list => list.getEntries().forEach(entry => window.moved += entry.value);
new PerformanceObserver(add).observe({type: 'layout-shift', buffered: true});"""
# Buttons and fields outside of running text and tables; a label is a part of its checkbox.
SMALL = """() => [...document.querySelectorAll('button, summary, a[href], input, textarea')].filter(part => {
    if (part.closest('p, li, td, .md, .modebar, [hidden]') || !part.checkVisibility({visibilityProperty: true})) return;
    const field = part.matches('input, textarea') && part.closest('label, .block, .wrap');
    const {width, height} = (field || part).getBoundingClientRect();
    return width && Math.min(width, height) < 43.5;
}).map(part => part.outerHTML.slice(0, 200))"""


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", FIGURES)
def test_every_tab_has_an_address_does_not_jump_and_is_for_everybody_in_either_theme(page, address, name, theme):
    page.add_init_script(SHIFT)
    for _ in range(2):  # a busy machine paints more of the steps in which Gradio builds the page
        page.goto(f"{address}?tab={name.lower()}&averaged=true&__theme={theme}")
        tab = page.get_by_role("tab", name=name, exact=True).first
        expect(tab).to_have_attribute("aria-selected", "true", timeout=30_000)
        settle(page)
        if page.evaluate("moved") < 0.05:
            break
    assert page.evaluate("moved") < 0.05
    if name == "Compare":
        unfold(page)
    if name == "Leaderboard":
        expect(page.locator("#ranking tbody tr").first).to_be_visible(timeout=30_000)
        settle(page)
        for accordion in ("questions", "cite", "figures"):
            page.locator(f"#{accordion} > button").click()
            settle(page)
    expect(page.locator(".js-plotly-plot:visible")).to_have_count(FIGURES[name], timeout=30_000)
    settle(page)
    screenshot(page, f"{name.lower()}-{theme}")
    assert not barriers(page)
    if page.size == "phone":
        for head in page.locator("button.label-wrap:not(.open):visible").all():
            head.click(position={"x": 2, "y": head.bounding_box()["height"] - 2})  # the corner of its frame
        settle(page)
        assert not page.evaluate(SMALL)


@pytest.mark.slow
def test_the_model_tab_opens_on_the_best_model(page):
    open_tab(page, "Model")
    expect(page.locator("#card h1")).to_have_text(BETTER, timeout=20_000)
    expect(page.locator("#card h2").first).to_have_text("Use")
    choose(page, "#model", "fcnn")
    expect(page.locator("#card")).to_contain_text("9216-500-30")
    page.goto(page.url)  # which names the model
    expect(page.locator("#card")).to_contain_text("9216-500-30", timeout=20_000)


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
            assert "the page is at" in process.stdout.readline()
            page = browser.new_page()
            for _ in ("first visit", "second visit"):
                page.goto(f"http://127.0.0.1:{port}")
                upload(page, EXAMPLES / "grace_hopper.jpg")
                answered(page)
            page.close()
        finally:
            process.terminate()


@pytest.mark.slow
def test_all_of_it_by_keyboard(page):
    verdict = page.inner_text("#viewer .answer")
    tab_to(page, "[aria-label='Example photo 2']")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer .answer")).not_to_have_text(verdict, timeout=30_000, use_inner_text=True)
    answered(page)

    tab_to(page, "#viewer [data-mode=one]")
    page.keyboard.press("Enter")
    expect(page.locator(PANELS)).to_have_count(1)
    tab_to(page, "#viewer [data-opens]")
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

    tab_to(page, "#viewer summary")
    page.keyboard.press("Enter")
    tab_to(page, "[data-save=csv]")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert len(pd.read_csv(download.value.path())) == 2

    tab_to(page, "#more > button")
    page.keyboard.press("Enter")
    tab_to(page, "#models input")
    page.keyboard.press("Backspace")
    expect(page.locator("#viewer .legend")).to_have_text("fcnn", timeout=20_000)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer .legend", has_text=re.compile("mobile|resnet"))).to_have_count(1, timeout=20_000)
    page.keyboard.press("Escape")

    page.keyboard.press("Escape")
    tab_by_keyboard(page, "Model")
    expect(page.locator("#card")).to_contain_text("Terms:", timeout=20_000)
