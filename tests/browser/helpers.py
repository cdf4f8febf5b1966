"""What the tests of the page share: opening, uploading, waiting, reading what is shown."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from app import build_app
from fkd.board.entries import SYNCED, find_benchmark
from fkd.board.ranking import RankingRow
from fkd.page.ranking import ranked
from fkd.page.site import launch_options

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
PANELS = "#viewer svg:has(image)"
# What the page compares FCNN with at first, and whose card it opens: the best by validation.
BETTER = min(
    (json.loads(path.read_text())["training"]["validation_rmse"], path.parent.name)
    for path in (ROOT / "checkpoints").glob("*/config.json")
)[1]
# The leaderboard as committed, without the claims that the page of a clone adds to it.
_KEPT = tempfile.TemporaryDirectory(prefix="fkd-board-")
BOARD = shutil.copytree(ROOT / "leaderboard", Path(_KEPT.name) / "leaderboard", ignore=shutil.ignore_patterns(SYNCED))
READY = "text=Which detector finds your face better?"


@contextmanager
def launched(**given):
    page = build_app(**{"leaderboard": BOARD} | given)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    yield url
    page.close()


def standing(averaged: bool = False) -> list[RankingRow]:
    """The shipped entries of wild15, the best first."""
    return ranked(BOARD, find_benchmark(BOARD, "wild15"), list((ROOT / "checkpoints").iterdir()), averaged)


def screenshot(page: Page, name: str) -> None:
    folder = ROOT / "artefacts"
    folder.mkdir(exist_ok=True)
    page.evaluate(
        """async () => {  // pictures are loaded as they come into view
            for (let y = 0; y < document.body.scrollHeight; y += innerHeight / 2) {
                scrollTo(0, y);
                await new Promise(requestAnimationFrame);
            }
            const visible = [...document.images].filter(image => image.checkVisibility());
            await Promise.all(visible.map(image => image.decode().catch(() => {})));
            scrollTo(0, 0);
        }"""
    )
    page.screenshot(path=folder / f"{name}-{page.size}.png", full_page=True, animations="disabled")


def settle(page: Page) -> None:
    """Waits until Gradio is at work on nothing and the page has not changed for a quarter of a second."""
    page.evaluate(
        """() => new Promise((done, fail) => {
            let timer;
            const busy = () => document.querySelector('[data-testid=status-tracker]:not(.hide)')
                || document.getAnimations().some(one => one.playState === 'running'
                    && isFinite(one.effect.getComputedTiming().endTime));
            const wait = () => {
                clearTimeout(timer);
                timer = setTimeout(() => busy() ? wait() : done(), 250);
            };
            new MutationObserver(wait).observe(
                document.body, {subtree: true, childList: true, characterData: true, attributes: true});
            setTimeout(() => fail(new Error('the page changes without end')), 30_000);
            wait();
        })"""
    )


def wait_until(page: Page, holds: Callable[[], bool]) -> None:
    """Waits for something outside the page, half a minute at most."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def open_tab(page: Page, name: str) -> None:
    """A tab that does not fit on a phone moves into the menu behind three dots once the page is laid out."""
    expect(page.get_by_role("tab", name="Compare")).to_be_visible(timeout=30_000)
    tab = page.get_by_role("tab", name=name, exact=True).first
    for last in (False, False, True):
        try:
            if tab.is_visible():
                tab.click(timeout=5000)
            else:
                page.locator(".overflow-menu > button").first.click(timeout=5000)
                page.locator(".overflow-dropdown button", has_text=name).click(timeout=5000)
            return
        except PlaywrightTimeout:  # it moved between the look and the click
            if last:
                raise


def upload(page: Page, path: Path) -> None:
    """Upload a photo, and wait until the status or the picture is a new one."""
    shown = "[...document.querySelectorAll('#status .md *, #viewer .picture')]"
    page.evaluate(f"{shown}.forEach(part => part.setAttribute('data-old', ''))")
    page.locator("#strip input[type=file]").set_input_files(path)
    page.wait_for_function(f"{shown}.some(part => !part.hasAttribute('data-old'))", timeout=30_000)


def table(page: Page, where: str) -> list[list[str]]:
    """The cells of a table, once all are drawn: rows are drawn one after the other."""
    rows = page.locator(f"{where} .virtual-row")
    expect(rows.first).to_be_visible(timeout=20_000)
    settle(page)
    return rows.evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('[role=gridcell]')].map(cell => cell.innerText.trim()))"
    )


def points(page: Page) -> dict[str, dict[str, float]]:
    """The table of points: by point and column."""
    unfold(page)
    rows = table(page, "#points")
    heads = page.locator("#points thead").last.locator("th").all_inner_texts()
    heads = [head.strip() for head in heads if head.strip()]
    return {row[0]: {head: float(cell) for head, cell in zip(heads[1:], row[1:], strict=False) if cell} for row in rows}


def answered(page: Page, text: str = "of the eye distance on average") -> None:
    expect(page.locator("#status")).to_contain_text(text, timeout=60_000)
    expect(page.locator(PANELS).first).to_be_visible(timeout=30_000)
    settle(page)


def unfold(page: Page) -> None:
    """Opens the table of points."""
    if not page.locator("#points").is_visible():
        page.locator("#details > button").click()
    expect(page.locator("#points")).to_contain_text("mouth center bottom lip", timeout=20_000)


def choose(page: Page, where: str, option: str) -> None:
    page.locator(f"{where} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def tab_to(page: Page, selector: str, text: str = "") -> None:
    """Presses Tab until an element that fits has the focus; on the way, whatever has it must show that."""
    for _ in range(120):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """async ([selector, text]) => {
                await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
                const at = document.activeElement;
                const marked = part => part && getComputedStyle(part).outlineStyle !== 'none';
                const seen = at === document.body || marked(at) || marked(at.closest('.frame'))
                    || at.matches('.point') || at.matches('.knob');
                return [at.matches(selector) && (at.innerText || '').includes(text), seen, at.outerHTML.slice(0, 200)];
            }""",
            [selector, text],
        )
        assert found[1], f"the focus cannot be seen on {found[2]}"
        if found[0]:
            return
    raise AssertionError(f"Tab never reaches {selector}")


def tab_by_keyboard(page: Page, name: str) -> None:
    if page.get_by_role("tab", name=name, exact=True).first.is_visible():
        tab_to(page, "[role=tab]", name)
    else:
        tab_to(page, "[aria-label='More tabs']")
        page.keyboard.press("Enter")
        tab_to(page, ".overflow-dropdown button", name)
    page.keyboard.press("Enter")
