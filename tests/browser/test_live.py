"""Live in Chromium, with a fake camera: two models in one picture, and no frame leaves once the tab is left."""

import re

import pytest
from playwright.sync_api import Page, expect

from browser.helpers import BETTER, choose, launched, open_tab, screenshot, settle, wait_until
from fkd.page import live

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def address():
    with launched() as url:
        yield url


def count_calls(monkeypatch, module, name: str) -> list[str]:
    """A list that grows by one with every call of the module's function."""
    calls, original = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given: calls.append(name) or original(*given))
    return calls


def start(page: Page) -> None:
    page.locator("#camera").get_by_text("Access Webcam").click()
    page.wait_for_function("document.querySelector('#camera video')?.currentTime > 0")
    page.locator("#camera .capture-button").click()
    followed(page)


def followed(page: Page) -> None:
    expect(page.locator("#live-status")).to_contain_text(re.compile(r"Tracking a face\. \d+ frames"), timeout=30_000)


def sent_in(page: Page, milliseconds: int) -> list[str]:
    """The requests of a while, after a moment for those on their way."""
    page.wait_for_timeout(500)
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.wait_for_timeout(milliseconds)
    return sent


def test_two_models_follow_a_face_in_one_picture_and_the_finder_looks_once(page, monkeypatch):
    looks, follows = count_calls(monkeypatch, live, "find_confirmed_faces"), count_calls(monkeypatch, live, "follow")
    open_tab(page, "Live")
    start(page)
    expect(page.locator("#live img")).to_be_visible()
    expect(page.locator("#live-status .model")).to_have_text([BETTER, "fcnn"])
    colours = page.locator("#live-status .model i").evaluate_all("marks => marks.map(m => m.style.background)")
    assert colours == ["rgb(33, 208, 122)", "rgb(255, 59, 59)"]
    looked, done = len(looks), len(follows)
    wait_until(page, lambda: len(follows) >= done + 5)
    assert len(looks) == looked, "the finder, which takes most of the time, is spared while a face is followed"

    camera, drawn = (page.locator(where).bounding_box() for where in ("#camera", "#live"))
    assert abs(camera["y"] - drawn["y"]) < 3 and abs(camera["height"] - drawn["height"]) < 3, "one picture"
    assert camera["y"] + camera["height"] <= page.viewport_size["height"], "above the fold"
    screenshot(page, "live")
    choose(page, "#live-second", "none")
    expect(page.locator("#live-status .model")).to_have_text([BETTER], timeout=20_000)


def test_no_frame_leaves_once_the_tab_is_left_and_it_can_start_again(page, monkeypatch):
    open_tab(page, "Live")
    start(page)
    assert sent_in(page, 1000), "frames are sent while it is open"
    follows = count_calls(monkeypatch, live, "follow")
    open_tab(page, "Batch")
    settle(page)
    assert not sent_in(page, 3000)
    expect(page.locator("#live-status .now")).to_be_hidden()
    done = len(follows)
    page.wait_for_timeout(500)
    assert len(follows) == done

    open_tab(page, "Live")
    assert page.evaluate("document.querySelector('#camera video').srcObject") is None, "its light is out"
    page.locator("#camera .capture-button").click()
    wait_until(page, lambda: len(follows) > done + 2)


def test_no_frame_leaves_while_the_page_is_hidden(page):
    open_tab(page, "Live")
    start(page)
    page.evaluate(
        """() => {
            Object.defineProperty(document, 'hidden', {get: () => true, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    assert not sent_in(page, 3000)
