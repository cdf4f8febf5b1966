"""The competition's files in every layout and form that people have, and the defects that are reported."""

import gzip
import io
import itertools
import re
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_faces, same, training_table, write_competition

from fkd.data import find
from fkd.data.competition import read_lookup, read_test, read_training, submission_problem
from fkd.data.find import find_csv
from fkd.errors import FkdError
from fkd.keypoints import COLUMNS

TRAIN, TEST = draw_faces(6), draw_faces(3, seed=1)
BUNDLE = "facial-keypoints-detection"
MAC = b"\0\5\x16\7 from macOS"
HEADER = ",".join([*COLUMNS, "Image"]).encode() + b"\n"


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> dict[str, bytes]:
    """The bytes of training.csv, test.csv and IdLookupTable.csv, for 6 training and 3 test faces."""
    folder = write_competition(tmp_path_factory.mktemp("files"), TRAIN, TEST)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def write(folder: Path, members: dict[str, bytes]) -> None:
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def kaggle(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files as the competition packs them."""
    zips = {f"{stem}.zip": zipped({f"{stem}.csv": files[f"{stem}.csv"]}) for stem in ("training", "test")}
    return zips | {"IdLookupTable.csv": files["IdLookupTable.csv"]}


def prefixed(prefix: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {prefix + name: content for name, content in files.items()}


LAYOUTS = {
    "Kaggle's zips": kaggle,
    "Kaggle's bundle": lambda files: {f"{BUNDLE}.zip": zipped(kaggle(files))},
    "Kaggle's notebooks": lambda files: {f"input/{n[:-4]}/{n}": content for n, content in files.items()},
    "gzip": lambda files: {f"{name}.gz": gzip.compress(content) for name, content in files.items()},
    "gzip in a zip": lambda files: {"data.zip": zipped({f"{n}.gz": gzip.compress(c) for n, c in files.items()})},
    "upper case": lambda files: {name.upper(): content for name, content in files.items()},
    "zips, upper case": lambda files: {f"{n.upper()}.ZIP": zipped({n.upper(): c}) for n, c in files.items()},
    "second download": lambda files: {n.replace(".", " (1)."): c for n, c in kaggle(files).items()},
    "csv of another name in a zip": lambda files: {n[:-4] + ".zip": zipped({"data.csv": c}) for n, c in files.items()},
    "any zip, with a folder": lambda files: {"kp.zip": zipped(prefixed("kp/", files)), "other.zip": zipped({"a": b""})},
    "macOS": lambda files: {
        **files, **prefixed("._", dict.fromkeys(files, MAC)), "__MACOSX/training.csv": MAC, "a/._training.csv": MAC,
    },
    "a zip from macOS": lambda files: {
        "Archive.zip": zipped({**files, "__MACOSX/training.csv": MAC, **prefixed("a/._", dict.fromkeys(files, MAC))})
    },
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_found(layout, files, tmp_path):
    write(tmp_path, LAYOUTS[layout](files))
    zips = [*tmp_path.glob("kp.zip"), *tmp_path.glob("Archive.zip")]  # a zip of everything can be named itself
    for data in (tmp_path, *zips):
        test = read_test(data)
        assert same(read_training(data), TRAIN)
        assert np.array_equal(test.images, TEST.images) and test.image_ids.tolist() == [1, 2, 3]
        assert len(read_lookup(data)) == np.isfinite(TEST.points).sum()
        assert submission_problem(data) is None


def lines(rows: list[list[str]], end: str = "\n") -> bytes:
    return "".join(",".join(row) + end for row in rows).encode()


TABLES = {
    "doubled line ends": lambda rows: lines(rows, "\r\n\r\n"),
    "CR CR LF": lambda rows: lines(rows, "\r\r\n"),
    "with values": lambda rows: lines([rows[0], *([*row, "40.5"] for row in rows[1:])]),
    "three columns": lambda rows: lines([row[:3] for row in rows]),
    "ids as floats": lambda rows: lines([rows[0], *([f"{row[0]}.0", f"{row[1]}.0", row[2]] for row in rows[1:])]),
    "saved by pandas": lambda rows: lines([["", *rows[0]], *([str(n), *row, ""] for n, row in enumerate(rows[1:]))]),
    "semicolons": lambda rows: lines(rows).replace(b",", b";"),
    "columns in another order": lambda rows: lines([[row[2], row[1], row[0]] for row in rows]),
    "quoted": lambda rows: lines([[f'"{cell}"' for cell in row] for row in rows]),
}


@pytest.mark.parametrize("form", TABLES)
def test_every_form_of_the_lookup_table_is_read(form, files, tmp_path):
    write(tmp_path, files)
    expected = read_lookup(tmp_path)
    rows = [line.split(",") for line in files["IdLookupTable.csv"].decode().splitlines()]
    write(tmp_path, {"IdLookupTable.csv": TABLES[form](rows)})
    assert read_lookup(tmp_path).equals(expected)


def saved(**options: object) -> bytes:
    """training.csv as pandas writes it with these options."""
    return training_table(TRAIN).to_csv(None, **{"index": False, **options}).encode()


def images(change: str) -> bytes:
    """training.csv with another form of each image's cell."""
    rows = [row.rpartition(",") for row in saved().decode().splitlines()[1:]]
    return HEADER + "".join(f"{points},{change.format(*image.split(' ', 1))}\n" for points, _, image in rows).encode()


FORMS = {
    "semicolons": lambda: saved(sep=";"),
    "semicolons and decimal commas": lambda: saved(sep=";", decimal=","),
    "tabs and decimal commas": lambda: saved(sep="\t", decimal=","),
    "two pandas indices": lambda: saved(index=True).replace(b",left", b"Unnamed: 0,left", 1),
    **{word: lambda word=word: saved(na_rep=word) for word in (" NaN ", "NA", "nan", "NULL", "null", "None", "N/A")},
    "blanks around names and cells": lambda: saved().replace(b",", b" , ").replace(b" ", b"  "),
    "trailing separators": lambda: saved().replace(b"\n", b",\n"),
    "UTF-16": lambda: saved(sep="\t").decode().encode("utf-16"),
    "upper-case header": lambda: saved().replace(b"left", b"LEFT"),
    "columns in another order": lambda: (
        training_table(TRAIN).sample(frac=1, axis=1, random_state=0).to_csv(None, index=False).encode()
    ),
    "images over lines, quoted": lambda: images('"{}\n{}"'),
    "tabs between pixels": lambda: images("{}\t{}"),
    **{repr(end): lambda end=end: b"\xef\xbb\xbf" + saved().replace(b"\n", end) for end in (b"\r\n", b"\r", b"\n\n")},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_training_file_is_read(form, tmp_path):
    write(tmp_path, {"training.csv": FORMS[form]()})
    assert same(read_training(tmp_path), TRAIN)


def test_a_csv_comes_before_a_zip_and_the_exact_name_before_a_variant(tmp_path):
    names = ["training.csv", "training.csv.gz", "training.zip", "a/training.csv", "Training.csv", "a/training (1).csv"]
    write(tmp_path, dict.fromkeys(names, b""))
    for name in names:
        assert find_csv(tmp_path, "training") == tmp_path / name
        (tmp_path / name).unlink()


def test_a_missing_file_is_reported_with_the_contents_of_the_folder(tmp_path):
    write(tmp_path, dict.fromkeys(["a.txt", "b.txt", "labels.csv", "x.png", "y.png", "z/test.csv"], b""))
    for data, message in (
        (
            tmp_path,
            r"no training.csv in .*which holds a.txt, b.txt, labels.csv, x.png and 2 more.*kaggle.com",
        ),
        (tmp_path / "labels.csv", "labels.csv is neither training.csv nor a zip that holds it"),
        (tmp_path / "nowhere", "does not exist"),
    ):
        with pytest.raises(FkdError, match=message):
            read_training(data)


def test_a_search_is_bounded(files, tmp_path, monkeypatch):
    for name, link in itertools.product("ab", range(40)):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / str(link)).symlink_to(tmp_path)
    write(tmp_path, prefixed("a/b/c/", files))
    started = time.monotonic()
    with pytest.raises(FkdError, match="no training.csv"):
        find_csv(tmp_path, "training")
    assert time.monotonic() - started < 5
    monkeypatch.setattr(find, "MAX_ENTRIES", 10)
    write(tmp_path, {f"0{number}.png": b"" for number in range(20)})
    with pytest.raises(FkdError, match="no test.csv"):
        find_csv(tmp_path, "test")


PIXELS = " ".join(["7"] * 9215)


@pytest.mark.parametrize(
    ("row", "column", "cell", "message"),
    [
        (2, "Image", PIXELS, "row 3 has 9,215 pixels, expected 9,216"),
        (2, "Image", "", "row 3 has 0 pixels"),
        (1, "Image", PIXELS + " 256", "row 2 has 9,216 pixels, expected 9,216 (96 x 96), whole numbers from 0 to 255"),
        (1, "Image", PIXELS + " " + "9" * 5000, "row 2 has 9,216 pixels"),
        (1, "Image", "-1 " + PIXELS, "row 2 has 9,216 pixels"),
        (1, "Image", "1.5 " + PIXELS, "row 2 has 9,216 pixels"),
        (4, "nose_tip_y", "low", "row 5 has nose_tip_y = 'low', expected a number from -48 to 144, or nothing"),
        (4, "nose_tip_y", "inf", "row 5 has nose_tip_y = 'inf'"),
        (4, "nose_tip_y", "960", "row 5 has nose_tip_y = '960', expected a number from -48 to 144"),
        (0, "nose_tip_y", "", "row 1 has only one of x and y for nose_tip"),
    ],
)
def test_a_defect_is_reported_with_file_and_row(row, column, cell, message, tmp_path):
    table = training_table(TRAIN).astype(object)
    table.loc[row, column] = cell
    table.to_csv(tmp_path / "training.csv", index=False)
    with pytest.raises(FkdError, match=re.escape(f"training.csv: {message}")):
        read_training(tmp_path)


FIRST, SECOND = saved().splitlines()[1:3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "training.csv is empty"),
        (HEADER, "has a header but no rows"),
        (saved().replace(b"nose_tip_x", b"nose"), "training.csv: the header lacks nose_tip_x; expected"),
        (saved().replace(b",", b"|"), "27 more, separated by commas, semicolons or tabs"),
        (HEADER + FIRST + b"\n" + SECOND + b",7\n", "not a readable csv file .*31 fields in line 3, saw 32"),
        (saved().replace(b"\n", b",7\n").replace(b",7\n", b"\n", 1), "rows have more cells than the header"),
        (HEADER + FIRST + b"\n1,1,3,3", "row 2 has 0 pixels, expected 9,216"),
        (HEADER.replace(b"\n", b',"\n') + FIRST, "not a readable csv file"),
        (b"<!DOCTYPE html>\n<title>403</title>", "is a web page, not a csv file: download it again"),
        (saved(sep=";", decimal=",").replace(b",", b"'"), "training.csv: row 1 has left_eye_center_x = "),
    ],
)
def test_a_file_of_another_form_is_refused(content, message, tmp_path):
    write(tmp_path, {"training.csv": content})
    with pytest.raises(FkdError, match=message) as error:
        read_training(tmp_path)
    assert "\n" not in str(error.value)


WHOLE = zipped({"training.csv": saved()})


@pytest.mark.parametrize("damaged", [b"cut", WHOLE[:5000], WHOLE[:2000] + b"\0" * 500 + WHOLE[2500:]], ids=len)
def test_a_damaged_zip_is_refused(damaged, tmp_path):
    (tmp_path / "training.zip").write_bytes(damaged)
    with pytest.raises(FkdError, match="training.zip(/training.csv)? (is a damaged zip|cannot be unpacked)"):
        read_training(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,1,chin_x,", "row 1 has FeatureName = 'chin_x'"),
        ("x,1,nose_tip_x,", "row 1 has RowId = 'x'"),
        ("2,1,nose_tip_x,", "row 2 repeats RowId 2"),
        (f"{2**53 + 2},1,nose_tip_x,", "row 1 has RowId = '9007199254740994', expected a whole number"),
        ("1,-1e25,nose_tip_x,", "row 1 has ImageId = '-1e25', expected a whole number"),
        ("1,1,nose_tip_x,,7", "rows have more cells than the header"),
        ("1,1", "row 1 has FeatureName = ''"),
    ],
)
def test_a_defect_of_the_lookup_table_is_reported(row, message, files, tmp_path):
    header, _, *rows = files["IdLookupTable.csv"].decode().splitlines()
    (tmp_path / "IdLookupTable.csv").write_text("\n".join([header, row, *rows]))
    with pytest.raises(FkdError, match=message):
        read_lookup(tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"test.csv": b"ImageId\n1\n"}, "test.csv: the header lacks Image"),
        ({"test.csv": f"ImageId,Image\n1,{PIXELS} 7\n1,{PIXELS} 7\n".encode()}, "test.csv: row 2 repeats ImageId 1"),
        ({"IdLookupTable.csv": b"RowId,ImageId,FeatureName\n1,9,nose_tip_x\n"}, "requests ImageId 9, which"),
    ],
)
def test_a_submission_that_would_fail_is_known_before(change, problem, files, tmp_path):
    write(tmp_path, files | change)
    assert problem in str(submission_problem(tmp_path))


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (b"\n", "unpacks to more than 6 MB"),
        (b"," * 30 + b"7 " * 9216 + b"\n", "unpacks to more than 6 MB"),
        (b"," * 30 + b"\n", "row 1 has 0 pixels"),
    ],
)
def test_a_csv_of_gigabytes_in_a_zip_is_refused_while_it_is_read(tail, message, tmp_path, monkeypatch):
    monkeypatch.setattr(find, "MAX_BYTES", 6_000_000)
    (tmp_path / "training.zip").write_bytes(zipped({"training.csv": HEADER + tail * (7_000_000 // len(tail))}))
    tracemalloc.start()
    try:
        with pytest.raises(FkdError, match=f"training.zip.*{message}"):
            read_training(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_zip_in_a_zip_in_a_zip_and_a_huge_file_are_refused(tmp_path, monkeypatch):
    write(tmp_path, {"training.zip": zipped({"training.zip": zipped({"training.zip": WHOLE})})})
    with pytest.raises(FkdError, match="training.zip/training.zip/training.zip is not a readable csv file"):
        read_training(tmp_path)
    monkeypatch.setattr(find, "MAX_BYTES", 1000)
    (tmp_path / "training.csv").write_bytes(saved())
    with pytest.raises(FkdError, match="training.csv is larger than 0 MB"):
        read_training(tmp_path)
