"""Repositories that are meant to do harm: what is changed in a good one -> the message."""

import json
import os
import struct
from pathlib import Path

import torch
from safetensors.torch import load, save


class Payload:
    """A pickle that makes a folder when it is read."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def change_config(files, **change):
    files["config.json"] = json.dumps(json.loads(files["config.json"]) | change).encode()


def change_part(files, part, **change):
    change_config(files, **{part: json.loads(files["config.json"])[part] | change})


def change_header(files, header):
    files["model.safetensors"] = struct.pack("<Q", len(header)) + header + bytes(4)


def change_weights(files, **tensors):
    """Replaces tensors, and removes those that are None."""
    changed = load(files["model.safetensors"]) | tensors
    files["model.safetensors"] = save({name: tensor for name, tensor in changed.items() if tensor is not None})


HOSTILE = {
    "a pickle by another name": (lambda f: f.update({"model.safetensors": f["pickle"]}), "safetensors is damaged"),
    "an unknown architecture": (lambda f: change_part(f, "model", name="evilnet"), "unknown model 'evilnet'"),
    "an architecture from elsewhere": (lambda f: change_part(f, "model", name="hf-hub:eve/net"), "unknown model"),
    "an architecture that is a path": (lambda f: change_part(f, "model", name="../../net"), "unknown model"),
    "a million outputs": (lambda f: change_part(f, "model", conventions=500_000), "conventions is 500000"),
    "a key of its own": (lambda f: change_config(f, auto_map={"AutoModel": "net.Net"}), "has the unknown auto_map"),
    "a nest of brackets": (lambda f: f.update({"config.json": b"[" * 90_000}), "not readable as JSON"),
    "a config of 9 MB": (lambda f: f.update({"config.json": b" " * 9_000_000}), "config.json has 9,000,000 bytes"),
    "weights of 10 GB": (lambda f: f.update({"huge": True}), r"model.safetensors has 10,\d+,\d+,\d+ bytes"),
    "a header of 2^60 bytes": (
        lambda f: f.update({"model.safetensors": struct.pack("<Q", 2**60) + b"{}"}),
        "safetensors is damaged",
    ),
    "a header that is null": (lambda f: change_header(f, b"null"), "safetensors is damaged"),
    "a header that is a nest": (lambda f: change_header(f, b"[" * 90_000), "safetensors is damaged"),
    "a header that is no text": (lambda f: change_header(f, b"\xff" * 4), "safetensors is damaged"),
    "a validation error of zero": (lambda f: change_part(f, "training", validation_rmse=0), "rmse is 0, expected"),
    "weights cut short": (lambda f: f.update({"model.safetensors": f["model.safetensors"][:5000]}), "is damaged"),
    "another shape": (
        lambda f: change_weights(f, **{"head.bias": torch.zeros(3)}),
        "size mismatch for head.bias",
    ),
    "one tensor more": (lambda f: change_weights(f, x=torch.zeros(1)), "Unexpected key.*x"),
    "one tensor less": (lambda f: change_weights(f, **{"head.bias": None}), "Missing key.*head.bias"),
    "NaN weights": (lambda f: change_weights(f, **{"head.bias": torch.full((30,), torch.nan)}), "not finite"),
    "no config": (lambda f: f.pop("config.json"), "has no config.json"),
}
