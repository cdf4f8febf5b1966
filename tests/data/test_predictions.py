"""Predictions by others, in both layouts, and defects of their files."""

import os
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import draw_faces
from sentences import refused

from fkd.data.predictions import MAX_BYTES, read_predictions
from fkd.keypoints import COLUMNS

WANTED = np.isfinite(draw_faces(5).points)  # [5, 15, 2]: three faces in full and two in four points, 106 values
BY_VALUE = "RowId,Location\n" + "".join(f"{row},{40 + row / 10}\n" for row in range(1, 107))
BY_FRAME = ",".join(["ImageId", *COLUMNS]) + "\n" + "".join(f"{row}{',40.5' * 30}\n" for row in range(1, 6))
BAD_NUMBERS = ("inf", "1e400", "145", "text", "1_0", "0x10", "=1+1", "٣٣", "\x1b[31m", "\0", "9" * 5000, "40 px")
BAD_IDS = {
    "0": "expected 1 to", "-1": "'-1', expected 1 to", "107": "'107', expected 1 to", "1.5": "expected a whole number",
    "nan": "expected a whole number", "1e25": "expected a whole number", "": "expected a whole number", "2": "repeats",
}  # fmt: skip


def test_both_layouts_give_the_same_points_whatever_the_order_of_rows_and_columns(tmp_path):
    points = np.random.default_rng(0).uniform(0, 95, WANTED.shape).round(3).astype(np.float32)
    points = np.where(WANTED, points, np.nan)
    by_value = pd.DataFrame({"RowId": range(1, WANTED.sum() + 1), "Location": points[WANTED]})
    by_frame = pd.DataFrame(points.reshape(len(points), -1), columns=COLUMNS).assign(ImageId=range(1, len(points) + 1))
    for table in (by_value, by_frame):
        for written in (table, table.sample(frac=1, random_state=0), table[table.columns[::-1]]):
            written.to_csv(tmp_path / "s.csv", index=False)
            assert np.array_equal(read_predictions(tmp_path / "s.csv", WANTED), points, equal_nan=True)


@pytest.mark.parametrize("content", [BY_VALUE, BY_FRAME])
def test_forms_of_spreadsheets_are_read(content, tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(content)
    plain = read_predictions(path, WANTED)
    assert np.isnan(plain[~WANTED]).all() and np.isfinite(plain[WANTED]).all(), "other coordinates count for nothing"
    for variant in (
        content.replace(",", ";").replace(".", ","),
        content.replace("\n", ",9\n").replace(",9\n", ",usage\n", 1),
    ):
        path.write_text(variant)
        assert np.array_equal(read_predictions(path, WANTED), plain, equal_nan=True)


@pytest.mark.parametrize("content", [BY_VALUE, BY_FRAME])
def test_a_defect_is_reported_in_one_sentence(content, tmp_path):
    header, first, *rest = content.splitlines()
    row_id, value, *others = first.split(",")

    def with_first(*rows: str) -> str:
        return "\n".join([header, *rows, *rest])

    files = {
        **{with_first(",".join([row_id, cell, *others])): "expected a number from" for cell in BAD_NUMBERS},
        **{with_first(",".join([cell, value, *others])): message for cell, message in BAD_IDS.items()},
        with_first(",".join([row_id, "nan", *others])): "has no value, expected a number",
        "": "is empty: write a csv",
        "\n".join([first, *rest]): "the header lacks",
        with_first(): "rows are missing, such as",
        content + content: "expected a whole number",
        content.replace(".", ","): "more cells than the header",
        '[{"RowId": 1, "Location": 40.5}]': "the header lacks",
        "\0" * 5000: "the header lacks",
    }
    for text, expected in files.items():
        (tmp_path / "s.csv").write_text(text)
        message = refused(lambda: read_predictions(tmp_path / "s.csv", WANTED))
        assert message.startswith("s.csv") and expected in message and message.isprintable(), text[:200]
    for data in (content.encode("utf-16-le"), (content + "# é").encode("latin-1"), b"\x80\x04\x95\x00\x00"):
        (tmp_path / "s.csv").write_bytes(data)
        assert refused(lambda: read_predictions(tmp_path / "s.csv", WANTED)).startswith("s.csv")


def _pack(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("s.csv", BY_VALUE)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (_pack, "is a zip, expected a csv file"),
        (lambda path: (path.touch(), os.truncate(path, MAX_BYTES + 1)), "is larger than 50 MB"),
        (lambda path: None, "does not exist"),
        (os.mkfifo, "is not a regular file"),
        (partial(os.symlink, "/dev/zero"), "is not a regular file"),
    ],
)
def test_other_kinds_of_files_are_refused(make, expected, tmp_path):
    make(tmp_path / "s.csv")
    assert expected in refused(lambda: read_predictions(tmp_path / "s.csv", WANTED))
