import io
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


@pytest.mark.parametrize("layout", ["csv", "zip", "bundle of zips", "bundle of csvs", "bundle itself"])
def test_every_layout_reads_the_same(layout, competition, faces):
    training, test = (competition / "training.csv").read_bytes(), (competition / "test.csv").read_bytes()
    table = (competition / "IdLookupTable.csv").read_bytes()
    where = competition
    if layout != "csv":
        for path in competition.iterdir():
            path.unlink()
    if layout == "zip":
        (competition / "training.zip").write_bytes(zipped("training.csv", training))
        (competition / "test.zip").write_bytes(zipped("test.csv", test))
        (competition / "IdLookupTable.csv").write_bytes(table)
    elif layout != "csv":
        bundle = competition / "facial-keypoints-detection.zip"
        with zipfile.ZipFile(bundle, "w") as archive:
            if layout == "bundle of csvs":
                archive.writestr("training/training.csv", training)
                archive.writestr("test/test.csv", test)
            else:
                archive.writestr("training.zip", zipped("training.csv", training))
                archive.writestr("test.zip", zipped("test.csv", test))
            archive.writestr("IdLookupTable.csv", table)
        where = bundle if layout == "bundle itself" else competition
    assert same(read_training(where), faces)
    assert same(read_training(where), faces), "from the cache"
    assert read_test(where).images.shape == (12, 96, 96)
    assert len(read_lookup(where)) == sum(np.isfinite(f).sum() for f in draw_faces(12, seed=1).points)


def edit(table, row, column, value):
    table = table.astype(object)
    table.loc[row, column] = value
    return table


DEFECTS = {
    "missing column": (lambda t: t.drop(columns="nose_tip_x"), "training.csv: the header lacks nose_tip_x"),
    "unknown column": (lambda t: t.assign(chin_x=1), "has the unknown chin_x"),
    "pixel count": (lambda t: edit(t, 2, "Image", " ".join(["7"] * 9215)), "row 3 has 9,215 pixels, expected 9,216"),
    "no pixels": (lambda t: edit(t, 2, "Image", ""), "row 3 has 0 pixels"),
    "pixel 256": (lambda t: edit(t, 1, "Image", " ".join(["7"] * 9215 + ["256"])), "row 2 has the pixel '256'"),
    "pixel 1007": (lambda t: edit(t, 1, "Image", " ".join(["7"] * 9215 + ["1007"])), "row 2 has the pixel '1007'"),
    "blank pixel": (lambda t: edit(t, 1, "Image", "7  7" + " 7" * 9213), "row 2 has 9,215 pixels"),
    "pixel -1": (lambda t: edit(t, 1, "Image", " ".join(["-1"] + ["7"] * 9215)), "row 2 has the pixel '-1'"),
    "pixel 1.5": (lambda t: edit(t, 1, "Image", " ".join(["1.5"] + ["7"] * 9215)), "row 2 has the pixel '1.5'"),
    "pixel 1_0": (lambda t: edit(t, 1, "Image", " ".join(["1_0"] + ["7"] * 9215)), "row 2 has the pixel '1_0'"),
    "number 1_0": (lambda t: edit(t, 4, "nose_tip_y", "1_0"), "row 5 has nose_tip_y = '1_0'"),
    "not a number": (lambda t: edit(t, 4, "nose_tip_y", "low"), "row 5 has nose_tip_y = 'low', expected a number"),
    "infinite": (lambda t: edit(t, 4, "nose_tip_y", "inf"), "row 5 has nose_tip_y = 'inf'"),
    "far out": (lambda t: edit(t, 4, "nose_tip_y", 960), "row 5 has nose_tip_y = 960, far outside the frame"),
    "x without y": (lambda t: edit(t, 0, "nose_tip_y", ""), "row 1 has only one of x and y for nose_tip"),
    "column twice": (lambda t: t.assign(b=1).rename(columns={"b": "nose_tip_x"}), "the header repeats nose_tip_x"),
    "endless pixel": (lambda t: edit(t, 1, "Image", " ".join(["7"] * 9215 + ["9" * 5000])), "the pixel '9999"),
    "endless number": (lambda t: edit(t, 4, "nose_tip_y", "9" * 400), "row 5 has nose_tip_y = '9999"),
    "no rows": (lambda t: t.head(0), "has a header but no rows"),
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_named_with_file_and_row(defect, tmp_path):
    spoil, message = DEFECTS[defect]
    spoil(training_table(draw_faces(6))).to_csv(tmp_path / "training.csv", index=False)
    with pytest.raises(FkdError, match=re.escape(message)) as error:
        read_training(tmp_path)
    assert "training.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_damaged_empty_and_absent_files(tmp_path, competition):
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


def test_rows_of_another_length_than_the_header_are_said(competition):
    path = competition / "training.csv"
    header, *rows = path.read_text().splitlines()
    for spoilt, message in (
        (
            [header, rows[0], rows[1] + ",7", *rows[2:]],
            "row 2 has 32 cells, expected 31",
        ),
        ([header, *(row + ",7" for row in rows)], "row 1 has 32 cells, expected 31"),
        ([header, *(row + ",7,7" for row in rows)], "row 1 has more than 31 cells, expected 31"),
        ([header, rows[0], rows[1] + ",7,7"], "row 2 has 33 cells, expected 31"),
        ([header, rows[0], "1,1,3,3"], "row 2 has 0 pixels, expected 9,216"),
        ([header + ',"', *rows], "not a readable csv file"),
        ([header, rows[0] + "7 " * 50_000], "not a readable csv file .a line is longer than 100,000 characters"),
    ):
        path.write_text("\n".join(spoilt))
        with pytest.raises(FkdError, match=message) as error:
            read_training(competition)
        assert "\n" not in str(error.value)


def test_every_way_to_write_a_row_reads_the_same(competition, faces):
    path = competition / "training.csv"
    header, *rows = path.read_text().splitlines()
    cells = [row.rsplit(",", 1) for row in rows]
    ways = {
        "quoted": [f'{points},"{image}"' for points, image in cells],
        "tabs": [f"{points},{image}".replace(" ", "\t") for points, image in cells],
        "blanks": [f"{points}, {image}  ".replace(" ", "  ") for points, image in cells],
        "zeros": [f"{points},{re.sub(r'[0-9]+', lambda word: word[0].zfill(4), image)}" for points, image in cells],
        "signs": [f"{points},+{image.replace(' ', ' +')}" for points, image in cells],
        "some quoted": [*rows[:20], *(f'{points},"{image}"' for points, image in cells[20:40]), *rows[40:]],
        "over lines": [f'{points},"{image.replace(" ", chr(10), 9)}"' for points, image in cells],
    }
    for way, lines in ways.items():
        for end in ("\n", "\r\n", "\r", "\n\n"):
            path.write_bytes(("\ufeff" + end.join([header, *lines])).encode())
            assert same(read_training(competition), faces), (way, end)


def test_every_pixel_value_is_read(tmp_path):
    faces = draw_faces(2)
    faces.images.reshape(-1)[:] = np.arange(2 * 96 * 96) % 256
    training_table(faces).to_csv(tmp_path / "training.csv", index=False)
    assert same(read_training(tmp_path), faces)


def test_lookup_table_defects(competition):
    path = competition / "IdLookupTable.csv"
    lines = path.read_text().splitlines()
    for spoilt, message in (
        ("1,1,chin_x,", "row 1 has FeatureName = 'chin_x'"),
        ("x,1,nose_tip_x,", "row 1 has RowId = 'x'"),
        ("2,1,nose_tip_x,", "row 2 repeats RowId 2"),
        ("1e25,1,nose_tip_x,", "row 1 has RowId = '1e25', expected a whole number"),
        (f"{2**53 + 2},1,nose_tip_x,", "row 1 has RowId = '9007199254740994', expected a whole number"),
        ("1,-1e25,nose_tip_x,", "row 1 has ImageId = '-1e25', expected a whole number"),
        ("1,1,nose_tip_x,,7", "row 1 has 5 cells, expected 4"),
        ("1,1", "row 1 has FeatureName = ''"),
    ):
        path.write_text("\n".join([lines[0], spoilt, *lines[2:]]))
        with pytest.raises(FkdError, match=message):
            read_lookup(competition)


def test_an_image_id_that_is_there_twice_is_said(competition):
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
        (b"", b"0", "a line is longer than"),
        (HEADER + b'"', b"0\n", "a line is longer than"),
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


def test_a_zip_in_a_zip_and_files_too_large_are_refused(tmp_path, monkeypatch, competition):
    inner = zipped("training.csv", (competition / "training.csv").read_bytes())
    (tmp_path / "training.zip").write_bytes(zipped("training.zip", zipped("training.zip", inner)))
    with pytest.raises(FkdError, match="training.zip/training.zip holds 0 csv files, expected training.csv"):
        read_training(tmp_path)
    monkeypatch.setattr(find, "MAX_NESTED", 100)
    with pytest.raises(FkdError, match="training.zip/training.zip unpacks to more than 0 MB"):
        read_training(tmp_path)
    monkeypatch.setattr(find, "MAX_BYTES", 1000)
    with pytest.raises(FkdError, match="training.csv is larger than 0 MB"):
        read_training(competition)
