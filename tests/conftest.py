"""Fixtures: small drawn faces, checkpoints and a Hub."""

import dataclasses
import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import draw_faces
from forged import entry
from hub_server import HubServer
from huggingface_hub import file_download
from huggingface_hub.utils import _http
from wild15 import lookup_table, table_of_images

from fkd.data.conventions import find_conventions
from fkd.data.faces import Faces
from fkd.data.record import DataRecord, FaceCounts, Fingerprints
from fkd.keypoints import BOTTOM_LIP, COLUMNS, NOSE_TIP, TOP_LIP
from fkd.learn.checkpoint import load_checkpoint, save_checkpoint
from fkd.learn.config import TrainingRecord
from fkd.learn.models import KeypointModel, ModelConfig, build_model
from fkd.photo.colours import network_colour
from fkd.photo.detectors import checkpoint as checkpoint_detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.onnx_export import NamedOutputs

EXAMPLES = Path(__file__).parent.parent / "examples"
TRAINING = TrainingRecord(best_epoch=1, validation_rmse=48.0, fkd_version="0")


def points_of(model: KeypointModel, images: torch.Tensor) -> torch.Tensor:
    """A model's points [B, 15, 2] px for images [B, 1, 96, 96], in the convention of photos."""
    return model.head.points(model(images)[0])[:, :15]


@pytest.fixture(autouse=True)
def same_start(monkeypatch):
    """Set PyTorch back to its state in a fresh process, seeded; NO_BF16: as on a processor without bfloat16."""
    torch.manual_seed(0)
    torch.set_flush_denormal(False)  # training switches it on
    if "NO_BF16" in os.environ:
        monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
        monkeypatch.setattr(checkpoint_detector, "has_bf16", lambda: False)


@pytest.fixture(scope="session")
def networks(tmp_path_factory) -> Path:
    """Exported checkpoints, each under the hash of its weights: a session exports each of them once."""
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, networks, monkeypatch):
    """No test reads or fills the user's cache."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "networks").symlink_to(networks)
    monkeypatch.setenv("FKD_CACHE", str(cache))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real faces that FKD_DATA names."""
    if not os.environ.get("FKD_DATA"):
        pytest.skip("FKD_DATA does not name a folder in the competition's layout")
    return Path(os.environ["FKD_DATA"])


def same(a: Faces, b: Faces) -> bool:
    return np.array_equal(a.images, b.images) and np.array_equal(a.points, b.points, equal_nan=True)


def draw_three_conventions(count: int) -> Faces:
    """As many faces of outer lips, of inner lips, and of four points: outer, then inner lips."""
    faces = draw_faces(3 * count, four_point_share=1 / 3)
    faces.points[count : 2 * count, [TOP_LIP, BOTTOM_LIP], 1] += [3.5, -3.5]
    faces.points[2 * count :, [NOSE_TIP, BOTTOM_LIP], 1] += [5, -4]
    return faces


THREE = find_conventions(draw_three_conventions(60).points).values  # outer lips, inner lips, four points


def training_table(faces: Faces) -> pd.DataFrame:
    """Faces as the competition's training.csv."""
    table = pd.DataFrame(faces.points.reshape(len(faces), 30), columns=list(COLUMNS))
    table["Image"] = [" ".join(map(str, image.ravel())) for image in faces.images]
    return table


def write_competition(folder: Path, faces: Faces, test: Faces) -> Path:
    """Writes the competition's files for drawn faces, in the form of the original ones."""
    folder.mkdir(parents=True, exist_ok=True)
    training_table(faces).to_csv(folder / "training.csv", index=False)
    table_of_images(test.images).to_csv(folder / "test.csv", index=False)
    # The original table has rows of three cells under a header of four, and CRLF.
    rows = lookup_table(np.isfinite(test.points)).drop(columns="Location").to_csv(index=False, lineterminator="\r\n")
    (folder / "IdLookupTable.csv").write_bytes(rows.replace("Name", "Name,Location", 1).encode())
    return folder


@pytest.fixture(scope="session")
def sixty() -> Faces:
    return draw_faces(60)


@pytest.fixture
def faces(sixty) -> Faces:
    """60 drawn faces that the test may change."""
    return Faces(sixty.images.copy(), sixty.points.copy())


@pytest.fixture
def competition(tmp_path, faces) -> Path:
    """A folder in the competition's layout: 60 drawn training faces, 12 test faces."""
    return write_competition(tmp_path / "drawn", faces, draw_faces(12, seed=1))


def untrained(config: ModelConfig, seed: int = 0) -> KeypointModel:
    """A model with weights that depend on the seed alone; the global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_model(config)


def detector(config: ModelConfig) -> CheckpointDetector:
    """An untrained network without a folder."""
    network = untrained(config).eval()
    return CheckpointDetector(
        name="untrained",
        owner="",
        colour=network_colour(config.name),
        network=config.name,
        sha256="0" * 64,
        data=DataRecord("drawn"),
        validation_rmse=TRAINING.validation_rmse,
        folder=Path("untrained"),
        run=NamedOutputs(network).run,
        conventions=config.conventions,
        label_offset=network.label_offset.numpy(),
        config=config,
        training=TRAINING,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def unchanged(folder: Path) -> Iterator[Path]:
    before = contents(folder)
    yield folder
    assert contents(folder) == before, "a test has changed the checkpoint that all share"


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Iterator[Path]:
    """An untrained resnet18 checkpoint; a test that writes into it copies it first."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    save_checkpoint(folder, untrained(ModelConfig("resnet18")), TRAINING, DataRecord("drawn"))
    yield from unchanged(folder)


SERVER = functools.cache(HubServer)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The Hub, to which this process talks as ada."""
    server = SERVER()
    server.clear()
    server.connect(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("HF_TOKEN", "hf_ada")
    for module in (file_download, _http):  # the client waits a second or more before it tries again
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda seconds: None))
    return server


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory) -> Iterator[Path]:
    """A checkpoint of an untrained fcnn with evaluation and history; a test that writes into it copies it first."""
    folder = tmp_path_factory.mktemp("checkpoints") / "net"
    data = DataRecord("drawn", "drawn by tests", FaceCounts(8, 1, 1), Fingerprints("cafe", "beef", "f00d"))
    save_checkpoint(folder, untrained(ModelConfig("fcnn")), TRAINING, data, half=True)
    (folder / "history.csv").write_text("epoch,train_rmse,validation_rmse,lr\n1,50,48,0.1\n")
    sha256 = load_checkpoint(folder).sha256
    evaluation = entry("net", 2.5, fingerprint="f00d", weights=[sha256], data=data)
    (folder / "evaluation.json").write_text(json.dumps(dataclasses.asdict(evaluation)))
    yield from unchanged(folder)
