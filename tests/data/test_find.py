"""Every layout and form of the competition's files that people have is read."""

import gzip
import io
import re
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import draw_faces, training_table, write_competition

from fkd.data import find
from fkd.data.competition import read_lookup, read_test, read_training, submission_problem
from fkd.data.find import find_csv
from fkd.errors import FkdError

TRAIN, TEST = draw_faces(6), draw_faces(3, seed=1)
BUNDLE = "facial-keypoints-detection"


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


def check_read(folder: Path) -> None:
    """Checks that all three files are found and read."""
    faces, test = read_training(folder), read_test(folder)
    assert np.array_equal(faces.images, TRAIN.images) and np.array_equal(faces.points, TRAIN.points, equal_nan=True)
    assert np.array_equal(test.images, TEST.images) and test.image_ids.tolist() == [1, 2, 3]
    assert len(read_lookup(folder)) == np.isfinite(TEST.points).sum()
    assert submission_problem(folder) is None


def kaggle(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files as the competition packs them."""
    return {
        "training.zip": zipped({"training.csv": files["training.csv"]}),
        "test.zip": zipped({"test.csv": files["test.csv"]}),
        "IdLookupTable.csv": files["IdLookupTable.csv"],
    }


def prefixed(prefix: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {prefix + name: content for name, content in files.items()}


MAC = b"\0\5\x16\7 from macOS"
LAYOUTS = {
    "csv": lambda files: files,
    "Kaggle's zips": kaggle,
    "Kaggle's bundle": lambda files: {f"{BUNDLE}.zip": zipped(kaggle(files))},
    "bundle, unpacked into its own folder": lambda files: prefixed(f"{BUNDLE}/", kaggle(files)),
    "Kaggle's notebooks": lambda files: {f"{name[:-4]}/{name}": content for name, content in files.items()},
    "one folder down": lambda files: prefixed("data/", files),
    "two folders down": lambda files: {f"input/{n[:-4]}/{n}": content for n, content in files.items()},
    "gzip": lambda files: {f"{name}.gz": gzip.compress(content) for name, content in files.items()},
    "csv.zip": lambda files: {f"{name}.zip": zipped({name: content}) for name, content in files.items()},
    "gzip in a zip": lambda files: {"data.zip": zipped({f"{n}.gz": gzip.compress(c) for n, c in files.items()})},
    "capitals": lambda files: {name.capitalize(): content for name, content in files.items()},
    "upper case": lambda files: {name.upper(): content for name, content in files.items()},
    "zips, upper case": lambda files: {n.upper(): zipped({n.upper(): c}) for n, c in files.items()},
    "second download": lambda files: {n.replace(".", " (1)."): c for n, c in files.items()},
    "second download of zips": lambda files: {n.replace(".", " (1)."): c for n, c in kaggle(files).items()},
    "csv of another name in a zip": lambda files: {n[:-4] + ".zip": zipped({"data.csv": c}) for n, c in files.items()},
    "archive.zip": lambda files: {"archive.zip": zipped(kaggle(files))},
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
    check_read(tmp_path)


def test_a_zip_of_everything_can_be_named_itself(files, tmp_path):
    write(tmp_path, LAYOUTS["archive.zip"](files))
    check_read(tmp_path / "archive.zip")


def rows_of(table: bytes) -> list[list[str]]:
    return [line.split(",") for line in table.decode().splitlines()]


def lines(rows: list[list[str]], end: str = "\n") -> bytes:
    return "".join(",".join(row) + end for row in rows).encode()


TABLES = {
    "as downloaded": lambda rows: lines(rows, "\r\n"),
    "LF": lines,
    "doubled line ends": lambda rows: lines(rows, "\r\n\r\n"),
    "CR CR LF": lambda rows: lines(rows, "\r\r\n"),
    "four cells": lambda rows: lines([rows[0], *([*row, ""] for row in rows[1:])]),
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
    write(tmp_path, {"IdLookupTable.csv": TABLES[form](rows_of(files["IdLookupTable.csv"]))})
    assert read_lookup(tmp_path).equals(expected)


def saved(**options: object) -> bytes:
    """training.csv as pandas writes it with these options."""
    return training_table(TRAIN).to_csv(None, **{"index": False, **options}).encode()


FORMS = {
    "semicolons": lambda: saved(sep=";"),
    "semicolons and decimal commas": lambda: saved(sep=";", decimal=","),
    "tabs": lambda: saved(sep="\t"),
    "tabs and decimal commas": lambda: saved(sep="\t", decimal=","),
    "a pandas index": lambda: saved(index=True),
    "two pandas indices": lambda: saved(index=True).replace(b",left", b"Unnamed: 0,left", 1),
    **{word: lambda word=word: saved(na_rep=word) for word in ("NA", "NaN", "nan", "NULL", "null", "None", "N/A")},
    "missing, with blanks": lambda: saved(na_rep=" NaN "),
    "blanks around names and cells": lambda: saved().replace(b",", b" , "),
    "trailing separators": lambda: saved().replace(b"\n", b",\n"),
    "a byte order mark": lambda: saved().decode().encode("utf-8-sig"),
    "UTF-16": lambda: saved(sep="\t").decode().encode("utf-16"),
    "upper-case header": lambda: saved().replace(b"left", b"LEFT"),
    "columns in another order": lambda: (
        training_table(TRAIN).sample(frac=1, axis=1, random_state=0).to_csv(None, index=False).encode()
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_training_file_is_read(form, tmp_path):
    write(tmp_path, {"training.csv": FORMS[form]()})
    faces = read_training(tmp_path)
    assert np.array_equal(faces.images, TRAIN.images)
    assert np.array_equal(faces.points, TRAIN.points, equal_nan=True)


@pytest.mark.parametrize("form", ["semicolons", "a pandas index", "ids as floats", "another order"])
def test_every_form_of_the_test_file_is_read(form, files, tmp_path):
    table = pd.read_csv(io.BytesIO(files["test.csv"]), dtype={"ImageId": float if "floats" in form else int})
    if form == "another order":
        table = table[["Image", "ImageId"]]
    table.to_csv(tmp_path / "test.csv", sep=";" if form == "semicolons" else ",", index=form == "a pandas index")
    test = read_test(tmp_path)
    assert np.array_equal(test.images, TEST.images) and test.image_ids.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved().replace(b",", b"|"), "27 more, separated by commas, semicolons or tabs"),
        (b"<!DOCTYPE html>\n<title>403</title>", "is a web page, not a csv file: download it again"),
        (saved(sep=";", decimal=",").replace(b",", b"'"), "training.csv: row 1 has left_eye_center_x = "),
    ],
)
def test_a_form_that_cannot_be_read_is_named(content, message, tmp_path):
    write(tmp_path, {"training.csv": content})
    with pytest.raises(FkdError, match=re.escape(message)):
        read_training(tmp_path)


def test_the_plain_csv_comes_before_a_zip_and_the_exact_name_before_a_variant(tmp_path):
    names = ["training.csv", "training.csv.gz", "training.zip", "a/training.csv", "Training.csv", "a/training (1).csv"]
    write(tmp_path, dict.fromkeys(names, b""))
    for name in names:
        assert find_csv(tmp_path, "training") == tmp_path / name
        (tmp_path / name).unlink()


def test_what_a_folder_holds_is_listed_when_a_file_is_missing(tmp_path):
    write(tmp_path, dict.fromkeys(["a.txt", "b.txt", "labels.csv", "x.png", "y.png", "z/test.csv"], b""))
    with pytest.raises(FkdError, match=r"no training.csv in .*which holds a.txt, b.txt, labels.csv, x.png and 2 more"):
        read_training(tmp_path)
    with pytest.raises(FkdError, match="labels.csv is neither training.csv nor a zip that holds it"):
        read_training(tmp_path / "labels.csv")
    (tmp_path / "archive.zip").write_bytes(b"cut")
    with pytest.raises(FkdError, match="archive.zip is a damaged zip"):
        read_training(tmp_path)


def test_a_search_is_bounded(files, tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for link in range(40):
            (tmp_path / name / str(link)).symlink_to(tmp_path)
    write(tmp_path, {f"a/b/c/{name}": content for name, content in files.items()})
    started = time.monotonic()
    with pytest.raises(FkdError, match="no training.csv"):
        find_csv(tmp_path, "training")
    assert time.monotonic() - started < 5
    monkeypatch.setattr(find, "MAX_ENTRIES", 10)
    write(tmp_path, {f"0{number}.png": b"" for number in range(20)})
    with pytest.raises(FkdError, match="no test.csv"):
        find_csv(tmp_path, "test")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"IdLookupTable.csv": None}, "no IdLookupTable.csv in "),
        ({"test.csv": None}, "no test.csv in "),
        ({"test.csv": b"ImageId\n1\n"}, "test.csv: the header lacks Image"),
        (
            {"IdLookupTable.csv": b"RowId,ImageId,FeatureName\n1,9,nose_tip_x\n"},
            "requests ImageId 9, which",
        ),
        ({"IdLookupTable.csv": b"RowId,ImageId,FeatureName,Location\n1,1\n"}, "IdLookupTable.csv: row 1 has"),
    ],
)
def test_a_submission_that_would_fail_is_known_before(change, problem, files, tmp_path):
    write(tmp_path, {name: content for name, content in (files | change).items() if content is not None})
    assert problem in str(submission_problem(tmp_path))
