"""Live in Chromium, with a fake camera: two models in one picture, and no frame leaves once the tab is left."""

import re

import pytest
from playwright.sync_api import Page, expect
from served import wait_until

from browser.helpers import BETTER, choose, open_tab, screenshot, settle
from fkd.page import live

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def live_page(page) -> Page:
    """The page, with a face tracked in its Live tab."""
    open_tab(page, "Live")
    page.locator("#camera").get_by_text("Access Webcam").click()
    page.wait_for_function("document.querySelector('#camera video')?.currentTime > 0")
    page.locator("#camera .capture-button").click()
    expect(page.locator("#live-status")).to_contain_text("Tracking a face.", timeout=30_000)
    return page


def count_calls(monkeypatch, name: str) -> list[str]:
    """A list that grows by one with every call of a function of `live`."""
    calls, original = [], getattr(live, name)
    monkeypatch.setattr(live, name, lambda *args: calls.append(name) or original(*args))
    return calls


def requests(page: Page, milliseconds: int) -> list[str]:
    """The requests of some time, after a moment for earlier ones."""
    page.wait_for_timeout(500)
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.wait_for_timeout(milliseconds)
    return sent


def test_two_models_follow_a_face_in_one_picture_and_the_finder_looks_once(live_page, monkeypatch):
    page, searches, follows = (
        live_page,
        *(count_calls(monkeypatch, name) for name in ("find_confirmed_faces", "follow")),
    )
    expect(page.locator("#live img")).to_be_visible()
    expect(page.locator("#live-status .model")).to_have_text([BETTER, "fcnn"])
    colours = page.locator("#live-status .model i").evaluate_all("marks => marks.map(m => m.style.background)")
    assert colours == ["rgb(33, 208, 122)", "rgb(255, 59, 59)"]
    wait_until(lambda: len(follows) >= 5)
    assert not searches, "the finder, which takes most of the time, is spared while a face is followed"
    camera, drawn = (page.locator(where).bounding_box() for where in ("#camera", "#live"))
    assert abs(camera["y"] - drawn["y"]) < 3 and abs(camera["height"] - drawn["height"]) < 3, "one picture"
    assert camera["y"] + camera["height"] <= page.viewport_size["height"], "above the fold"
    screenshot(page, "live")
    choose(page, "#live-second", "none")
    expect(page.locator("#live-status .model")).to_have_text([BETTER], timeout=60_000)


def test_no_frame_leaves_once_the_tab_is_left_and_it_can_start_again(live_page, monkeypatch):
    page, follows = live_page, count_calls(monkeypatch, "follow")
    assert requests(page, 1000), "frames are sent while it is open"
    open_tab(page, "Batch")
    settle(page)
    assert not requests(page, 3000)
    expect(page.locator("#live-status .now")).to_be_hidden()
    done = len(follows)
    page.wait_for_timeout(500)
    assert len(follows) == done

    open_tab(page, "Live")
    assert page.evaluate("document.querySelector('#camera video').srcObject") is None, "its light is out"
    page.locator("#camera .capture-button").click()
    wait_until(lambda: len(follows) > done + 2)


def test_no_frame_leaves_while_the_page_is_hidden(live_page):
    live_page.evaluate(
        """() => {
            Object.defineProperty(document, 'hidden', {get: () => true, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    assert not requests(live_page, 3000)


def test_over_plain_http_a_sentence_says_why_there_is_no_camera(browser, address):
    page = browser.new_page()
    page.goto(re.sub("//[^:]+", "//plain.test", address))
    open_tab(page, "Live")
    page.locator("#camera").get_by_text("Access Webcam").click()
    expect(page.get_by_text("only to pages at https:// or localhost").first).to_be_visible()
    page.close()
