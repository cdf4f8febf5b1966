"""Live in Chromium, with a fake camera: points on the frame that they belong to, and no frame leaves the browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from browser.helpers import answered, open_tab, screenshot
from fkd.photo.colours import NETWORKS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# Notes the camera's tracks; requests for it fail with the error that `problem` names.
CAMERA = """() => {
    window.tracks = [];
    const media = navigator.mediaDevices, ask = media?.getUserMedia.bind(media);
    if (media) media.getUserMedia = async (wanted) => {
        if (window.problem) throw new DOMException('no', window.problem);
        const stream = await ask(wanted);
        window.tracks.push(...stream.getTracks());
        return stream;
    };
}"""
# The middles of the green mark and of the purple points, px of the canvas.
MIDDLES = """async () => {
    await new Promise(requestAnimationFrame);
    const canvas = document.querySelector('#live canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const middle = (fits) => {
        let [sum, count] = [0, 0];
        for (let at = 0; at < data.length; at += 4) {
            if (fits(data[at], data[at + 1], data[at + 2])) [sum, count] = [sum + (at / 4) % canvas.width, count + 1];
        }
        return count > 30 ? sum / count : null;
    };
    const isPurple = (r, g, b) => r > 140 && r < 190 && g < 110 && b > 220;
    return [middle((r, g, b) => r < 90 && g > 200 && b < 90), middle(isPurple)];
}"""


@pytest.fixture
def live(page) -> Page:
    """The page with its Live tab open."""
    page.evaluate(CAMERA)
    open_tab(page, "Live")
    expect(page.locator("#live [role=status]")).to_contain_text("nothing is sent", timeout=60_000)
    return page


def start(page: Page) -> None:
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator("#live [role=status]")).to_have_text("Tracking a face", timeout=90_000)


def is_off(page: Page) -> bool:
    expect(page.locator("#live canvas")).to_be_hidden()
    states = page.evaluate("tracks.map(track => track.readyState)")
    return bool(states) and set(states) == {"ended"}


def test_points_are_drawn_on_their_own_frame_and_no_request_leaves_the_page(live):
    start(live)
    sent = []
    live.on("request", lambda request: sent.append(request.url))
    pairs = [pair for pair in (live.evaluate(MIDDLES) for _ in range(60)) if None not in pair]
    marks, apart = [mark for mark, _ in pairs], [mark - points for mark, points in pairs]
    assert len(pairs) > 20 and max(marks) - min(marks) > 30, "the picture moves"
    assert max(apart) - min(apart) < 8, "and the points with it"
    assert min(apart) < 0, "mirrored: the mark is to the right of the face in the film"
    assert re.fullmatch(r"\d+ frames/s", live.locator("#live .rate").inner_text())
    live.wait_for_timeout(3000)
    assert not sent
    live.locator("#live .spread").check()
    live.locator("#live .model").nth(1).select_option("fcnn")
    expect(live.locator("#live .key > span")).to_have_text(["mobile", "fcnn"])
    colours = live.locator("#live .key > span").evaluate_all(
        "all => all.map(e => e.style.getPropertyValue('--colour'))"
    )
    assert colours == [NETWORKS["mobilenetv4_conv_small"], NETWORKS["fcnn"]]
    live.wait_for_timeout(4000)
    shown = live.locator("#live canvas").bounding_box()
    assert shown["y"] + shown["height"] <= live.viewport_size["height"], "above the fold"
    screenshot(live, "live")


def test_leaving_the_tab_or_hiding_the_page_stops_the_camera_and_it_can_start_again(live):
    start(live)
    open_tab(live, "Batch")
    live.wait_for_function("tracks.every(track => track.readyState === 'ended')")
    open_tab(live, "Live")
    assert is_off(live)
    start(live)
    live.evaluate(
        """() => {
            Object.defineProperty(document, 'hidden', {get: () => true, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    assert is_off(live)


def test_a_snapshot_is_answered_in_compare(live):
    start(live)
    live.get_by_role("button", name="Snapshot to Compare").click()
    expect(live.locator("#viewer")).to_be_visible(timeout=30_000)
    live.wait_for_function("document.querySelector('#viewer svg.picture image')?.href.baseVal.includes('answer-')")
    answered(live)
    assert "tab=" not in live.url and is_off(live)


@pytest.mark.parametrize(("problem", "sentence"), [
    ("NotFoundError", "No camera was found: connect one, then start again."),
    ("NotAllowedError", "The camera is blocked: allow it for this page in the browser, then start again."),
    ("NotReadableError", "The camera is in use by another program: close that, then start again."),
])  # fmt: skip
def test_without_a_camera_a_sentence_says_why(live, problem, sentence):
    live.evaluate(f"window.problem = '{problem}'")
    live.get_by_role("button", name="Start the camera").click()
    expect(live.locator("#live [role=status]")).to_have_text(sentence)
    live.evaluate("window.problem = ''")
    start(live)


def test_over_plain_http_a_sentence_says_why_there_is_no_camera(browser, address):
    page = browser.new_page()
    page.goto(re.sub("//[^:]+", "//plain.test", address))
    open_tab(page, "Live")
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_text("only to pages at https:// or localhost").first).to_be_visible()
    page.close()
