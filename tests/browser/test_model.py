"""Model in Chromium: the best model first, in its own colour, its use before its figures."""

import pytest
from playwright.sync_api import expect

from browser.helpers import BETTER, choose, launched, open_tab, screenshot
from fkd.photo.colours import RED, network_colour

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PLOTS = {"ellipses": 1, "model-curves": 1}


@pytest.fixture(scope="module")
def address():
    with launched() as url:
        yield url


def test_it_opens_on_the_best_model_in_its_own_colour_with_its_use_first(page):
    open_tab(page, "Model")
    expect(page.locator("#card h1")).to_have_text(BETTER, timeout=20_000)
    expect(page.locator("#model input")).to_have_value(BETTER)
    expect(page.locator("#card h2").first).to_have_text("Use")
    curve = page.locator(".model-curves .js-plotly-plot")
    expect(curve).to_be_visible(timeout=20_000)
    colours = {line["line"]["color"] for line in curve.evaluate("plot => plot.data.map(({line}) => ({line}))")}
    assert colours == {network_colour(BETTER)}


def test_a_model_has_a_page_with_an_address(page, address):
    page.goto(f"{address}?tab=model&model=resnet18")
    expect(page.locator("#card")).to_contain_text("538 faces", timeout=20_000)
    expect(page.locator("#card")).to_contain_text("non-commercial")
    for which, count in PLOTS.items():
        expect(page.locator(f".{which} .js-plotly-plot")).to_have_count(count, timeout=20_000)
    screenshot(page, "model")
    choose(page, "#model", "fcnn")
    expect(page.locator("#card")).to_contain_text("9216-500-30", timeout=20_000)
    assert "tab=model&model=fcnn" in page.url
    curve = page.locator(".model-curves .js-plotly-plot")
    page.wait_for_function(
        "colour => document.querySelector('.model-curves .js-plotly-plot').data[0].line.color === colour", arg=RED
    )
    expect(curve).to_be_visible()
