"""Untrusted files, spoilt at random or with any value in a place: a reader returns, or ends in one sentence."""

import dataclasses
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES as PHOTOS
from conftest import TRAINING, draw_faces, write_competition
from drawn import to_pts
from forged import DATA, KNOWN, entry
from hypothesis import given
from hypothesis import strategies as st
from onnx_files import mean_face
from PIL import Image
from sentences import check_sentence, one_sentence

from fkd.board.entries import find_benchmark, problems, read_entries, read_synced, write_entry
from fkd.board.ranking import ranking
from fkd.board.record import read_evaluation
from fkd.data.competition import read_lookup, read_test, read_training
from fkd.hub.claims import _claims
from fkd.hub.reference import load
from fkd.keypoints import COLUMNS, MEAN_FACE, NAMES
from fkd.learn.models import ModelConfig
from fkd.learn.record import read_config
from fkd.photo.point_files import read_points
from fkd.photo.reading import read_photo
from fkd.photo.sources import list_sources
from fuzz.spoil import SEEDS, fuzz, mutated, spoil

POINTS = {"points": {name: list(point) for name, point in zip(NAMES, MEAN_FACE, strict=True)}}
ENTRY = json.loads(json.dumps(dataclasses.asdict(entry("bad", 1.0))))
CONFIG = {
    "format": "fkd-2",
    "model": json.loads(json.dumps(dataclasses.asdict(ModelConfig("fcnn")))),
    "training": dataclasses.asdict(TRAINING),
    "data": dataclasses.asdict(DATA),
}
CLAIM = {
    "repo": "bob/net", "revision": "a" * 40, "benchmark": "drawn", "network": "fcnn",
    "figures": {"rmse": 2.0, "nme": 5.0, "failure_rate": 0.0}, "parameters": 1, "date": "2026-01-01", "refused": "",
}  # fmt: skip
RESULT = {"dataset": {"type": "drawn", "args": {}}, "metrics": [{"type": "rmse", "value": 1.0}]}
CARD = {"id": "eve/net", "sha": "a", "tags": ["fkd"], "model-index": [{"name": "n", "results": [RESULT]}]}
BENCHMARK = {"name": "other", "description": "d", "fingerprint": "f", "faces": 10, "values": 200}


def check_points(path: Path) -> None:
    for face in read_points(path):
        known = ~np.isnan(face)
        assert face.shape == (15, 2) and (known.all(1) == known.any(1)).all() and (np.abs(face[known]) <= 1e6).all()


def check_photo(path: Path) -> None:
    photo = read_photo(path)
    assert photo.mode == "RGB" and photo.tobytes() and min(photo.size) >= 24


def check_batch(path: Path) -> None:
    for source in list_sources([path]):
        assert source.name.isprintable() and ".." not in Path(source.name).parts
        one_sentence(source.read)


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


def good_files() -> dict[str, tuple[bytes, Callable[[Path], object]]]:
    """The name of a file -> its content when good, and its reader."""
    with tempfile.TemporaryDirectory() as folder:
        place = write_competition(Path(folder) / "drawn", draw_faces(2), draw_faces(2, seed=1))
        tables = {path.stem: path.read_bytes() for path in place.iterdir()}
    row = ",".join(str(value) for point in MEAN_FACE for value in point)
    files = {
        "points.json": (json.dumps([{"faces": [POINTS]}]).encode(), check_points),
        "points.csv": (f"{','.join(COLUMNS)}\n{row}\n".encode(), check_points),
        "points.pts": (to_pts(MEAN_FACE).encode(), check_points),
        "training.csv": (tables["training"], read_training),
        "training.zip": (zipped(training_csv=tables["training"]), read_training),
        "test.csv": (tables["test"], read_test),
        "IdLookupTable.csv": (tables["IdLookupTable"], lambda path: read_lookup(path.parent)),
        "config.json": (json.dumps(CONFIG).encode(), read_config),
        "evaluation.json": (json.dumps(ENTRY).encode(), read_evaluation),
    }
    network = mean_face(name="mean face", owner="ada", licence="MIT").SerializeToString()
    frames = np.zeros((2, 96, 96), np.uint8)
    files["net.onnx"] = (network, lambda path: load(f"onnx:{path}").on_frames(frames))
    photo = Image.open(PHOTOS / "grace_hopper.jpg").resize((96, 112))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    for name in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "GIF", "BMP"):
        file = io.BytesIO()
        photo.save(file, name, **({} if name in ("GIF", "BMP") else {"exif": exif.tobytes()}))
        files[f"{name}.jpg"] = (file.getvalue(), check_photo)  # the content tells, not the name
    files["photos.zip"] = (zipped(a_jpg=files["JPEG.jpg"][0], b_png=files["PNG.jpg"][0], c_txt=b"c"), check_batch)
    return files


FILES = good_files()


@pytest.mark.parametrize("name", FILES)
def test_a_spoilt_file_is_read_or_refused_in_a_sentence(name, tmp_path):
    good, read = FILES[name]
    path = tmp_path / name
    path.write_bytes(good)
    read(path)

    @fuzz
    @given(SEEDS.map(lambda seed: spoil(good, seed)) | st.binary() | st.text().map(lambda text: text.encode()))
    def check(content):
        path.write_bytes(content)
        one_sentence(lambda: read(path))

    check()


@pytest.mark.parametrize("name", ["evaluation.json", "config.json", "points.json"])
def test_any_value_in_any_place_is_read_or_refused_in_a_sentence(name, tmp_path):
    good, read = FILES[name]
    path = tmp_path / name

    @fuzz
    @given(mutated(json.loads(good)))
    def check(value):
        path.write_text(json.dumps(value))
        one_sentence(lambda: read(path))

    check()


BESIDE = {
    "drawn/bad.json": ENTRY,
    "claims.json": {"date": "d", "claims": [CLAIM, CLAIM], "failure": ""},
    "other/benchmark.json": BENCHMARK,
}


@pytest.mark.parametrize("name", BESIDE)
def test_no_file_beside_the_entries_takes_their_ranks(name):
    @fuzz
    @given(mutated(BESIDE[name]).map(json.dumps) | st.text())
    def check(text):
        with tempfile.TemporaryDirectory() as root:
            write_entry(root, entry("a", 2.0), "drawn faces")
            write_entry(root, entry("b", 3.0, benchmark="other"), "other faces")
            (Path(root) / name).write_bytes(text.encode(errors="surrogatepass"))
            first, *others = ranked(root)
            assert (first.name, first.rank) == ("a", 1) or others[0].name == "a", "only a genuine entry comes before"
            for problem in (*problems(root), *(row.unranked for row in others if row.rank is None)):
                check_sentence(problem)

    check()


@fuzz
@given(mutated(CARD["model-index"]), mutated(CARD["tags"]))
def test_any_card_makes_claims_that_can_be_stored_and_read(index, tags):
    model = CARD | {"model-index": index, "tags": tags}
    with tempfile.TemporaryDirectory() as root:
        write_entry(root, entry("a", 2.0), "drawn faces")
        claims = [dataclasses.asdict(claim) for claim in _claims(model, [find_benchmark(root, "drawn")])]
        (Path(root) / "claims.json").write_text(json.dumps({"date": "d", "claims": claims}))
        assert read_synced(root).date
        assert ranked(root)[0].rank == 1


def ranked(root: str):
    benchmark = find_benchmark(root, "drawn")
    rows = ranking(benchmark, read_entries(root, benchmark), KNOWN, read_synced(root).claims)
    json.dumps([row.record() for row in rows], allow_nan=False)  # as the page's API answers
    return rows
