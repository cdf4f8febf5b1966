"""Competition files with defects, as csv and in zips."""

import io
import itertools
import os
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from conftest import draw_faces, write_competition

from fkd.board.submission import submission
from fkd.data.competition import read_lookup, read_test, read_training
from fkd.data.kaggle import BUNDLE
from torture.case import Case, one_sentence, refused

READERS = {"training": read_training, "test": read_test, "IdLookupTable": read_lookup}
NUMBERS = (
    "nan",
    "inf",
    "-inf",
    "1e25",
    "-1e25",
    "1e400",
    "9" * 5000,
    "1_0",
    "0x10",
    "abc",
    "1,5",
    "--1",
    "\0",
    "٣٣",
    " ",
)
PIXELS = ("256", "-1", "1.5", "nan", "9" * 5000, "1_0", "a", "0x1", "\0", "²", "1e2", "+-1")
IDS = ("", "0.5", "1e25", "-1e25", "nan", "inf", "9" * 400, str(2**53 + 2), str(2**63), str(2**64), "one", "1_0", "\0")


def cases(quick: bool) -> Iterator[Case]:
    """Each defect in a folder of its own; a whole zip of it; what is read from it is one sentence."""
    with tempfile.TemporaryDirectory() as folder:
        good = write_competition(Path(folder) / "good", draw_faces(6), draw_faces(3, seed=1))
        text = {stem: (good / f"{stem}.csv").read_bytes() for stem in READERS}
        every = list(_defects(text))
        for number, (stem, name, content) in enumerate(every[::5] if quick else every):
            for kind in ("csv", "zip") if number % 4 == 0 else ("csv",):
                place = Path(folder) / f"{number}-{kind}"
                yield Case(f"{stem}.{kind}: {name}", partial(_refuse, place, stem, kind, content))
        for number, (name, content) in enumerate(_zips(text["training"], 1 if quick else 1100)):
            place = Path(folder) / f"zip-{number}"
            yield Case(f"training.zip: {name}", partial(_refuse, place, "training", "raw zip", content))
        for name, make in _places():
            place = Path(folder) / name.replace(" ", "-")
            yield Case(name, partial(_refuse_place, place, make))
        for number, ids in enumerate(("1,77,", "1,-1,", f"1,{2**53},", "-1,1,", "0,1.0,", f"{2**53},1,")):
            place = write_competition(Path(folder) / f"ids-{number}", draw_faces(2), draw_faces(3, seed=1))
            header = text["IdLookupTable"].splitlines()[0].decode()
            (place / "IdLookupTable.csv").write_text(f"{header}\n{ids}nose_tip_x,\n")
            yield Case(f"ids {ids}", partial(_submit, place))


def _refuse(place: Path, stem: str, kind: str, content: bytes) -> None:
    place.mkdir()
    if kind == "zip":
        with zipfile.ZipFile(place / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}.csv", content)
        # The lookup table alone has no zip of its own in the competition, but is found in one.
    else:
        (place / f"{stem}.{kind.removeprefix('raw ')}").write_bytes(content)
    said = refused(lambda: READERS[stem](place))
    assert stem in said, said


def _refuse_place(place: Path, make: Callable[[Path], object]) -> None:
    make(place)
    for read in READERS.values():
        refused(lambda read=read: read(place))


def _submit(place: Path) -> None:
    """Ids come out as they went in, or not at all."""
    result = one_sentence(lambda: submission([_Nothing()], place))
    if not isinstance(result, Exception):
        asked = (place / "IdLookupTable.csv").read_text().splitlines()[1].split(",")[0]
        assert str(result["RowId"].iloc[0]) == asked


class _Nothing:
    """No model: the ids are wrong before one is needed, or it says so."""

    def __getattr__(self, name: str):
        raise ValueError("no model is needed here")


def _defects(text: dict[str, bytes]) -> Iterator[tuple[str, str, bytes]]:
    for stem, content in text.items():
        yield from ((stem, name, spoilt) for name, spoilt in _of_any_csv(content))
    header, first, *rest = text["training"].decode().splitlines()
    *cells, image = first.split(",")

    def training(cells: list[str], image: str, header: str = header) -> bytes:
        return "\n".join([header, rest[0], ",".join([*cells, image]), *rest[1:]]).encode()

    for number, place in itertools.product(NUMBERS, (0, 29)):
        if number.strip() or place:  # a point may be left out, but not half of it
            yield (
                "training",
                f"{number[:20]!r} at {place}",
                training([f'"{number}"' if at == place else cell for at, cell in enumerate(cells)], image),
            )
    for pixel in PIXELS:
        yield "training", f"pixel {pixel[:20]!r}", training(cells, f"{pixel} {image.split(' ', 1)[1]}")
    for name, spoilt in (("one less", image[: image.rindex(" ")]), ("one more", image + " 7"), ("none", "")):
        yield "training", f"pixels, {name}", training(cells, spoilt)
    yield "training", "far out", training(["1000", *cells[1:]], image)
    names = header.split(",")
    for name, columns in (
        ("no image", names[:-1]), ("twice", [names[1], *names[1:]]),
        ("unknown", ["chin_x", *names[1:]]), ("endless", ["x" * 90_000]), ("lines", ['"a\nb"', *names[1:]]),
    ):  # fmt: skip
        yield "training", f"header, {name}", "\n".join([",".join(columns), first, *rest]).encode()
    header, first, *rest = text["test"].decode().splitlines()
    for number in IDS:
        row = f'"{number}",{first.split(",")[1]}'
        yield "test", f"ImageId {number[:20]!r}", "\n".join([header, row, *rest]).encode()
    yield "test", "ImageId twice", "\n".join([header, first, first, *rest]).encode()
    header, first, *rest = text["IdLookupTable"].decode().splitlines()
    for number in IDS:
        for row in (f'"{number}",1,nose_tip_x,', f'1,"{number}",nose_tip_x,'):
            yield "IdLookupTable", f"{row[:40]}", "\n".join([header, row, *rest[1:]]).encode()
    for name in ("", "chin_x", "nose_tip", "NOSE_TIP_X", "x" * 90_000, '"a\nb"', "\x1b[31m"):
        yield "IdLookupTable", f"asks for {name[:20]!r}", f"{header}\n1,1,{name},\n".encode()
    yield "IdLookupTable", "RowId twice", f"{header}\n{first}\n{first}\n".encode()


def _of_any_csv(content: bytes) -> Iterator[tuple[str, bytes]]:
    header, first, *rest = content.splitlines()
    yield "empty", b""
    yield "one blank", b" "
    yield "header only", header
    yield "blank lines", b"\n" * 5000
    yield "no header", b"\n".join([first, *rest])
    yield "NULs", bytes(5000)
    yield "bytes of no text", b"\xff\xfe\xfd" * 500
    yield "UTF-16 without its mark", content.decode().encode("utf-16-le")
    yield "a row too long", b"\n".join([header, first + b",1,1", *rest])
    yield "rows too long", b"\n".join([header, *(row + b",1,1" for row in (first, *rest))])
    yield "a row too short", b"\n".join([header, first, b"1"])
    yield "an open quote", b"\n".join([header, first, b'"' + rest[0], *rest[1:]])
    yield "an open quote and 1 MB", b"\n".join([header, b'"' + b"1\n" * 500_000])
    yield "an endless line", header + b"\n" + b"1 " * 1_000_000
    yield "endless cells", header + b"\n" + b"," * 90_000
    yield "bars", content.replace(b",", b"|")
    yield "cut in the first row", content[: len(header) + 9]
    yield "two files in one", content + b"\n" + content
    yield "HTML", b"<!doctype html><title>Sign in</title>"
    yield "JSON", b'{"error": "unauthorized"}'
    yield "a zip by its first letters", b"PK" + content


def _zips(content: bytes, megabytes: int) -> Iterator[tuple[str, bytes]]:
    """Zips that are damaged, lie, or unpack to gigabytes."""

    def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, inside in members:
                archive.writestr(name, inside)
        return file.getvalue()

    whole = packed(("training.csv", content))
    directory = whole.rindex(b"PK\1\2")
    yield "empty", packed()
    yield "nothing", b""
    yield "other files", packed(("a.txt", b"a"), ("b.txt", b"b"))
    yield "a folder", packed(("training.csv/", b""))
    yield "a zip in a zip in a zip", packed(("training.zip", packed(("training.zip", whole))))
    yield "two csv in the inner zip", packed(("training.zip", packed(("a.csv", content), ("b.csv", content))))
    yield "encrypted", whole[:6] + b"\1" + whole[7 : directory + 8] + b"\1" + whole[directory + 9 :]
    yield "unknown method", whole[:8] + b"\x63" + whole[9 : directory + 10] + b"\x63" + whole[directory + 11 :]
    yield "wrong checksum", whole[: directory + 16] + bytes(4) + whole[directory + 20 :]
    yield "claims 4 GB", whole[: directory + 20] + b"\xfe\xff\xff\x7f" * 2 + whole[directory + 28 :]
    for part in (1, 30, 200, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        yield f"cut at {part}", whole[:part]
    for at in (31, 60, 2000, len(whole) // 2, directory + 2, len(whole) - 20, len(whole) - 8):
        yield f"spoilt at {at}", whole[:at] + b"\xff\xfe\0\xff" + whole[at + 4 :]
    for name, method in (("bzip2", zipfile.ZIP_BZIP2), ("LZMA", zipfile.ZIP_LZMA)):
        spoilt = packed(("training.csv", content), method=method)
        yield f"{name}, spoilt", spoilt[:2000] + bytes(200) + spoilt[2200:]
        yield f"{name}, zeros", packed(("training.csv", bytes(min(megabytes, 50) * 1_000_000)), method=method)
    spoilt = packed(("training.csv", b"a,b\n"), method=zipfile.ZIP_LZMA)
    at = spoilt.index(struct.pack("<H", 5), 42) + 3
    yield "LZMA with a dictionary of 4 GB", spoilt[:at] + b"\xff\xff\xff\xff" + spoilt[at + 4 :]
    header = content.splitlines()[0] + b"\n"
    row = content.splitlines()[1] + b"\n"
    for name, tail in (("zeros", b"0"), ("lines", b"\n"), ("commas", b","), ("open quote", b'"\n'), ("rows", row)):
        file = io.BytesIO()
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("training.csv", "w", force_zip64=True) as member,
        ):
            member.write(header)
            for _ in range(megabytes if tail != row else megabytes // 20):
                member.write(tail * (1_000_000 // len(tail)))
            member.write(b"end")
        yield f"{megabytes} MB of {name}", file.getvalue()


def _places() -> Iterator[tuple[str, Callable[[Path], object]]]:
    def with_special(make: Callable[[Path], object]) -> Callable[[Path], object]:
        def into(place: Path) -> None:
            place.mkdir()
            for name in (*(f"{stem}.csv" for stem in READERS), BUNDLE):
                make(place / name)

        return into

    yield "missing", lambda place: None
    yield "an empty folder", lambda place: place.mkdir()
    yield "a text file", lambda place: place.write_text("no zip")
    yield "a pipe", os.mkfifo
    yield "a device", partial(os.symlink, "/dev/zero")
    yield "pipes", with_special(os.mkfifo)
    yield "folders", with_special(Path.mkdir)
    yield "devices", with_special(partial(os.symlink, "/dev/zero"))
    yield "dangling links", with_special(partial(os.symlink, "nowhere"))
