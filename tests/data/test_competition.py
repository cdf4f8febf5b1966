import io
import itertools
import re
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import draw_faces, training_table

from fkd.data import find
from fkd.data.competition import read_lookup, read_test, read_training
from fkd.data.faces import Faces
from fkd.errors import FkdError
from fkd.keypoints import COLUMNS


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def same(a: Faces, b: Faces) -> bool:
    return np.array_equal(a.images, b.images) and np.array_equal(a.points, b.points, equal_nan=True)


def edit(table, row, column, value):
    table = table.astype(object)
    table.loc[row, column] = value
    return table


PIXELS = " ".join(["7"] * 9215)
# Row, column, cell, and the message.
CELLS = [
    (2, "Image", PIXELS, "row 3 has 9,215 pixels, expected 9,216"),
    (2, "Image", "", "row 3 has 0 pixels"),
    (1, "Image", "7 " + PIXELS[2:], "row 2 has 9,215 pixels"),
    (1, "Image", PIXELS + " 256", "row 2 has the pixel '256'"),
    (1, "Image", PIXELS + " " + "9" * 5000, "row 2 has the pixel '9999"),
    (1, "Image", "-1 " + PIXELS, "row 2 has the pixel '-1'"),
    (1, "Image", "1.5 " + PIXELS, "row 2 has the pixel '1.5'"),
    (1, "Image", "1_0 " + PIXELS, "row 2 has the pixel '1_0'"),
    (4, "nose_tip_y", "1_0", "row 5 has nose_tip_y = '1_0'"),
    (4, "nose_tip_y", "low", "row 5 has nose_tip_y = 'low', expected a number from -48 to 144, or nothing"),
    (4, "nose_tip_y", "inf", "row 5 has nose_tip_y = 'inf'"),
    (4, "nose_tip_y", "960", "row 5 has nose_tip_y = '960', expected a number from -48 to 144"),
    (4, "nose_tip_y", "9" * 400, "row 5 has nose_tip_y = '9999"),
    (0, "nose_tip_y", "", "row 1 has only one of x and y for nose_tip"),
]


@pytest.mark.parametrize(("row", "column", "cell", "message"), CELLS)
def test_a_defect_is_reported_with_file_and_row(row, column, cell, message, tmp_path):
    table = training_table(draw_faces(6)).astype(object)
    table.loc[row, column] = cell
    table.to_csv(tmp_path / "training.csv", index=False)
    with pytest.raises(FkdError, match=re.escape(f"training.csv: {message}")):
        read_training(tmp_path)


def test_damaged_empty_and_missing_files(tmp_path, competition):
    whole = zipped("training.csv", (competition / "training.csv").read_bytes())
    for path in competition.iterdir():
        path.unlink()
    with pytest.raises(FkdError, match="kaggle.com.*fkd data download"):
        read_training(tmp_path)
    with pytest.raises(FkdError, match="does not exist"):
        read_training(tmp_path / "nowhere")
    (tmp_path / "training.csv").write_bytes(b"")
    with pytest.raises(FkdError, match="training.csv is empty"):
        read_training(tmp_path)
    (tmp_path / "training.csv").unlink()
    for damaged in (whole[: len(whole) // 2], whole[:2000] + b"\0" * 500 + whole[2500:], b"no zip at all"):
        (tmp_path / "training.zip").write_bytes(damaged)
        with pytest.raises(FkdError, match="training.zip(/training.csv)? (is a damaged zip|cannot be unpacked)"):
            read_training(tmp_path)


def test_a_file_of_another_shape_is_refused(competition):
    path = competition / "training.csv"
    header, *rows = path.read_text().splitlines()
    for lines, message in (
        ([header.replace("nose_tip_x", "nose"), *rows], "training.csv: the header lacks nose_tip_x; expected"),
        ([header], "has a header but no rows"),
        (
            [header, rows[0], rows[1] + ",7", *rows[2:]],
            "not a readable csv file .*31 fields in line 3, saw 32",
        ),
        ([header, *(row + ",7" for row in rows)], "rows have more cells than the header"),
        ([header, rows[0], "1,1,3,3"], "row 2 has 0 pixels, expected 9,216"),
        ([header + ',"', *rows], "not a readable csv file"),
    ):
        path.write_text("\n".join(lines))
        with pytest.raises(FkdError, match=message) as error:
            read_training(competition)
        assert "\n" not in str(error.value)


def test_every_way_to_write_a_row_reads_the_same(competition, faces):
    path = competition / "training.csv"
    header, *rows = path.read_text().splitlines()
    cells = [row.rsplit(",", 1) for row in rows]
    ways = {
        "tabs": [f"{points},{image}".replace(" ", "\t") for points, image in cells],
        "blanks": [f"{points}, {image}  ".replace(" ", "  ") for points, image in cells],
        "some quoted": [*rows[:20], *(f'{points},"{image}"' for points, image in cells[20:40]), *rows[40:]],
        "over lines": [f'{points},"{image.replace(" ", chr(10), 9)}"' for points, image in cells],
    }
    for way, end in itertools.product(ways, ("\r\n", "\r", "\n\n")):
        path.write_bytes(("\ufeff" + end.join([header, *ways[way]])).encode())
        assert same(read_training(competition), faces), (way, end)


def test_a_defect_of_the_lookup_table_is_reported(competition):
    path = competition / "IdLookupTable.csv"
    lines = path.read_text().splitlines()
    for spoilt, message in (
        ("1,1,chin_x,", "row 1 has FeatureName = 'chin_x'"),
        ("x,1,nose_tip_x,", "row 1 has RowId = 'x'"),
        ("2,1,nose_tip_x,", "row 2 repeats RowId 2"),
        ("1e25,1,nose_tip_x,", "row 1 has RowId = '1e25', expected a whole number"),
        (f"{2**53 + 2},1,nose_tip_x,", "row 1 has RowId = '9007199254740994', expected a whole number"),
        ("1,-1e25,nose_tip_x,", "row 1 has ImageId = '-1e25', expected a whole number"),
        ("1,1,nose_tip_x,,7", "rows have more cells than the header"),
        ("1,1", "row 1 has FeatureName = ''"),
    ):
        path.write_text("\n".join([lines[0], spoilt, *lines[2:]]))
        with pytest.raises(FkdError, match=message):
            read_lookup(competition)


def test_a_repeated_image_id_is_refused(competition):
    path = competition / "test.csv"
    header, first, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, first, first, *rows]))
    with pytest.raises(FkdError, match="test.csv: row 2 repeats ImageId 1"):
        read_test(competition)


def bomb(head: bytes, tail: bytes, megabytes: int) -> bytes:
    """A zip of a training.csv of this size, made without making the csv."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("training.csv", "w", force_zip64=True) as member,
    ):
        member.write(head)
        for _ in range(megabytes):
            member.write(tail * (1_000_000 // len(tail)))
    return buffer.getvalue()


HEADER = ",".join([*COLUMNS, "Image"]).encode() + b"\n"


@pytest.mark.parametrize(
    ("head", "tail", "message"),
    [
        (HEADER, b"\n", "unpacks to more than 6 MB"),
        (HEADER, b"," * 30 + b"7 " * 9216 + b"\n", "unpacks to more than 6 MB"),
        (HEADER, b"," * 30 + b"\n", "row 1 has 0 pixels"),
    ],
)
def test_a_csv_of_gigabytes_in_a_zip_is_refused_while_it_is_read(head, tail, message, tmp_path, monkeypatch):
    monkeypatch.setattr(find, "MAX_BYTES", 6_000_000)
    (tmp_path / "training.zip").write_bytes(bomb(head, tail, 7))
    tracemalloc.start()
    try:
        with pytest.raises(FkdError, match=f"training.zip.*{message}"):
            read_training(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_zip_in_a_zip_in_a_zip_and_a_huge_file_are_refused(tmp_path, monkeypatch, competition):
    inner = zipped("training.csv", (competition / "training.csv").read_bytes())
    (tmp_path / "training.zip").write_bytes(zipped("training.zip", zipped("training.zip", inner)))
    with pytest.raises(FkdError, match="training.zip/training.zip/training.zip is not a readable csv file"):
        read_training(tmp_path)
    monkeypatch.setattr(find, "MAX_BYTES", 1000)
    with pytest.raises(FkdError, match="training.csv is larger than 0 MB"):
        read_training(competition)
