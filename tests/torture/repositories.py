"""Hostile repositories on a Hub of our own: each is refused in one sentence, and nothing in it runs or stays."""

import functools
import json
import os
import pickle
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import TRAINING, contents
from hostile import HOSTILE, Payload, change_config, change_header, change_model, change_training, change_weights
from hub_server import Fault, HubServer
from huggingface_hub import file_download
from huggingface_hub.utils import _http
from safetensors.torch import load_file, save

from fkd.board.record import read_evaluation
from fkd.data.record import DataRecord, FaceCounts
from fkd.files import typed_rows
from fkd.hub.available import read_pinned, weights_there
from fkd.hub.reference import load
from fkd.hub.repository import pull
from fkd.learn.checkpoint import save_checkpoint
from fkd.learn.models import ModelConfig, build_model
from fkd.learn.record import CONFIG, Epoch
from torture.case import Case, check_sentence, refused

TENSOR = {"dtype": "F16", "shape": [30], "data_offsets": [0, 60]}
DATA = DataRecord("drawn", "", FaceCounts(8, 1, 1))


def change_data(files, **change):
    change_config(files, data=json.loads(files[CONFIG])["data"] | change)


def change_tensor(files, **change):
    """Changes what the header says of one tensor, and nothing else in the file."""
    weights = files["model.safetensors"]
    size = struct.unpack("<Q", weights[:8])[0]
    header = json.loads(weights[8 : 8 + size])
    header["head.bias"] |= change
    text = json.dumps(header).encode()
    files["model.safetensors"] = struct.pack("<Q", len(text)) + text + weights[8 + size :]


def all_as(files, kind: torch.dtype):
    tensors = load_file(files.pop("path") / "model.safetensors")
    files["model.safetensors"] = save({name: tensor.to(kind) for name, tensor in tensors.items()})


# What is done to the files of a good checkpoint, besides what tests/hub/test_repository.py does to them.
MORE = {
    "an empty config": lambda f: f.update({CONFIG: b""}),
    "a config of one number": lambda f: f.update({CONFIG: b"1"}),
    "a config of null": lambda f: f.update({CONFIG: b"null"}),
    "a config in UTF-16": lambda f: f.update({CONFIG: f[CONFIG].decode().encode("utf-16")}),
    "a config with a key twice": lambda f: f.update({CONFIG: f[CONFIG].replace(b"{", b'{"format": "fkd-1",', 1)}),
    "a config that is YAML": lambda f: f.update({CONFIG: b"format: fkd-1\n"}),
    "a config with half a letter": lambda f: change_training(f, labels="\ud800"),
    "a config of a later format": lambda f: change_config(f, format="fkd-2"),
    "a format of a list": lambda f: change_config(f, format=["fkd-1"] * 1000),
    "a model of null": lambda f: change_config(f, model=None),
    "a name of a number": lambda f: change_model(f, name=18),
    "a name of ten thousand letters": lambda f: change_model(f, name="resnet" * 2000),
    "a name with a new line": lambda f: change_model(f, name="resnet18\nfcnn"),
    "a timm network of another kind": lambda f: change_model(f, name="vit_base_patch16_224"),
    "conventions of a truth": lambda f: change_model(f, conventions=True),
    "conventions of a fraction": lambda f: change_model(f, conventions=1.5),
    "a head of its own": lambda f: change_model(f, head="__import__('os')"),
    "a stride of zero": lambda f: change_model(f, name="resnet18", head="heatmap", stem_stride=0),
    "training of a list": lambda f: change_config(f, training=[]),
    "epochs of text": lambda f: change_training(f, epochs="many"),
    "epochs below zero": lambda f: change_training(f, epochs=-1),
    "a rate of a list": lambda f: change_training(f, lr=[0.1]),
    "an error of a truth": lambda f: change_training(f, validation_rmse=True),
    "an error of 10^300": lambda f: change_training(f, validation_rmse=1e300),
    "a start of a number": lambda f: change_training(f, start=12),
    "data of text": lambda f: change_config(f, data="faces"),
    "data's name of a list": lambda f: change_data(f, name=["a"]),
    "data's name in two lines": lambda f: change_data(f, name="a\nb"),
    "faces of text": lambda f: change_data(f, faces={"train": "8"}),
    "faces of another part": lambda f: change_data(f, faces={"all": 8}),
    "fingerprints of a list": lambda f: change_data(f, fingerprints=["a", "b", "c"]),
    "no weights": lambda f: f.pop("model.safetensors"),
    "empty weights": lambda f: f.update({"model.safetensors": b""}),
    "weights of seven bytes": lambda f: f.update({"model.safetensors": b"1234567"}),
    "a header of zero bytes": lambda f: f.update({"model.safetensors": bytes(100)}),
    "a header of one tensor": lambda f: change_header(f, {"head.bias": TENSOR}),
    "a header of text": lambda f: change_header(f, "head.bias"),
    "a header of a number": lambda f: change_header(f, 12),
    "a header of other text": lambda f: change_header(f, {"head.bias": "F16"}),
    "metadata only": lambda f: change_header(f, {"__metadata__": {"format": "pt"}}),
    "a tensor that is a list": lambda f: change_header(f, {"x": [TENSOR]}),
    "a tensor with more in it": lambda f: change_header(f, {"x": TENSOR | {"code": "import os"}}),
    "a tensor of a million sides": lambda f: change_header(f, {"x": TENSOR | {"shape": [1] * 100_000}}),
    "a tensor named by a new line": lambda f: change_header(f, {"a\nb": TENSOR}),
    "a tensor named by 9,000 letters": lambda f: change_header(f, {"a" * 9000: TENSOR}),
    "a type of null": lambda f: change_tensor(f, dtype=None),
    "a type of nobody": lambda f: change_tensor(f, dtype="F17"),
    "a side below zero": lambda f: change_tensor(f, shape=[-30]),
    "a side of a fraction": lambda f: change_tensor(f, shape=[30.0]),
    "a side of 2^60": lambda f: change_tensor(f, shape=[2**60]),
    "a side of 10^30": lambda f: change_tensor(f, shape=[10**30]),
    "no shape": lambda f: change_tensor(f, shape=[]),
    "offsets turned round": lambda f: change_tensor(f, data_offsets=[60, 0]),
    "offsets beyond the file": lambda f: change_tensor(f, data_offsets=[0, 2**40]),
    "one offset": lambda f: change_tensor(f, data_offsets=[0]),
    "offsets of another tensor": lambda f: change_tensor(f, data_offsets=[0, 60]),
    "double precision": lambda f: all_as(f, torch.float64),
    "bfloat16": lambda f: all_as(f, torch.bfloat16),
    "bytes more": lambda f: f.update({"model.safetensors": f["model.safetensors"] + b"#!/bin/sh"}),
    "infinite weights": lambda f: change_weights(
        f, lambda tensors: tensors.update({"head.bias": torch.full((30,), torch.inf)})
    ),
    "numpy beside": lambda f: f.update({"mean.npy": b"\x93NUMPY"}),
    "torch beside": lambda f: f.update({"optimizer.PT": f["pickle"]}),
    "keras in a folder": lambda f: f.update({"a/b/c/net.keras": b"PK"}),
    "an evaluation of 9 MB": lambda f: f.update({"evaluation.json": b" " * 9_000_000}),
    "a history of 9 MB": lambda f: f.update({"history.csv": b"1" * 9_000_000}),
}
# Files that a checkpoint may lack: what is wrong with them is said when they are read.
RECORDS = {
    "nothing": b"", "null": b"null", "a list": b"[]", "a nest": b"[" * 9000, "NaN": b'{"name": NaN}',
    "bytes": b"\xff\xfe", "html": b"<script>alert(1)</script>", "1e999": b'{"x": 1e999}', "another object": b'{"x": 1}',
}  # fmt: skip
PINS = (
    b"",
    b"{}",
    b"null",
    b"[1]",
    b'["hf:eve"]',
    b'["../../etc/passwd"]',
    b'["eve/net@a b"]',
    b"[" * 9000,
    b'[["a/b"]]',
)


def cases(quick: bool) -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as scratch, HubServer() as hub, pytest.MonkeyPatch.context() as patch:
        hub.connect(patch, Path(scratch) / "home")
        for module in (file_download, _http):  # the client waits a second or more before it tries again
            patch.setattr(module, "time", SimpleNamespace(sleep=lambda seconds: None))
        good = Path(scratch) / "net"
        save_checkpoint(good, build_model(ModelConfig("fcnn")), TRAINING, DATA, half=True)
        changes = {name: change for name, (change, _) in HOSTILE.items() if name != "weights of 10 GB"} | MORE
        yield Case("a good one is pulled", functools.partial(is_pulled, hub, good))
        for number, (name, change) in enumerate(list(changes.items())[:: 8 if quick else 1]):
            yield Case(name, functools.partial(is_refused, hub, good, f"eve/net{number}", change))
        for name, content in list(RECORDS.items())[:: 4 if quick else 1]:
            yield Case(f"records: {name}", functools.partial(is_said_when_read, hub, good, content))
        for content in PINS[:: 4 if quick else 1]:
            yield Case(f"pinned: {content[:20]!r}", functools.partial(is_not_pinned, Path(scratch), content))
        for fault in (
            Fault("GET", "model.safetensors", swap=True),
            Fault("GET", "model.safetensors", cut=True, times=9),
        ):
            yield Case(f"on the way: {fault}", functools.partial(comes_whole_or_not, hub, good, fault))


def is_pulled(hub: HubServer, good: Path) -> None:
    hub.put("ada/net", contents(good))
    assert contents(pull("ada/net")) == contents(good)


def is_refused(hub: HubServer, good: Path, repo_id: str, change) -> None:
    """Pulls a changed checkpoint twice: refused in one sentence, which is not of an upload, and nothing ran."""
    ran = good.parent / "ran"
    files = contents(good) | {"evaluation.json": b"{}", "history.csv": b"", "pickle": pickle.dumps(Payload(ran))}
    files["path"] = good
    change(files)
    hub.put(repo_id, {name: content for name, content in files.items() if name not in ("pickle", "path")})
    for attempt in (lambda: pull(repo_id), lambda: load(f"hf:{repo_id}")):
        said = refused(attempt)
        assert "upload" not in said and "push again" not in said, said
        assert repo_id in said, said
    assert not ran.exists()
    del hub.repos["models", repo_id]


def is_said_when_read(hub: HubServer, good: Path, content: bytes) -> None:
    """What is no record of a checkpoint takes nothing else away from it."""
    hub.put("bob/net", contents(good) | {"evaluation.json": content, "history.csv": content})
    folder = pull("bob/net")
    assert len(weights_there([folder])) == 1
    refused(lambda: read_evaluation(folder / "evaluation.json"))
    try:
        typed_rows(folder / "history.csv", Epoch)
    except (ValueError, OSError) as error:
        check_sentence(str(error))


def is_not_pinned(scratch: Path, content: bytes) -> None:
    (scratch / "pinned.json").write_bytes(content)
    refused(lambda: read_pinned(scratch))


def comes_whole_or_not(hub: HubServer, good: Path, fault: Fault) -> None:
    """What is changed or cut on the way is refused, and then comes as it is."""
    hub.put("ada/other", contents(good) | {"history.csv": os.urandom(8)})
    hub.faults.append(fault)
    try:
        pull("ada/other")
    except (ValueError, OSError) as error:
        check_sentence(str(error))
        assert "upload" not in str(error)
    hub.faults.clear()
    assert (pull("ada/other") / "model.safetensors").read_bytes() == (good / "model.safetensors").read_bytes()
