"""What is fast since it imports little: the package itself, and the help of the command line."""

import dataclasses
import inspect
import subprocess
import sys

import pytest

import fkd
from fkd.board.measuring import evaluate
from fkd.cli.training import train_command
from fkd.hub.reference import load
from fkd.learn.config import TrainConfig
from fkd.learn.run import train
from fkd.photo.comparison import compare
from fkd.photo.predict import predict


def test_the_front_door_has_the_functions_themselves():
    assert (fkd.load, fkd.predict, fkd.compare, fkd.train, fkd.evaluate) == (load, predict, compare, train, evaluate)
    assert {"load", "predict", "compare", "train", "evaluate", "__version__"} <= set(dir(fkd))
    with pytest.raises(AttributeError, match="no attribute 'submit'"):
        fkd.submit  # noqa: B018


@pytest.mark.parametrize(
    ("arguments", "libraries"),
    [
        (["--help"], {"torch", "timm", "pandas", "numpy", "dlib", "gradio"}),
        (["leaderboard"], {"torch", "timm", "gradio"}),
    ],
)
def test_a_command_imports_only_what_it_runs(arguments, libraries):
    code = f"from fkd.cli.commands import app\ntry: app({arguments})\nexcept SystemExit: pass"
    code += "\nimport sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not libraries & set(result.stdout.splitlines()[-1].split())


def test_the_options_of_train_have_the_defaults_of_its_config():
    options = inspect.signature(train_command).parameters
    for field in dataclasses.fields(TrainConfig):
        if field.name in {*options} - {"source"} and field.default is not dataclasses.MISSING:
            assert options[field.name].default == field.default, field.name
