"""Batch in Chromium: progress at the button, answers as they come, reasons, downloads."""

import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from browser.helpers import EXAMPLES, open_tab, screenshot

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
    expect(page.locator("#batch-gallery img")).to_have_count(2)
    screenshot(page, "batch")
    with page.expect_download() as download:
        page.locator("#batch-zip").click()
    download.value.save_as(tmp_path / "drawn.zip")
    with zipfile.ZipFile(tmp_path / "drawn.zip") as archive:
        assert len(archive.namelist()) == 2

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
    expect(page.locator("#batch-gallery img").first).to_be_visible(timeout=20_000)
    expect(status).to_contain_text("of 100 photos ...")
    below = status.bounding_box()["y"] - start.bounding_box()["y"] - start.bounding_box()["height"]
    assert 0 <= below < 40
    screenshot(page, "batch-running")

    stop.click()
    expect(status).to_contain_text("Stopped after", timeout=20_000)
    expect(start).to_be_enabled()
    expect(stop).to_be_disabled()
    done = int(status.inner_text().split()[2])
    assert 0 < done < 100
    with page.expect_download() as download:
        page.locator("#batch-json").click()
    assert len(json.loads(Path(download.value.path()).read_text())) == done
