"""Batch in Chromium: progress at the button, answers as they come, reasons, downloads."""

import json
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from browser.helpers import EXAMPLES, barriers, open_tab, screenshot, settle
from fkd import load, predict

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHOTOS = ("grace_hopper.jpg", "eileen_collins.png")


def run(page: Page, *files: Path) -> None:
    open_tab(page, "Batch")
    page.locator("#batch-files input[type=file]").set_input_files(list(files))
    expect(page.locator("#batch-files .file-preview")).to_contain_text(files[0].stem, timeout=20_000)
    page.locator("#batch-run").click()


def test_a_batch_is_answered_and_downloaded_and_a_failing_photo_is_named(page, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"this is no picture")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name in PHOTOS:
            archive.write(EXAMPLES / name, name)
    run(page, tmp_path / "two.zip", tmp_path / "broken.jpg")
    expect(page.locator("#batch-status")).to_contain_text("2 faces in 3 photos", timeout=60_000)
    expect(page.locator("#batch-status .reason")).to_have_text(
        "broken.jpg is not a readable image: use a JPEG, PNG, WebP or HEIC file"
    )
    expect(page.locator("#batch-photos img")).to_have_count(2)
    screenshot(page, "batch")

    Image.new("L", (90, 80), 128).save(tmp_path / "cropped.png")
    page.locator("#batch-files").get_by_label("Clear").click()
    page.locator("#batch-whole input").check()
    run(page, tmp_path / "cropped.png")
    expect(page.locator("#batch-status")).to_contain_text("1 face in 1 photo", timeout=60_000)


def test_progress_stands_at_the_button_and_answers_come_while_it_runs(page, tmp_path):
    open_tab(page, "Batch")
    start, stop, status = (page.locator(f"#batch-{name}") for name in ("run", "stop", "status"))
    expect(start).to_be_enabled()
    expect(stop).to_be_disabled()
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(100):
            archive.write(EXAMPLES / "grace_hopper.jpg", f"{number}.jpg")
    run(page, tmp_path / "many.zip")
    expect(status).to_contain_text("of 100 photos ...", timeout=60_000)
    expect(start).to_be_disabled()
    expect(stop).to_be_enabled()
    expect(page.locator("#batch-photos img").first).to_be_visible(timeout=20_000)
    expect(status).to_contain_text("of 100 photos ...")
    below = status.bounding_box()["y"] - start.bounding_box()["y"] - start.bounding_box()["height"]
    assert 0 <= below < 40
    screenshot(page, "batch-running")

    stop.click()
    expect(status).to_contain_text("Stopped after", timeout=20_000)
    expect(start).to_be_enabled()
    expect(stop).to_be_disabled()
    done = int(re.search(r"Stopped after (\d+)", status.inner_text())[1])
    assert 0 < done < 100
    with page.expect_download() as download:
        page.locator("#batch-json").click()
    assert len(json.loads(Path(download.value.path()).read_text())) == 2 * done, "two models"


def test_photos_and_true_points_become_a_verdict_and_the_worst_comes_first(page, tmp_path):
    photos = {name: EXAMPLES / name for name in (*PHOTOS, "barack_obama_speaking.jpg")}
    resnet = load(str(EXAMPLES.parent / "checkpoints" / "resnet50"))
    tables = [predict(resnet, path).to_frame(name, "true") for name, path in photos.items()]
    pd.concat(tables).to_csv(tmp_path / "true.csv", index=False)
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.write(photos["grace_hopper.jpg"], "${7*7}{{value}}<b>x<b>.jpg")
    run(page, *photos.values(), tmp_path / "true.csv", tmp_path / "odd.zip")
    status, cards = page.locator("#batch-status"), page.locator("#batch-photos li")
    expect(status).to_contain_text("4 faces in 4 photos", timeout=90_000)
    expect(status).to_contain_text("resnet50 is closer: 0.0% of the eye distance, against ")
    expect(status).to_contain_text("on average of 3 faces with true points")
    differ = [float(each) for each in re.findall(r"models differ by ([\d.]+)%", "".join(cards.all_inner_texts()))]
    assert len(differ) == 4 and differ == sorted(differ, reverse=True)
    first = cards.first.locator("b").inner_text()
    assert f"disagree most in {first}: {differ[0]}% of the eye distance, most at the " in status.inner_text()
    assert "${7*7}{{value}}<b>x<b>.jpg" in page.locator("#batch-photos").inner_text()
    sizes = cards.locator("img").evaluate_all("all => all.map(each => [each.naturalWidth, each.clientWidth])")
    assert all(natural == 560 and shown > 200 for natural, shown in sizes)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    settle(page)
    assert not barriers(page, "#batch-photos") + barriers(page, "#batch-status")  # the rest is Gradio's
    if page.size == "phone":
        heights = page.locator("button[id^=batch-]").evaluate_all("all => all.map(each => each.clientHeight)")
        assert len(heights) == 4 and min(heights) >= 44
    screenshot(page, "batch-true-points")
