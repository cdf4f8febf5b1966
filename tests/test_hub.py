"""Push and pull with the real client, against a Hub on this machine."""

import dataclasses
import json
import os
import pickle
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hub_server import Fault, HubServer
from huggingface_hub import ModelCard, constants, file_download, list_models
from huggingface_hub.utils import _http
from safetensors.torch import load, load_file, save

from fkd.checkpoint import load_checkpoint, save_checkpoint
from fkd.draw import draw_errors
from fkd.evaluate import Accuracy, Cost, Evaluation
from fkd.hub import load as load_any
from fkd.hub import pull, push, remote_card
from fkd.models import ModelConfig, build_model
from fkd.publication import publication
EXAMPLE = Path(__file__).parent.parent / "examples" / "eileen_collins.png"


@pytest.fixture(scope="module")
def server():
    with HubServer() as server:
        yield server


@pytest.fixture
def hub(server, monkeypatch, tmp_path):
    """The Hub, to which this process and its children talk as ada."""
    server.clear()
    server.connect(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("HF_TOKEN", server.add_user("ada"))
    for module in (file_download, _http):  # the client waits a second or more before it tries again
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda seconds: None))
    return server
