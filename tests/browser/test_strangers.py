"""Text by strangers, wherever the page shows it: it loads nothing, links nowhere, and is shown verbatim."""

import dataclasses
import json
import shutil

import pytest
from onnx_files import mean_face
from playwright.sync_api import expect
from served import launched

from browser.helpers import BOARD, EXAMPLES, ROOT, choose, open_tab, settle, unfold, upload
from fkd.board.entries import SYNCED, Synced
from fkd.page.site import build_app

NAME = "![x](http://192.0.2.1/a.png) [y](http://192.0.2.1)"
NASTY = f"{NAME} <img src=//192.0.2.1/b.png> www.z.example `` **z**"
READY = "[role=tab]"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page with NASTY in every text field of its files."""
    home = tmp_path_factory.mktemp("strangers")
    folder = shutil.copytree(ROOT / "checkpoints" / "fcnn", home / "fcnn")
    config, evaluation = (json.loads((folder / name).read_text()) for name in ("config.json", "evaluation.json"))
    config["data"] |= {"name": NASTY, "terms": NASTY}
    config["model"]["conventions"][0]["name"] = NASTY
    evaluation["cost"]["hardware"] = evaluation["data"]["name"] = NASTY
    evaluation |= {"fkd_version": NASTY, "fingerprint": NASTY, "model": NASTY}
    for name, value in (("config.json", config), ("evaluation.json", evaluation)):
        (folder / name).write_text(json.dumps(value))
    for name, about in (("net", {"name": NAME}), ("other", {"owner": NASTY, "licence": NASTY})):
        (home / f"{name}.onnx").write_bytes(mean_face(**about).SerializeToString())
    board = shutil.copytree(BOARD, home / "leaderboard")
    benchmark = json.loads((board / "wild15" / "benchmark.json").read_text()) | {"description": NASTY}
    (board / "wild15" / "benchmark.json").write_text(json.dumps(benchmark))
    (board / "wild15" / "bad.json").write_text(json.dumps({NASTY: 1}))
    (board / SYNCED).write_text(json.dumps(dataclasses.asdict(Synced(NASTY))))
    models = [folder, f"onnx:{home / 'net.onnx'}", f"onnx:{home / 'other.onnx'}"]
    with launched(build_app([*map(str, models)], board, ROOT)) as caller:
        yield caller.url


@pytest.mark.slow
def test_text_by_strangers_loads_nothing_and_links_nowhere(page, address):
    shown = []
    open_tab(page, "Model")
    for name in (NAME, "other", "fcnn"):
        choose(page, "#model", name)
        expect(page.locator("#card h1")).to_have_text(name, timeout=20_000)
        settle(page)
        shown.append(page.locator("#card").inner_text())
        assert not page.locator("img[src*='192.0.2.1'], a[href*='192.0.2.1'], a[href*='z.example']").count()
    assert all(NAME in text for text in shown)
    for name in ("Leaderboard", "Live", "Clip", "Batch", "Compare"):
        open_tab(page, name)
        settle(page)
        if name == "Compare":
            upload(page, EXAMPLES / "grace_hopper.jpg")
            expect(page.locator("#viewer")).to_contain_text(NAME)
            unfold(page)
        assert not page.locator("img[src*='192.0.2.1'], a[href*='192.0.2.1'], a[href*='z.example']").count()


@pytest.mark.slow
def test_the_browser_itself_loads_nothing_from_elsewhere(browser, address):
    page = browser.new_page()
    page.goto(address)
    blocked = page.evaluate(
        """async () => {
            const blocked = new Set();
            document.addEventListener('securitypolicyviolation', event => blocked.add(event.effectiveDirective));
            document.body.append(Object.assign(new Image(), {src: 'http://192.0.2.1/a.png'}));
            document.body.append(Object.assign(document.createElement('script'), {src: 'http://192.0.2.1/a.js'}));
            document.body.append(Object.assign(document.createElement('iframe'), {src: 'http://192.0.2.1/'}));
            await fetch('http://192.0.2.1/').catch(() => {});
            await new Promise(done => setTimeout(done, 500));
            return [...blocked].sort();
        }"""
    )
    assert blocked == ["connect-src", "frame-src", "img-src", "script-src-elem"]
    page.close()
