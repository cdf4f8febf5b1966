"""Clip in Chromium: each frame with its own points, corrections that count, bad frames, sentences for wrong files."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
import served
from playwright.sync_api import Page, expect

from app import build_app
from browser.helpers import BOARD, ROOT, barriers, drag, open_tab, screenshot, settle
from fkd.photo.point_files import read_named_points

pytest.importorskip("av")
from clip.clips import pictures, sway, write_clip

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.alone]  # it plays a video
FRAMES, BITS, SIDE = 100, 8, 40  # a frame's number stands in it, in binary: white and black squares of this side, px
# The number that is written in the picture, and the place of the first point that is drawn on it.
READ = f"""() => {{
    const root = document.querySelector('#clip .clip'), canvas = root.querySelector('canvas');
    const {{ data }} = canvas.getContext('2d').getImageData(0, {SIDE // 2}, canvas.width, 1);
    let number = 0;
    for (let bit = 0; bit < {BITS}; bit++) number |= (data[4 * (bit * {SIDE} + {SIDE // 2})] > 128) << bit;
    const point = root.querySelector('g.point');
    const place = point.getAttribute('transform')?.match(/[-.\\d]+/g).slice(0, 2).map(Number);
    return [number, point.style.display ? null : place];
}}"""


@pytest.fixture(scope="module")
def address():
    """A page with two small models."""
    models = [str(ROOT / "checkpoints" / name) for name in ("fcnn", "resnet18")]
    with served.launched(build_app(leaderboard=BOARD, references=models)) as caller:
        yield caller.url


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """A face that sways and is gone from frame 60 to 69, at uneven times."""
    moves = sway(FRAMES)
    moves[60:70] = np.nan

    def numbered():
        for number, picture in enumerate(pictures([("grace_hopper.jpg", moves)])):
            for bit in range(BITS):
                picture[:SIDE, bit * SIDE : (bit + 1) * SIDE] = 255 * (number >> bit & 1)
            yield picture

    times = np.cumsum(np.where(np.arange(FRAMES) % 7, 1 / 30, 1 / 12))
    return write_clip(tmp_path_factory.mktemp("clips") / "film.mp4", numbered(), times=times)


def track(page: Page, path: Path) -> None:
    open_tab(page, "Clip")
    expect(page.locator("#clip-choose")).to_be_enabled(timeout=30_000)
    page.locator("input#photo").set_input_files(path)


def tracked(page: Page, film: Path) -> np.ndarray:
    """Tracks the clip: its smoothed points by the first model, [F, 15, 2]."""
    track(page, film)
    expect(page.locator("#clip h2")).to_contain_text("the models differ by", timeout=120_000)
    url = page.locator("#clip .files a").first.get_attribute("href").rpartition("/")[0]
    content = page.request.get(f"{page.url.partition('?')[0]}{url}/points.f32").body()
    return np.frombuffer(content, "<f4").reshape(2, 1, 2, FRAMES, 15, 2)[0, 0, 0]


def seek(page: Page, frame: int) -> None:
    page.locator("#clip .place input").fill(str(frame))
    page.wait_for_function("frame => document.querySelector('#clip .clip').fkdClip.frame === frame", arg=frame)


def test_each_frame_has_its_own_points_whether_sought_or_playing(page, film):
    points = tracked(page, film)

    def fits(number, drawn):
        return np.isnan(points[number]).any() if drawn is None else np.abs(points[number][0] - drawn).max() < 0.01

    for frame in random.Random(0).choices(range(FRAMES), k=50):
        seek(page, frame)
        number, drawn = page.evaluate(READ)
        assert number == frame and fits(number, drawn)
    seek(page, 0)
    page.evaluate(f"window.seen = []; (function look() {{ seen.push(({READ})()); requestAnimationFrame(look); }})()")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator("#clip .number")).to_contain_text(f"Frame {FRAMES - 1} of", timeout=30_000)
    seen = page.evaluate("seen")
    assert len({number for number, _ in seen}) > FRAMES / 3 and all(fits(*each) for each in seen)


def test_bad_frames_are_found_and_corrections_count(page, film, tmp_path):
    points = tracked(page, film)
    page.get_by_role("button", name="Next bad frame").click()
    expect(page.locator("#clip .number")).to_contain_text("Frame 60 of 99")
    expect(page.locator("#clip .why")).to_contain_text("Faces lost")
    screenshot(page, "clip")
    seek(page, 40)
    for name in ("Zoom to face", "Correct points"):
        page.get_by_role("button", name=name).click()
    said = page.locator("#clip .corrections p")
    picture, nose = (
        page.locator("#clip .frame svg").first,
        page.locator("#clip .frame").first.locator("g.point").nth(10),
    )
    picture.scroll_into_view_if_needed()
    box = nose.bounding_box()
    start = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    drag(page, start, (start[0] + 30, start[1]))
    pixel = float(picture.get_attribute("viewBox").split()[2]) / picture.bounding_box()["width"]
    expect(said).to_have_text(re.compile(r"fcnn [\d.]+%, resnet18 [\d.]+% of the eye distance on 1 corrected point\."))
    share = 100 * 30 * pixel / np.linalg.norm(points[40][0] - points[40][1])
    assert float(re.search(r"fcnn ([\d.]+)", said.inner_text())[1]) == pytest.approx(share, rel=0.1)
    expect(page.locator("#clip .corrections select")).to_have_value("10")
    page.locator("#clip .panels").press("Shift+ArrowDown")
    expect(said).to_contain_text("1 corrected point")
    page.get_by_role("button", name="Raw points").click()
    expect(said).to_contain_text("before smoothing")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    with Path(download.value.path()).open("rb") as file:
        ((photo, model, true),) = read_named_points(file, "corrected.csv")
    assert (photo, model) == ("film.0040.jpg", "by hand") and np.isfinite(true).any(1).sum() == 1
    assert np.abs(true[10] - points[40][10] - [30 * pixel, 1]).max() < 0.5
    screenshot(page, "clip-corrected")
    settle(page)
    assert not barriers(page, "#clip")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if page.size == "phone":
        sizes = page.locator("#clip :is(button, select, a):visible").evaluate_all("all => all.map(e => e.offsetHeight)")
        assert min(sizes) >= 44
    for _ in range(2):
        page.get_by_role("button", name="Undo").click()
    expect(said).to_contain_text("Drag a point")


def test_wrong_files_get_a_sentence_and_the_next_clip_works(page, film, tmp_path):
    (tmp_path / "notes.mp4").write_text("this is no clip")
    status = page.locator("#clip-status")
    track(page, tmp_path / "notes.mp4")
    expect(status).to_contain_text("notes.mp4 is damaged or not a clip", timeout=30_000)
    with (tmp_path / "huge.mp4").open("wb") as file:
        file.truncate(100_000_001)
    track(page, tmp_path / "huge.mp4")
    expect(page.locator("#clip-strip #sending")).to_contain_text("The clip has 100.0 MB, expected at most 100 MB")
    track(page, film)
    expect(status).to_contain_text("of 100 frames", timeout=60_000)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(status).to_contain_text("Cancelled.", timeout=30_000)
    tracked(page, film)
