"""Chromium, with a fake camera, and a page at phone and desktop size from which no request may leave this machine."""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import expect, sync_playwright

from browser.helpers import READY, launched

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1440, "height": 900}}
LOCAL = {"127.0.0.1", "localhost", None, ""}


def write_film(path: Path, photo: Path, frames: int = 40) -> None:
    """A photo with a green mark, moving to and fro by 4 px a frame, as a film for the browser's fake camera."""
    with Image.open(photo) as image:
        still = ImageOps.pad(image.convert("RGB"), (640, 480))
    still.paste((0, 255, 0), (340, 400, 364, 424))
    film = b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n"
    for number in range(frames):
        moved = Image.new("RGB", still.size)
        moved.paste(still, (4 * (min(number, frames - number) - frames // 4), 0))
        light, blue, red = moved.convert("YCbCr").split()
        film += b"FRAME\n" + light.tobytes() + b"".join(each.resize((320, 240)).tobytes() for each in (blue, red))
    path.write_bytes(film)


expect.set_options(timeout=15_000)  # two tests may run at once
BROKEN = re.compile("js_on_load|Content Security Policy")  # in the console's messages about a page


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        if os.environ.get("FKD_REQUIRE_BROWSER"):
            pytest.fail("no Chromium is installed, and FKD_REQUIRE_BROWSER asks for the browser tests")
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    film = tmp_path_factory.mktemp("camera") / "grace.y4m"
    write_film(film, EXAMPLES / "grace_hopper.jpg")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    flags += ["--host-resolver-rules=MAP plain.test 127.0.0.1"]  # an address that is not localhost
    flags += ["--disable-component-update", "--disable-sync", "--no-first-run"]
    flags += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*flags, f"--use-file-for-fake-video-capture={film}"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address():
    """The URL of the page with the shipped models; a module may have its own."""
    with launched() as url:
        yield url


@pytest.fixture(params=SIZES)
def page(request, browser, address):
    """The page at `address`, once the module's READY, or the page's own, is visible.

    page.size: "phone" or "desktop". page.fingers: a session that sends touches.
    """
    context = browser.new_context(viewport=SIZES[request.param], has_touch=request.param == "phone")
    page = context.new_page()
    outside, errors = [], []
    page.on("request", lambda r: outside.append(r.url) if urlsplit(r.url).hostname not in LOCAL else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if BROKEN.search(message.text) else None)
    page.on("dialog", lambda dialog: (errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.size, page.fingers = request.param, context.new_cdp_session(page)
    page.goto(address)
    expect(page.locator(getattr(request.module, "READY", READY)).first).to_be_visible(timeout=30_000)
    yield page
    context.close()
    assert not outside, "the page asked another host"
    assert not errors
