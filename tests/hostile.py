"""Repositories that are meant to do harm: what is changed in a good one -> what is said."""

import json
import os
import struct
from pathlib import Path

import torch
from safetensors.torch import load_file, save


class Payload:
    """What a pickle does when it is read."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def change_config(files, **change):
    files["config.json"] = json.dumps(json.loads(files["config.json"]) | change).encode()


def change_model(files, **change):
    change_config(files, model=json.loads(files["config.json"])["model"] | change)


def change_training(files, **change):
    change_config(files, training=json.loads(files["config.json"])["training"] | change)


def change_header(files, header):
    text = json.dumps(header).encode()
    files["model.safetensors"] = struct.pack("<Q", len(text)) + text + bytes(4)


def change_weights(files, change):
    path = files.pop("path")
    tensors = load_file(path / "model.safetensors")
    change(tensors)
    files["model.safetensors"] = save(tensors)


HOSTILE = {
    "a pickle beside": (lambda f: f.update({"pytorch_model.bin": f["pickle"]}), "can run code"),
    "a pickle in a folder": (lambda f: f.update({"old/weights.PKL": f["pickle"]}), "can run code"),
    "a pickle by another name": (lambda f: f.update({"model.safetensors": f["pickle"]}), "not a safetensors file"),
    "an unknown architecture": (lambda f: change_model(f, name="evilnet"), "unknown model 'evilnet'"),
    "an architecture from elsewhere": (lambda f: change_model(f, name="hf-hub:eve/net"), "unknown model"),
    "an architecture that is a path": (lambda f: change_model(f, name="../../net"), "unknown model"),
    "a million outputs": (lambda f: change_model(f, conventions=500_000), "conventions is 500000"),
    "a key of its own": (lambda f: change_config(f, auto_map={"AutoModel": "net.Net"}), "has the unknown auto_map"),
    "no number": (lambda f: f.update({"config.json": f["config.json"].replace(b"48.0", b"NaN")}), "readable as JSON"),
    "a nest of brackets": (lambda f: f.update({"config.json": b"[" * 90_000}), "not readable as JSON"),
    "a config of 9 MB": (lambda f: f.update({"config.json": b" " * 9_000_000}), "config.json has 9,000,000 bytes"),
    "weights of 10 GB": (lambda f: f.update({"huge": True}), r"model.safetensors has 10,\d+,\d+,\d+ bytes"),
    "a header of 2^60 bytes": (
        lambda f: f.update({"model.safetensors": struct.pack("<Q", 2**60) + b"{}"}),
        "not a safetensors file",
    ),
    "a header that is a list": (
        lambda f: change_header(f, []),
        "header of model.safetensors is .., expected an",
    ),
    "a header that is null": (lambda f: change_header(f, None), "is null, expected an object"),
    "a tensor that is null": (
        lambda f: change_header(f, {"x": None}),
        "safetensors: x is null, expected an object",
    ),
    "a list of types": (
        lambda f: change_header(f, {"x": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}),
        r'x.dtype is \["F32"\], expected a valid string',
    ),
    "a shape that is text": (
        lambda f: change_header(f, {"x": {"dtype": "F32", "shape": "1", "data_offsets": [0, 4]}}),
        'x.shape is "1", expected a valid array',
    ),
    "offsets that are null": (
        lambda f: change_header(f, {"x": {"dtype": "F32", "shape": [1], "data_offsets": None}}),
        "x.data_offsets is null, expected a valid array",
    ),
    "a header that is a nest": (
        lambda f: f.update({"model.safetensors": struct.pack("<Q", 90_000) + b"[" * 90_000}),
        "header of model.safetensors is not readable as JSON .recursion limit",
    ),
    "a header that is no text": (
        lambda f: f.update({"model.safetensors": struct.pack("<Q", 4) + b"\xff" * 4}),
        "header of model.safetensors is not readable as JSON",
    ),
    "a header longer than its file": (
        lambda f: f.update({"model.safetensors": struct.pack("<Q", 500_000) + b"{}"}),
        "header of model.safetensors is cut short|the Hub refused",
    ),
    "a validation error of zero": (
        lambda f: change_training(f, validation_rmse=0),
        "rmse is 0, expected greater than 0",
    ),
    "a validation error below": (
        lambda f: change_training(f, validation_rmse=-1),
        "rmse is -1, expected greater than 0",
    ),
    "no end of an error": (
        lambda f: f.update({"config.json": f["config.json"].replace(b"48.0", b"1e999")}),
        "expected a finite number",
    ),
    "weights cut short": (lambda f: f.update({"model.safetensors": f["model.safetensors"][:5000]}), "is damaged"),
    "another shape": (
        lambda f: change_weights(f, lambda t: t.update({"head.bias": torch.zeros(3)})),
        r"head.bias is \[3\], expected \[30\]",
    ),
    "one tensor more": (lambda f: change_weights(f, lambda t: t.update(x=torch.zeros(1))), "has the unknown x"),
    "one tensor less": (lambda f: change_weights(f, lambda t: t.pop("head.bias")), "lacks head.bias"),
    "whole numbers": (
        lambda f: change_weights(f, lambda t: t.update({"head.bias": torch.zeros(30, dtype=torch.int8)})),
        "head.bias is I8, expected F16 or F32",
    ),
    "NaN weights": (
        lambda f: change_weights(f, lambda t: t.update({"head.bias": torch.full((30,), torch.nan)})),
        "not finite",
    ),
    "no config": (lambda f: f.pop("config.json"), "has no config.json"),
}
