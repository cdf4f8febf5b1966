"""Windows, as far as it can be emulated: no modules and calls of Unix, and its paths."""

import subprocess
import sys
from pathlib import PureWindowsPath

import pytest

from fkd.hub import reference

# Libraries check for the features of each system themselves, so they are imported before these are removed.
CODE = """
import importlib, os, pkgutil, sys
import gradio, huggingface_hub, onnx, openvino, pandas, plotly.express, timm, torch
import fkd
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("getuid", "geteuid", "fork", "killpg", "getpgid"):
    delattr(os, name)
for module in pkgutil.walk_packages(fkd.__path__, "fkd."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def test_every_module_is_imported_without_what_only_unix_has():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", ["hf:ada/net", "hf:ada/net@main"])
def test_a_reference_to_the_hub_never_becomes_a_path(text, monkeypatch, tmp_path):
    pulled = []
    monkeypatch.setattr(reference, "Path", PureWindowsPath)
    monkeypatch.setattr("fkd.hub.repository.pull", lambda *model: pulled.append(model) or tmp_path)
    assert reference.checkpoint_folder(text) == tmp_path
    assert str(reference.HubModel.parse(text)) == text and pulled[0][0] == "ada/net"
