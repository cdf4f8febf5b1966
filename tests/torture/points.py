"""Files of points and batches of photos that no honest program wrote."""

import io
import itertools
import json
import random
import struct
import tempfile
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from fkd.hub.reference import load
from fkd.keypoints import COLUMNS, MEAN_FACE, NAMES
from fkd.photo.many_photos import answer, list_sources
from fkd.photo.point_files import read_points, to_pts, to_table
from torture.case import Case, check_sentence, one_sentence, refused

ROOT = Path(__file__).parents[2]
POINTS = np.array(MEAN_FACE, np.float32) * 3
FACE = {"points": {name: point.tolist() for name, point in zip(NAMES, POINTS, strict=True)}}
VALUES = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e39", "9" * 400, "9" * 5000, "1e7", "true", "false", '"1"',
    "[]", "{}", "[1]", "null", '"\\ud800"',
)  # fmt: skip
TOPS = (
    "", " ", "null", "true", "7", "1e400", '"a"', "[]", "{}", "[[]]", "[null]", "[{}]", "{", "[", '{"a":1,}', "'a'",
    "\0",
    '{"faces": null}', '{"faces": 7}', '{"faces": "abc"}', '{"faces": {}}', '{"faces": [[]]}', '{"faces": true}',
    '{"points": null}', '{"points": []}', '{"points": "a"}', '{"points": {"chin": [1, 2]}}', '{"points": {"": [1, 2]}}',
    '{"points": {"nose_tip": {}}}', '{"points": {"nose_tip": "ab"}}', '{"points": {"nose_tip": [[1, 2]]}}',
    '{"points": {"nose_tip": [1, 2], "nose_tip": [3, 4]}}', "[" * 100_000, '{"points":' * 100_000,
    "[" * 900 + "]" * 900,
    "\ufeff\ufeff{}", "<html></html>", "//\n{}", '{"photo": "' + "x" * 1_000_000,
)  # fmt: skip


def cases(quick: bool) -> Iterator[Case]:
    """Points that are refused, points spoilt at random, names in tables, and batches with good photos among bad."""
    with tempfile.TemporaryDirectory() as folder:
        texts = list(_refused_texts())
        for number, (kind, text) in enumerate(texts[::4] if quick else texts):
            path = Path(folder) / f"{number}{kind}"
            yield Case(f"{kind} {text[:50]!r}", partial(_refuse, path, text))
        count = 50 if quick else 3000
        for kind, text in _whole_texts().items():
            path = Path(folder) / f"spoilt{kind}"
            yield Case(f"{count} spoilt {kind}", partial(_spoil, path, text, count))
        yield Case("what is read is written and read again", partial(_again, Path(folder)))
        for name in ("=1+1", "a,b", 'a"b', "a\nb", "\0", "\ud800", "../a", "", "x" * 10_000, "\x1b[31m"):
            yield Case(f"a table with {name[:20]!r}", partial(_table, name))
        model = load(ROOT / "checkpoints" / "fcnn")
        photo = _photo()
        for number, (name, content, held) in enumerate(_batches(photo)):
            yield Case(f"batch: {name}", partial(_batch, model, Path(folder) / f"batch-{number}.zip", content, held))
        yield Case("a zip of 100,000 members", partial(_many_members, Path(folder) / "many.zip"))


def _refuse(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    said = refused(lambda: read_points(path))
    assert said.startswith(path.name) and str(path.parent) not in said, said


def _spoil(path: Path, text: str, count: int) -> None:
    start = time.perf_counter()
    for seed in range(count):
        path.write_bytes(spoil_text(text.encode(), seed))
        result = one_sentence(lambda: read_points(path))
        if isinstance(result, list):
            check_points(result)
    assert time.perf_counter() - start < count * 0.05, "slow"


def check_points(faces: list[np.ndarray]) -> None:
    """Raises AssertionError unless these are faces as `read_points` promises them."""
    for face in faces:
        assert face.shape == (15, 2) and face.dtype == np.float32
        known = ~np.isnan(face)
        assert (known.all(1) == known.any(1)).all() and (np.abs(face[known]) <= 1e6).all()


def spoil_text(text: bytes, seed: int) -> bytes:
    """Puts other tokens, bytes or pieces of the text itself somewhere into it."""
    chance = random.Random(seed)
    tokens = [
        b"",
        b"NaN",
        b"null",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b'"',
        b"1e999",
        b"-",
        b"true",
        b"\0",
        b"\xff",
        b"\n",
        b";",
    ]
    spoilt = bytearray(text)
    for _ in range(chance.choice((1, 2, 5))):
        at, length = chance.randrange(len(spoilt) + 1), chance.choice((0, 1, 3, 20))
        start = chance.randrange(len(spoilt) + 1)
        spoilt[at : at + length] = chance.choice((chance.choice(tokens), spoilt[start : start + 30]))
    return bytes(spoilt)


def _again(folder: Path) -> None:
    some = POINTS.copy()
    some[3:9] = np.nan
    for points in (POINTS, some, POINTS * 0, POINTS - 999_000, -POINTS):
        (folder / "a.pts").write_text(to_pts(points))
        to_table([("a.jpg", 1, "net", points)]).to_csv(folder / "a.csv", index=False)
        for kind in ("pts", "csv"):
            (back,) = read_points(folder / f"a.{kind}")
            assert np.allclose(back, points, atol=0.1, equal_nan=True)


def _table(name: str) -> None:
    """A table of a photo with this name can be saved, and its points are read again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        table = to_table([(name, 1, "net", POINTS)])
        result = one_sentence(lambda: table.to_csv(path, index=False))
        if not isinstance(result, Exception):
            (back,) = read_points(path)
            assert np.allclose(back, POINTS, atol=0.01)


def _refused_texts() -> Iterator[tuple[str, str]]:
    yield from ((".json", text) for text in TOPS)
    for value in VALUES:
        if value != "null":
            yield ".json", f'{{"points": {{"nose_tip": [{value}, 2]}}}}'
            yield ".json", f'{{"faces": [{{"points": {{"nose_tip": {value if value != "[]" else "[1, 2, 3]"}}}}}]}}'
    yield ".json", json.dumps([FACE] * 1001)
    yield ".json", json.dumps(FACE) + " " * 5_000_000
    names = ",".join(COLUMNS)
    row = ",".join(["1"] * 30)
    for text in (
        "", names, f"{names}\n", f"{names}\n{row},1", f"{names}\n1,2", f"{names},nose_tip_x\n{row},1", row, "\0",
        f"{names}\n{row}\n\"", f'{names}\n"{row}', names.replace(",", ";") + "\n" + row.replace(",", ";"),
        names.replace(",", "\t"), names.upper() + "\n" + row, f"{names}\n" + "," * 29, f"{names}\n{row}\n{row[:-2]}",
        "\n".join([names, *[row] * 1001]), f"{names}\n" + "x" * 200_000, "<html>",
        "a" * 5_100_000, names[:-3] + f"\n{row}",
    ):  # fmt: skip
        yield ".csv", text
    for number in (
        "inf",
        "-inf",
        "1e400",
        "1e7",
        "-1e7",
        "x",
        "1_0",
        "0x1",
        "1,5",
        "9" * 5000,
        "\0",
        "٣",
        "1e",
        "--1",
        "nan",
    ):
        yield ".csv", f'{names}\n"{number}",' + ",".join(["1"] * 29)
        if "," not in number:
            yield ".pts", "version: 1\nn_points: 15\n{\n" + f"1 {number}\n" + "1 2\n" * 14 + "}"
    for text in (
        "", "{", "}", "{}", "}{", "{ 1 }", "{" + "1 2 " * 14 + "}", "{" + "1 2 " * 16 + "}",
        "{" + "1 2 " * 1_200_000 + "}",
        "{" + "nan nan " * 15 + "}", "1 2\n" * 15, "{" + "1 2 " * 67 + "}",
        "{" + "1 2 " * 15, "\0" * 99, "<html>{1 2}</html>",
    ):  # fmt: skip
        yield ".pts", text
    for kind in (".txt", "", ".PTSX", ".jpg", ".json.gz"):
        yield kind, to_pts(POINTS)


def _whole_texts() -> dict[str, str]:
    return {
        ".json": json.dumps([{"photo": "a.jpg", "faces": [FACE, FACE]}]),
        ".csv": to_table([("a.jpg", 1, "net", POINTS), ("b.jpg", 1, "net", POINTS)]).to_csv(index=False),
        ".pts": to_pts(POINTS),
    }


def _photo() -> bytes:
    file = io.BytesIO()
    Image.open(ROOT / "examples" / "grace_hopper.jpg").resize((256, 300)).save(file, "JPEG")
    return file.getvalue()


def _batches(photo: bytes) -> Iterator[tuple[str, bytes, list[bool] | None]]:
    """A zip each, and which of its photos are answered; None: the zip is refused."""

    def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, inside in members:
                archive.writestr(name, inside)
        return file.getvalue()

    two = packed(("a.jpg", photo), ("b.jpg", photo), method=zipfile.ZIP_STORED)
    first = two.index(b"PK\1\2")
    yield "two photos", two, [True, True]
    yield "a bad one", packed(("a.jpg", b"no"), ("b.jpg", photo), ("c.png", b"")), [False, True, False]
    yield "a text", packed(("a.txt", photo)), None
    yield "a zip", packed(("a.zip", two)), None
    yield "not a zip", b"PK\3\4 no", None
    yield "nothing", b"", None
    yield "encrypted", two[:6] + b"\1" + two[7 : first + 8] + b"\1" + two[first + 9 :], [False, True]
    yield "unknown method", two[:8] + b"\x63" + two[9 : first + 10] + b"\x63" + two[first + 11 :], [False, True]
    yield "wrong checksum", two[: first + 16] + bytes(4) + two[first + 20 :], [False, True]
    yield "claims 400 GB", two[: first + 20] + b"\xfe\xff\xff\xff" * 2 + two[first + 28 :], None
    yield "both names the same", packed(("a.jpg", photo), ("a.jpg", photo)), [True, True]
    names = (
        "../../a.jpg",
        "/etc/b.jpg",
        "c\\..\\d.jpg",
        "e\nf.jpg",
        "\x1b[31mg.jpg",
        "x" * 60_000 + ".jpg",
        "C:\\h.jpg",
    )
    yield "names that lead elsewhere", packed(*((name, photo) for name in names)), [True] * len(names)
    for name, method in (("deflate", zipfile.ZIP_DEFLATED), ("bzip2", zipfile.ZIP_BZIP2), ("LZMA", zipfile.ZIP_LZMA)):
        both = bytearray(packed(("a.jpg", photo), ("b.jpg", photo), method=method))
        both[200:600] = bytes(400)
        yield f"{name}, spoilt", bytes(both), [False, True]
        bomb = packed(("a.jpg", bytes(100_000_000)), ("b.jpg", photo), method=method)
        yield f"{name}, bomb", bomb, [False, True]
    yield "200 bombs", packed(*((f"{n}.png", bytes(3_000_000)) for n in range(200))), None
    yield "201 photos", packed(*((f"{n}.jpg", b"") for n in range(201))), None
    large = io.BytesIO()
    Image.new("1", (9000, 9000)).save(large, "PNG")
    yield "a picture too large", packed(("a.png", large.getvalue()), ("b.jpg", photo)), [False, True]
    end = two.rindex(b"PK\5\6")
    for at, field in itertools.product((8, 10, 12, 16, 20), (0, 1, 2**31 - 1, 2**32 - 1)):
        size = 2 if at in (8, 10, 20) else 4
        spoilt = struct.pack("<I", field)[:size]
        yield f"end record {at} {field}", two[: end + at] + spoilt + two[end + at + size :], []


def _batch(model, path: Path, content: bytes, held: list[bool] | None) -> None:
    """held: whether each photo is answered; []: whatever comes, in sentences."""
    path.write_bytes(content)
    if held is None:
        refused(lambda: list_sources([path]))
        return
    sources = one_sentence(lambda: list_sources([path]))
    if held == [] and isinstance(sources, Exception):
        return
    answered = list(answer(model, sources))
    for one in answered:
        assert (one.photo is None) == bool(one.problem) and one.name.isprintable() and ".." not in Path(one.name).parts
        if one.problem:
            check_sentence(one.problem)
    assert not held or [not one.problem for one in answered] == held, [one.problem for one in answered]


def _many_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"{number}.jpg", b"")
    start = time.perf_counter()
    refused(lambda: list_sources([path]))
    assert time.perf_counter() - start < 1
