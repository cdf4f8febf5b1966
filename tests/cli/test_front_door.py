"""What is fast since it imports little: the package itself, and the help of the command line."""

import ast
import subprocess
import sys
import time

import pytest

import fkd
from fkd.cli.commands import COMMANDS, find_command
from fkd.hub.reference import load
from fkd.photo.comparison import compare
from fkd.photo.predict import predict

SLOW = ("torch", "timm", "pandas", "numpy", "dlib", "gradio")


def loaded_by(code: str) -> str:
    code += f"\nimport sys; print([name for name in {SLOW} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()[-1]


def test_the_front_door_has_the_functions_themselves():
    assert (fkd.load, fkd.predict, fkd.compare) == (load, predict, compare)
    assert {"load", "predict", "compare", "__version__"} <= set(dir(fkd))
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        fkd.train  # noqa: B018


def test_importing_fkd_imports_nothing_slow():
    assert loaded_by("import fkd; fkd.__version__") == "[]"


def test_the_help_imports_nothing_slow():
    assert loaded_by("from fkd.cli.commands import app\ntry: app(['--help'])\nexcept SystemExit: pass") == "[]"


def test_the_ranking_is_printed_without_a_network():
    code = "from fkd.cli.commands import app\ntry: app(['leaderboard'])\nexcept SystemExit: pass"
    assert not {"torch", "timm", "gradio"} & set(ast.literal_eval(loaded_by(code)))


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "most"), [(["-c", "import fkd"], 0.2), (["-m", "fkd", "--help"], 0.7)])
def test_how_long_it_takes(arguments, most):
    def seconds(*given: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *given], check=True, capture_output=True)
        return time.perf_counter() - start

    assert min(seconds(*arguments) - seconds("-c", "") for _ in range(5)) < most


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_help_says(name):
    assert " ".join(find_command(name).help.split("\n\n")[0].split()) == COMMANDS[name][1]
