"""Shared by the tests of the page: opening, uploading, waiting, reading."""

import json
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import served
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from app import build_app
from fkd.board.entries import SYNCED, find_benchmark
from fkd.board.ranking import RankingRow
from fkd.page.ranking import ranked

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
NUMBERS = "#viewer .numbers table"
PANELS = "#viewer svg.picture:has(image)"
# The best model by validation: the page compares FCNN with it at first, and opens its card.
BETTER = min(
    (training["validation_rmse"], path.parent.name)
    for path in (ROOT / "checkpoints").glob("*/config.json")
    if not (training := json.loads(path.read_text())["training"]).get("validation_too")
)[1]
# The leaderboard as committed, without the claims that the page of a clone adds to it.
FOLDER = tempfile.TemporaryDirectory(prefix="fkd-board-")
BOARD = shutil.copytree(ROOT / "leaderboard", Path(FOLDER.name) / "leaderboard", ignore=shutil.ignore_patterns(SYNCED))
READY = "text=Which detector finds your face better?"


@contextmanager
def launched(leaderboard: Path = BOARD):
    with served.launched(build_app(leaderboard=leaderboard)) as caller:
        yield caller.url


def standing(averaged: bool = False) -> list[RankingRow]:
    """The shipped entries of wild15, the best first."""
    return ranked(BOARD, find_benchmark(BOARD, "wild15"), list((ROOT / "checkpoints").iterdir()), averaged)


def screenshot(page: Page, name: str) -> None:
    folder = ROOT / "artefacts"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"{name}-{page.size}.png", full_page=True, animations="disabled")


def settle(page: Page) -> None:
    """Waits until Gradio is idle and the page has not changed for a quarter of a second."""
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


def barriers(page: Page, part: str | None = None) -> list[tuple[str, str]]:
    """Serious findings of Axe on the page, or in a part of it."""
    found = Axe().run(page, part).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], one["nodes"][0]["html"][:300]) for one in serious]


def state(page: Page) -> dict:
    """The viewer's view, chosen face and settings, after its next frame."""
    return page.evaluate(
        """async () => {
            await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
            const { state, settings } = document.querySelector('#viewer .viewer').fkdViewer;
            return { view: state.view, chosen: state.chosen, ...settings };
        }"""
    )


def press(page: Page, name: str) -> None:
    """Presses a button, which may be in one of the viewer's menus."""
    button = page.get_by_role("button", name=name, exact=True)  # of those that are visible
    for menu in page.locator("#viewer [data-opens]").all():
        if not button.count():
            menu.click()
    button.click()
    settle(page)


def touch(page: Page, kind: str, *places: tuple[float, float]) -> None:
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
    page.fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def drag(page: Page, start: tuple[float, float], stop: tuple[float, float]) -> None:
    """Drags with a finger on the phone, with the mouse on the desktop."""
    steps = [tuple(a + (b - a) * part / 3 for a, b in zip(start, stop, strict=True)) for part in (1, 2, 3)]
    if page.size == "phone":
        touch(page, "touchStart", start)
        for step in steps:
            touch(page, "touchMove", step)
        return touch(page, "touchEnd")
    page.mouse.move(*start)
    page.mouse.down()
    for step in steps:
        page.mouse.move(*step)
    page.mouse.up()


def open_tab(page: Page, name: str) -> None:
    """A tab that does not fit on a phone moves into the menu behind three dots once the page is laid out."""
    expect(page.get_by_role("tab", name="Compare")).to_be_visible(timeout=30_000)
    tab = page.get_by_role("tab", name=name, exact=True).first
    if tab.is_visible():
        with suppress(PlaywrightTimeout):  # it moved between the look and the click
            return tab.click(timeout=5000)
    page.locator(".overflow-menu > button").first.click()
    page.locator(".overflow-dropdown button", has_text=name).click()


def upload(page: Page, path: Path) -> None:
    """Uploads a photo, and waits for a new status or picture."""
    shown = "[...document.querySelectorAll('#status .md *, #viewer .picture')]"
    page.evaluate(f"{shown}.forEach(part => part.setAttribute('data-old', ''))")
    page.locator("input#photo").set_input_files(path)
    page.wait_for_function(f"{shown}.some(part => !part.hasAttribute('data-old'))", timeout=30_000)


def points(page: Page) -> dict[str, dict[str, float]]:
    """The table of points: by point and column."""
    unfold(page)
    heads, *rows = page.locator(f"{NUMBERS} tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return {row[0]: {head: float(cell) for head, cell in zip(heads[1:], row[1:], strict=True) if cell} for row in rows}


def answered(page: Page, text: str = "") -> None:
    """Waits for an answer in words with the picture, and for a text in the status line."""
    expect(page.locator("#viewer .answer h2")).not_to_be_empty(timeout=60_000)
    expect(page.locator("#status")).to_contain_text(text, timeout=60_000)
    expect(page.locator(PANELS).first).to_be_visible(timeout=30_000)
    settle(page)


def unfold(page: Page) -> None:
    """Opens the table of points."""
    if not page.locator(NUMBERS).is_visible():
        page.locator("#viewer summary").click()
    expect(page.locator(NUMBERS)).to_contain_text("mouth center bottom lip", timeout=20_000)


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
