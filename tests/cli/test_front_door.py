"""What is fast since it imports little: the package itself, and the help of the command line."""

import dataclasses
import inspect
import subprocess
import sys
import time

import pytest

import fkd
from fkd.cli.training import train_command
from fkd.hub.reference import load
from fkd.learn.config import TrainConfig
from fkd.photo.comparison import compare
from fkd.photo.predict import predict

SLOW = {"torch", "timm", "pandas", "numpy", "dlib", "gradio"}


def loaded_by(arguments: list[str]) -> set[str]:
    code = f"from fkd.cli.commands import app\ntry: app({arguments})\nexcept SystemExit: pass"
    code += "\nimport sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


def test_the_front_door_has_the_functions_themselves():
    assert (fkd.load, fkd.predict, fkd.compare) == (load, predict, compare)
    assert {"load", "predict", "compare", "__version__"} <= set(dir(fkd))
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        fkd.train  # noqa: B018


def test_importing_fkd_and_its_help_imports_nothing_slow():
    assert not loaded_by(["--help"]) & SLOW


def test_the_ranking_is_printed_without_torch():
    assert not {"torch", "timm", "gradio"} & loaded_by(["leaderboard"])


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "most"), [(["-c", "import fkd"], 0.2), (["-m", "fkd", "--help"], 0.7)])
def test_how_long_it_takes(arguments, most):
    def seconds(*given: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *given], check=True, capture_output=True)
        return time.perf_counter() - start

    assert min(seconds(*arguments) - seconds("-c", "") for _ in range(5)) < most


def test_the_options_of_train_have_the_defaults_of_its_config():
    options = inspect.signature(train_command).parameters
    for field in dataclasses.fields(TrainConfig):
        if field.name in options and field.default is not dataclasses.MISSING:
            assert options[field.name].default == field.default, field.name
