"""Each promise of SECURITY.md has a test, and its numbers are those of the code."""

import re
from pathlib import Path

import pytest

from fkd import files
from fkd.board.entries import MAX_SYNCED
from fkd.clip import apart
from fkd.data import find
from fkd.hub import claims
from fkd.page import guard, uploads
from fkd.photo import decoder, point_files, reading, sources

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text()
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def test_every_promise_names_a_test_that_is_there():
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 25
    assert not [name for name in named if f"def {name}(" not in TESTS]
    promises = [line for line in TEXT.splitlines() if line.startswith("| ") and line.endswith("` |")]
    rows = re.findall(r"\| promise \| test \|\n\| --- \| --- \|\n((?:\|.*\n)+)", TEXT)
    assert sum(block.count("\n") for block in rows) == len(promises), "a promise without a test"


@pytest.mark.parametrize(
    "said",
    [
        f"{reading.MOST_MEGAPIXELS} megapixels",
        f"a JPEG {reading.MAX_JPEG_MEGAPIXELS} megapixels",
        f"{reading.MOST_FILE_BYTES / 1e6:.0f} MB |",
        f"{reading.SHORTEST} px on its shorter side",
        f"{guard.MAX_FILE_BYTES / 1e6:.0f} MB; {guard.MAX_UPLOAD_BYTES / 1e6:.0f} MB",
        f"not a file in a form | {guard.MAX_FIELD_BYTES:,} bytes",
        f"any other request | {guard.MAX_REQUEST_BYTES / 1e6:.0f} MB; {guard.MAX_VALUES:,} values",
        f"{decoder.MAX_SECONDS} seconds, {decoder.MAX_MEMORY / 1e9:.0f} GB, in one of {decoder.MAX_CHILDREN} child",
        f"{decoder.MAX_MEGAPIXELS} megapixels in all; others wait {decoder.MAX_WAIT} seconds",
        f"models of the Hub whose claims are read | {claims.MAX_MODELS:,}, {claims.PAGE} at a time",
        f"{sources.MOST_PHOTOS} photos, {sources.MOST_BYTES / 1e6:.0f} MB unpacked",
        f"one clip | {guard.MAX_FILE_BYTES / 1e6:.0f} MB, {apart.MAX_SECONDS} seconds and {apart.MAX_FRAMES:,} frames; "
        f"{apart.MAX_WORK} seconds and {apart.MAX_MEMORY / 1e9:.0f} GB of addresses",
        f"faces in one photo | {sources.MOST_FACES},",
        f"{guard.ANSWER_LIMIT} seconds",
        f"waiting in all queues | {guard.MAX_WAITING};",
        f"kept in memory | {guard.MAX_SESSIONS};",
        f"{uploads.MAX_AGE // 60} minutes after it was last written",
        f"{files.LARGEST / 1e6:.0f} MB (claims read from the Hub: {MAX_SYNCED / 1e6:.0f} MB)",
        f"{point_files.MAX_BYTES / 1e6:.0f} MB, {point_files.MAX_FACES:,} faces",
        f"{find.MAX_BYTES / 1e9:.0f} GB unpacked",
    ],
)
def test_the_limits_are_those_of_the_code(said):
    assert re.search(rf"(?<![\d.,]){re.escape(said)}", TEXT)
