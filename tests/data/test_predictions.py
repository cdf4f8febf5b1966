"""Predictions that others made, in both layouts, and what is wrong in a file."""

import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import draw_faces, write_competition
from sentences import refused

from fkd.board.entries import write_entry
from fkd.board.scoring import score
from fkd.data.predictions import MAX_BYTES, read_predictions
from fkd.keypoints import COLUMNS

WANTED = np.isfinite(
    draw_faces(5).points
)  # [5, 15, 2], of which three faces in full and two in four points: 106 values
BY_VALUE = "RowId,Location\n" + "".join(f"{row},{40 + row / 10}\n" for row in range(1, 107))
BY_FRAME = ",".join(["ImageId", *COLUMNS]) + "\n" + "".join(f"{row}{',40.5' * 30}\n" for row in range(1, 6))
NUMBERS = {
    "nan": "expected a number", "NaN": "expected a number", "inf": "expected a number", "-inf": "expected a number",
    "1e400": "expected a number", "1e308": "far outside the frame", "-1e308": "far outside", "145": "far outside",
    "text": "= 'text', expected a number", "1_0": "expected a number", "0x10": "expected a number",
    "=1+1": "= '=1+1', expected a number", "=cmd|' /C calc'!A0": "expected a number", "٣٣": "expected a number",
    "<script>alert(1)</script>": "expected a number", "\x1b[31m": "expected a number", "\0": "expected a number",
    "9" * 5000: "expected a number", "'40.5": "expected a number", "40.5 px": "expected a number", "": "has no value",
}  # fmt: skip
IDS = {
    "0": "has ", "-1": "-1, expected 1 to", "107": "107, expected 1 to", "1.5": "expected a whole number",
    "nan": "expected a whole number", "1e25": "expected a whole number", "one": "expected a whole number",
    "": "expected a whole number", "2": "repeats", "=1": "expected a whole number",
}  # fmt: skip
NAMES = (
    "", " ", ".", "..", "../x", "a/b", "/etc/passwd", "ada/net", "ada--net", "<b>x</b>", "=1+1", "+1", "-1", "@x",
    "a\nb", "a\0b", "x" * 81, "\x1b[31m", "naïve", "a\\b", "C:x", ".hidden", "a ", "benchmark", "published",
)  # fmt: skip


@pytest.fixture
def points() -> np.ndarray:
    points = np.random.default_rng(0).uniform(0, 95, WANTED.shape).round(3).astype(np.float32)
    return np.where(WANTED, points, np.nan)


def by_value(points: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"RowId": range(1, WANTED.sum() + 1), "Location": points[WANTED]})


def by_frame(points: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(points.reshape(len(points), -1), columns=COLUMNS)
    return table.assign(ImageId=range(1, len(table) + 1))


@pytest.mark.parametrize("layout", [by_value, by_frame])
def test_both_layouts_give_the_same_points_whatever_the_order_of_rows_and_columns(layout, points, tmp_path):
    table = layout(points)
    for number, written in enumerate((table, table.sample(frac=1, random_state=0), table[table.columns[::-1]])):
        path = tmp_path / f"{number}.csv"
        written.to_csv(path, index=False)
        assert np.array_equal(read_predictions(path, WANTED), points, equal_nan=True)


@pytest.mark.parametrize("content", [BY_VALUE, BY_FRAME])
def test_what_spreadsheets_and_r_add_is_read(content, tmp_path):
    plain, path = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_text(content)
    header, *rows = content.splitlines()
    quoted = ",".join(f'"{name}"' for name in header.split(","))
    for variant in (
        "\ufeff" + content,
        content.replace("\n", "\r\n"),
        "\n".join([quoted, *rows]),
        content.replace(",", ";").replace(".", ","),
        content.replace(",", "\t"),
    ):
        path.write_bytes(variant.encode())
        assert np.array_equal(read_predictions(path, WANTED), read_predictions(plain, WANTED), equal_nan=True)


def test_what_nobody_asked_for_may_be_empty_and_counts_for_nothing(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(BY_FRAME)
    given = read_predictions(path, WANTED)
    assert np.isnan(given[~WANTED]).all() and (given[WANTED] == 40.5).all()


def _files() -> Iterator[tuple[str, bytes, str]]:
    for layout, content in (("by value", BY_VALUE), ("by frame", BY_FRAME)):
        for name, spoilt, said in _of_either(content):
            yield f"{layout}: {name}", spoilt, said
        header, first, *rest = content.splitlines()
        row_id, value, *others = first.split(",")
        for cell, said in NUMBERS.items():
            row = ",".join([row_id, cell, *others])
            yield f"{layout}: a value of {cell[:20]!r}", "\n".join([header, row, *rest]).encode(), said
        for cell, said in IDS.items():
            row = ",".join([cell, value, *others])
            yield f"{layout}: an id of {cell!r}", "\n".join([header, row, *rest]).encode(), said
    header, *rows = BY_FRAME.splitlines()
    for name, spoilt in (
        ("a column less", [line.rpartition(",")[0] for line in (header, *rows)]),
        ("a column more", [header + ",chin_x", *(f"{row},1" for row in rows)]),
        ("a column twice", [header.replace("left_eye_center_y", "left_eye_center_x"), *rows]),
        ("capitals", [header.upper(), *rows]),
        ("no ImageId", [header.replace("ImageId", "Image"), *rows]),
    ):
        yield f"by frame: {name}", "\n".join(spoilt).encode(), "columns are"
    for name, header, cells in (
        ("a filled-in lookup table", "RowId,ImageId,FeatureName,Location", "1,1,nose_tip_x,40"),
        ("one column", "Location", "40"),
    ):
        yield f"by value: {name}", f"{header}\n{cells}\n".encode(), "columns are"


def _of_either(content: str) -> Iterator[tuple[str, bytes, str]]:
    header, first, *rest = content.splitlines()
    joined = "\n".join
    yield "nothing", b"", "is empty: write a csv"
    yield "blank lines", b"\n" * 500, "is empty"
    yield "a header alone", header.encode(), "has a header but no rows"
    yield "no header", joined([first, *rest]).encode(), "columns are"
    yield "a row missing", joined([header, *rest]).encode(), "rows are missing, such as"
    yield "half of the rows", joined([header, first, *rest[: len(rest) // 2]]).encode(), "rows are missing"
    yield "a row twice", joined([header, first, first, *rest]).encode(), "row 2 repeats"
    yield "a row more", joined([header, first, *rest, f"999{first[1:]}"]).encode(), "999, expected 1 to"
    yield "two files in one", (content + content).encode(), "expected a whole number"
    yield "a cell more", joined([header, f"{first},1", *rest]).encode(), "cells, expected"
    yield "a cell less", joined([header, first, *rest[:-1], rest[-1].rpartition(",")[0]]).encode(), "has no value"
    yield "bars", content.replace(",", "|").encode(), "columns are"
    yield "decimal commas", content.replace(".", ",").encode(), "cells, expected"
    yield "UTF-16 without its mark", content.encode("utf-16-le"), "it has NUL characters"
    yield "Latin-1", (content + "# é").encode("latin-1"), "is not a readable csv file"
    yield "NULs", bytes(5000), "it has NUL characters"
    yield "an open quote", (f'{header}\n"{first}' + joined(rest)).encode(), "is not a readable csv file"
    yield "an endless line", header.encode() + b"\n" + b"1 " * 1_000_000, "a line is longer than"
    yield (
        "a million lines",
        header.encode() + b"\n" + b"1,1\n" * 1_000_001,
        "rows",
    )
    yield "HTML", b"<!doctype html><title>Sign in</title>", "is a web page"
    yield "JSON", b'[{"RowId": 1, "Location": 40.5}]', "columns are"
    yield "a pickle", b"\x80\x04\x95\x00\x00\x00\x00", "is not a readable csv file"


def _special() -> Iterator[tuple[str, Callable[[Path], object], str]]:
    def packed(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("s.csv", BY_VALUE)

    def huge(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(MAX_BYTES + 1)

    yield "a zip", packed, "is a zip, expected a csv file"
    yield "a huge file", huge, "is larger than 50 MB"
    yield "missing", lambda path: None, "does not exist"
    yield "a folder", Path.mkdir, "is not a regular file"
    yield "a pipe", os.mkfifo, "is not a regular file"
    yield "a device", partial(os.symlink, "/dev/zero"), "is not a regular file"


def test_a_bad_file_is_refused_in_one_sentence_that_says_what_is_wrong(tmp_path):
    path = tmp_path / "s.csv"
    for name, content, expected in _files():
        path.write_bytes(content)
        said = refused(lambda: read_predictions(path, WANTED))
        assert said.startswith("s.csv") and expected in said and said.isprintable(), f"{name}: {said}"


@pytest.mark.parametrize(("name", "make", "expected"), list(_special()))
def test_what_is_not_a_csv_file_is_refused(name, make, expected, tmp_path):
    make(tmp_path / "s.csv")
    assert expected in refused(lambda: read_predictions(tmp_path / "s.csv", WANTED)), name


def test_an_entry_has_a_name_that_every_file_and_table_can_hold(tmp_path):
    (tmp_path / "s.csv").write_text(BY_VALUE)
    data = write_competition(tmp_path / "drawn", draw_faces(40), draw_faces(3, seed=1))
    for name in NAMES:
        refused(lambda name=name: write_entry(tmp_path / "board", score(tmp_path / "s.csv", data, name), "drawn faces"))
    assert not (tmp_path / "board").exists()
