"""Property-based fuzzing: whatever hypothesis thinks of, only a value or one sentence comes out."""

import importlib
import io
import json
import random
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from conftest import draw_faces, write_competition
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from fkd.data.competition import read_lookup, read_test, read_training
from fkd.keypoints import COLUMNS, MEAN_FACE, NAMES
from fkd.learn.record import read_config
from fkd.photo.many_photos import list_sources
from fkd.photo.point_files import read_points, to_pts
from fkd.photo.reading import read_photo
from torture.case import Case, one_sentence
from torture.pictures import spoil
from torture.points import check_points, spoil_text

ROOT = Path(__file__).parents[2]
QUICK, FULL = 6, 600  # s in all
FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "HEIF": "heic", "AVIF": "avif", "GIF": "gif"} | {
    "BMP": "bmp", "TIFF": "tif"
}  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
JSON = st.recursive(SCALARS, lambda inside: st.lists(inside) | st.dictionaries(st.text(max_size=20), inside))
NUMBERS = st.floats() | st.integers() | st.just(None) | st.text(max_size=5) | st.lists(st.floats(), max_size=3)
FACES = st.fixed_dictionaries(
    {"points": st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=9), st.lists(NUMBERS, max_size=3) | NUMBERS)}
)
SEEDS = st.integers(0, 2**62)
settings.register_profile(
    "torture", max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip


def cases(quick: bool) -> Iterator[Case]:
    """One case per property, each with its share of the time."""
    settings.load_profile("torture")
    with tempfile.TemporaryDirectory() as folder:
        properties = [*_properties(Path(folder)), *_of_records()]
        share = (QUICK if quick else FULL) / len(properties)
        for name, check in properties:
            # Parts of less than a case's time limit.
            parts = int(share // 60) + 1
            for part in range(parts):
                yield Case(f"{name} {part + 1}/{parts}", partial(_fuzz, check, share / parts))


def _of_records() -> list[tuple[str, Callable[[], None]]]:
    """What torture.records, if it is there, asks to be fuzzed as well."""
    try:
        return list(importlib.import_module("torture.records").PROPERTIES)
    except ModuleNotFoundError:
        return []


def _fuzz(check: Callable[[], None], seconds: float) -> None:
    """Runs a property with new seeds until the time is over."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        number = random.randrange(2**32)
        try:
            seed(number)(check)()
        except Exception as error:
            found = "; ".join(getattr(error, "__notes__", []))
            raise AssertionError(f"hypothesis.seed({number}): {type(error).__name__}: {error}; {found}") from error


def _properties(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    yield "points of JSON values", _json_points(folder / "a.json")
    yield "points of near JSON", _near_points(folder / "b.json")
    for kind, text in _whole_points().items():
        yield f"spoilt points {kind}", _spoilt_points(folder / f"c{kind}", text.encode())
    yield "points of any text", _any_points(folder)
    yield "config.json", _configs(folder / "checkpoint")
    competition = write_competition(folder / "good", draw_faces(2), draw_faces(2, seed=1))
    for stem, read in (("training", read_training), ("test", read_test), ("IdLookupTable", read_lookup)):
        yield f"{stem}.csv", _tables(folder / stem, stem, (competition / f"{stem}.csv").read_bytes(), read)
    photo = Image.open(ROOT / "examples" / "grace_hopper.jpg").convert("RGB").resize((96, 112))
    for format, suffix in FORMATS.items():
        file = io.BytesIO()
        photo.save(file, format, exif=_exif()) if format not in ("GIF", "BMP") else photo.save(file, format)
        yield f"pictures {format}", _pictures(folder / f"p.{suffix}", file.getvalue())
    yield "zips of photos", _zips(folder / "d.zip")


def _json_points(path: Path) -> Callable[[], None]:
    @given(JSON | FACES | st.lists(FACES) | st.lists(st.fixed_dictionaries({"faces": st.lists(FACES) | JSON})))
    def check(value):
        path.write_text(json.dumps(value), errors="surrogatepass")
        _points(path)

    return check


def _near_points(path: Path) -> Callable[[], None]:
    @given(st.lists(st.sampled_from([*NAMES, *'{}[],:"', '"points":', '"faces":', "1", "1e999", "NaN", "null", " "])))
    def check(tokens):
        path.write_text("".join(tokens))
        _points(path)

    return check


def _spoilt_points(path: Path, text: bytes) -> Callable[[], None]:
    @given(SEEDS)
    def check(number):
        path.write_bytes(spoil_text(text, number))
        _points(path)

    return check


def _any_points(folder: Path) -> Callable[[], None]:
    @given(
        st.binary() | st.text().map(lambda text: text.encode(errors="surrogatepass")), st.sampled_from(["pts", "csv"])
    )
    def check(content, kind):
        path = folder / f"any.{kind}"
        path.write_bytes(content)
        _points(path)

    return check


def _configs(folder: Path) -> Callable[[], None]:
    folder.mkdir()
    whole = (ROOT / "checkpoints" / "resnet18" / "config.json").read_bytes()
    fields = list(json.loads(whole))

    @given(
        SEEDS.map(lambda number: spoil_text(whole, number)) | _changed(json.loads(whole), fields) | JSON.map(_dumped)
    )
    def check(content):
        (folder / "config.json").write_bytes(content)
        one_sentence(lambda: read_config(folder / "config.json"))

    return check


def _changed(whole: dict, fields: list[str]) -> st.SearchStrategy[bytes]:
    return st.builds(lambda field, value: _dumped({**whole, field: value}), st.sampled_from(fields) | st.text(), JSON)


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def _tables(folder: Path, stem: str, whole: bytes, read: Callable[[Path], object]) -> Callable[[], None]:
    folder.mkdir()

    @given(SEEDS.map(lambda number: spoil_text(whole, number)) | st.binary() | st.text().map(str.encode))
    def check(content):
        (folder / f"{stem}.csv").write_bytes(content)
        one_sentence(lambda: read(folder))

    return check


def _pictures(path: Path, whole: bytes) -> Callable[[], None]:
    @given(SEEDS)
    def check(number):
        path.write_bytes(spoil(whole, number))
        result = one_sentence(lambda: read_photo(path))
        assert isinstance(result, Exception) or result.mode == "RGB"

    return check


def _zips(path: Path) -> Callable[[], None]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("a.jpg", "b/c.png", "d.txt"):
            archive.writestr(name, b"x" * 50)
    whole = file.getvalue()

    @given(SEEDS)
    def check(number):
        path.write_bytes(spoil(whole, number))
        one_sentence(lambda: list_sources([path]))

    return check


def _points(path: Path) -> None:
    result = one_sentence(lambda: read_points(path))
    if isinstance(result, list):
        check_points(result)


def _whole_points() -> dict[str, str]:
    face = {"points": {name: list(point) for name, point in zip(NAMES, MEAN_FACE, strict=True)}}
    row = ",".join(str(value) for point in MEAN_FACE for value in point)
    return {
        ".json": json.dumps([{"faces": [face]}]),
        ".csv": ",".join(COLUMNS) + f"\n{row}\n",
        ".pts": to_pts(MEAN_FACE),
    }


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    return exif.tobytes()
