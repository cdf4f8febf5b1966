"""The real page in Chromium, at phone and desktop size; no request may leave this machine."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from browser.helpers import (
    EXAMPLES,
    PANELS,
    ROOT,
    answered,
    choose,
    launched,
    open_tab,
    screenshot,
    settle,
    tab_by_keyboard,
    tab_to,
    table,
    upload,
    wait_until,
)
from fkd.keypoints import NAMES
from fkd.page import live

# Mid-point between the eyes, and their distance, read off the photos by eye.
EYES = {"grace_hopper.jpg": ((263, 190), 88), "eileen_collins.png": ((225, 102), 44)}

# What is drawn in a tab, by class: how many figures.
DRAWN = {"Model": {"ellipses": 1, "model-curves": 1, "case": 6}}

# What the page compares FCNN with at first: the best by validation.
BETTER = min(
    (json.loads(path.read_text())["training"]["validation_rmse"], path.parent.name)
    for path in (ROOT / "checkpoints").glob("*/config.json")
)[1]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    with launched() as url:
        yield url


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


@pytest.mark.slow
def test_a_batch_is_answered_row_by_row_and_downloaded(page, tmp_path):
    open_tab(page, "Batch")
    (tmp_path / "broken.jpg").write_bytes(b"this is no picture")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name in EYES:
            archive.write(EXAMPLES / name, name)
    page.locator("#batch-files input[type=file]").set_input_files([tmp_path / "two.zip", tmp_path / "broken.jpg"])
    expect(page.locator("#batch-files .file-preview")).to_contain_text("two", timeout=20_000)
    page.locator("#batch-run").click()
    expect(page.locator("#batch-status")).to_contain_text("2 faces in 3 photos", timeout=60_000)
    expect(page.locator("#batch-status")).to_contain_text("broken.jpg is not a readable image")
    assert [row[0] for row in table(page, "#batch-table")] == list(EYES)
    screenshot(page, "batch")
    with page.expect_download() as download:
        page.locator("#batch-zip").click()
    download.value.save_as(tmp_path / "drawn.zip")
    with zipfile.ZipFile(tmp_path / "drawn.zip") as archive:
        assert len(archive.namelist()) == 2


@pytest.mark.slow
def test_a_batch_can_be_stopped(page, tmp_path):
    open_tab(page, "Batch")
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(100):
            archive.write(EXAMPLES / "grace_hopper.jpg", f"{number}.jpg")
    page.locator("#batch-files input[type=file]").set_input_files(tmp_path / "many.zip")
    expect(page.locator("#batch-files .file-preview")).to_contain_text("many", timeout=20_000)
    page.locator("#batch-run").click()
    status = page.locator("#batch-status")
    expect(status).to_contain_text("of 100 photos", timeout=60_000)
    page.locator("#batch-stop").click()
    expect(status).to_contain_text("Stopped after", timeout=20_000)
    done = int(status.inner_text().split()[2])
    assert 0 < done < 100 and len(table(page, "#batch-table")) > 0
    with page.expect_download() as download:
        page.locator("#batch-json").click()
    assert len(json.loads(Path(download.value.path()).read_text())) == done


@pytest.mark.slow
def test_the_documented_api_examples_run(address):
    text = (ROOT / "docs" / "api.md").read_text().replace("http://127.0.0.1:7860", address.rstrip("/"))
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "gradio_client" in block)
    exec(code.replace("photo.jpg", str(EXAMPLES / "grace_hopper.jpg")), {})
    ask, hear = re.findall(r"^curl [^#\n]*", text, re.M)
    _, _, url, _, kind, _, data = shlex.split(ask)
    asked = httpx.post(url, content=data, headers=[kind.split(": ")]).json()
    assert '"rmse"' in httpx.get(shlex.split(hear)[2].replace("EVENT_ID", asked["event_id"])).text


@pytest.mark.slow
def test_programs_ask_by_name_with_the_photo_first(address):
    client = Client(address, verbose=False)
    photo = handle_file(EXAMPLES / "grace_hopper.jpg")
    (face,) = client.predict(photo, api_name="/predict")["faces"]
    assert set(face["points"]) == set(NAMES) and len(face["box"]) == 4
    both = client.predict(photo, models="fcnn,resnet18", api_name="/compare")
    assert set(both["models"]) == {"fcnn", "resnet18"} and both["milliseconds"]["finding faces"] > 0
    assert client.predict(api_name="/leaderboard")[0]["rank"] == 1
    with pytest.raises(AppError, match="there is no model 'none': expected one of fcnn"):
        client.predict(photo, model="none", api_name="/predict")
    named = set(client.view_api(return_format="dict")["named_endpoints"])
    assert named == {"/predict", "/compare", "/leaderboard"}

    stolen = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    for payload in (stolen, "/etc/hostname", {"path": "/etc/hostname"}):
        asked = httpx.post(f"{address}gradio_api/call/predict", json={"data": [payload, "fcnn"]}).json()
        assert "event: error" in httpx.get(f"{address}gradio_api/call/predict/{asked['event_id']}").text


@pytest.mark.slow
def test_a_face_is_followed_live(page, monkeypatch):
    looks, follows = count_calls(monkeypatch, live, "find_confirmed_faces"), count_calls(monkeypatch, live, "follow")
    open_tab(page, "Live")
    page.locator("#camera").get_by_text("Access Webcam").click()
    page.wait_for_function("document.querySelector('#camera video')?.currentTime > 0")
    page.locator("#camera [aria-label='start recording'], #camera [aria-label='capture photo']").first.click()
    expect(page.locator("#live-status")).to_contain_text("A face is followed", timeout=30_000)
    expect(page.locator("#live img")).to_be_visible()
    looked, followed = len(looks), len(follows)
    wait_until(page, lambda: len(follows) >= followed + 5)
    expect(page.locator("#live-status")).to_contain_text(re.compile(r"A face is followed\. \d+ frames a second"))
    assert len(looks) == looked, "the detector, which takes most of the time, is spared while a face is followed"
    screenshot(page, "live")


def count_calls(monkeypatch, module, name: str) -> list[str]:
    """A list that grows by one with every call of the module's function."""
    calls, original = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given: calls.append(name) or original(*given))
    return calls


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_hurdle_for_anyone(page, address, theme):
    found = []
    for name in ("Compare", "Live", "Batch", "Model"):
        page.goto(f"{address}?__theme={theme}")
        open_tab(page, name)
        if name == "Compare":
            upload(page, EXAMPLES / "grace_hopper.jpg")
            answered(page)
        for which, count in DRAWN.get(name, {}).items():
            expect(page.locator(f".{which} .js-plotly-plot")).to_have_count(count, timeout=30_000)
        settle(page)
        screenshot(page, f"{name.lower()}-{theme}")
        for problem in Axe().run(page).response["violations"]:
            if problem["impact"] in ("serious", "critical"):
                found.append((name, problem["id"], problem["nodes"][0]["html"][:200]))
    assert not found


@pytest.mark.slow
def test_a_model_has_a_page_with_an_address(page, address):
    page.goto(f"{address}?tab=model&model=resnet18")
    expect(page.locator("#card")).to_contain_text("538 faces", timeout=20_000)
    expect(page.locator("#card")).to_contain_text("non-commercial")
    for which, count in DRAWN["Model"].items():
        expect(page.locator(f".{which} .js-plotly-plot")).to_have_count(count, timeout=20_000)
    screenshot(page, "model")
    choose(page, "#model", "fcnn")
    expect(page.locator("#card")).to_contain_text("9216-500-30", timeout=20_000)
    assert "tab=model&model=fcnn" in page.url


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
            assert "Running on" in process.stdout.readline() + process.stdout.readline()
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
    verdict = page.inner_text("#status")
    tab_to(page, "[aria-label='Example photo 2']")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).not_to_have_text(verdict, timeout=30_000)
    answered(page)

    tab_to(page, "#viewer [data-mode=one]")
    page.keyboard.press("Enter")
    expect(page.locator(PANELS)).to_have_count(1)
    if page.size == "phone":
        tab_to(page, "#viewer .opens")
        page.keyboard.press("Enter")
    tab_to(page, "#viewer [data-layer=names]")
    page.keyboard.press("Space")
    expect(page.locator("#viewer .names text").first).to_be_visible()
    tab_to(page, "#viewer .picture")
    before = page.locator(PANELS).get_attribute("viewBox")
    page.keyboard.press("+")
    expect(page.locator(PANELS)).not_to_have_attribute("viewBox", before)
    tab_to(page, "#viewer .point")
    expect(page.locator("#viewer .tip")).to_contain_text("left eye center")

    tab_to(page, "#more > button")
    page.keyboard.press("Enter")
    tab_to(page, "#models input")
    page.keyboard.press("Backspace")
    expect(page.locator("#viewer .legend")).to_have_text("fcnn", timeout=20_000)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer .legend", has_text="resnet")).to_have_count(1, timeout=20_000)
    page.keyboard.press("Escape")

    tab_to(page, "#details > button")
    page.keyboard.press("Enter")
    tab_to(page, "#save-csv")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert len(pd.read_csv(download.value.path())) == 2

    page.keyboard.press("Escape")
    tab_by_keyboard(page, "Model")
    expect(page.locator("#card")).to_contain_text("Terms:", timeout=20_000)
