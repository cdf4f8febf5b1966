"""Who may import whom, from the order of the layers alone, and which outside library lives in which room."""

import ast
import functools
import graphlib
import itertools
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
# A layer imports only from layers before it, and from itself. "base" is the files of fkd/ itself.
LAYERS = [["base"], ["data"], ["learn"], ["photo"], ["board"], ["hub"], ["page"], ["cli"], ["app"]]
LIBRARIES = {
    "dlib": {"photo"},
    "fastapi": {"page"},
    "filelock": {"learn", "page"},
    "gradio": {"page", "app"},
    "huggingface_hub": {"hub"},
    "kagglehub": {"data"},
    "mediapipe": {"photo"},
    "networkx": {"data"},
    "onnx": {"photo"},
    "onnxruntime": {"photo"},
    "openvino": {"photo"},
    "pandas": {"data", "learn", "photo", "board", "cli", "page"},  # where tables are read or shown
    "pillow_heif": {"photo"},
    "plotly": {"page"},
    "pyarrow": {"photo"},
    "ray": {"photo"},
    "supervision": {"photo"},
    "timm": {"learn"},
    "typer": {"cli"},
    "typing_extensions": {"hub"},
    "yaml": {"hub"},
}
HIDDEN = {"fkd", "google", "gradio_client", "dlib"}  # protobuf of onnx, the client of gradio, dlib-bin (names none)
FILES_OF = {
    "dlib": {"photo.detectors.dlib"},
    "kagglehub": {"data.kaggle"},
    "mediapipe": {"photo.detectors.mediapipe"},
    "openvino": {"photo.detectors.compiled"},
    "pillow_heif": {"photo.reading"},
    "plotly": {"page.plots", "page.face_plots"},
    "pyarrow": {"photo.answer_files"},
    "ray": {"photo.on_ray"},
    "supervision": {"photo.faces"},
}


def test_the_picture_in_the_docs_is_of_these_layers():
    picture = (ROOT / "docs" / "design.md").read_text().partition("```mermaid")[2].partition("```")[0]
    drawn = set(re.findall(r"^ +(\w+)(?:\[.*?\])? --> (\w+)", picture, re.M))
    assert drawn == {(a, b) for rooms, later in itertools.pairwise(LAYERS) for a in rooms for b in later}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts[1:] if parts[0] == "fkd" else parts)


FRONT_DOOR = ROOT / "fkd" / "__init__.py"  # which imports nothing until it is asked
FILES = {name_of(path): path for path in [*(ROOT / "fkd").rglob("*.py"), ROOT / "app.py"] if path != FRONT_DOOR}


def room_of(name: str) -> str:
    first = name.split(".")[0]
    if first == "__main__":
        return "cli"
    return first if first == "app" or (ROOT / "fkd" / first).is_dir() else "base"


def layer_of(name: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room_of(name) in rooms)


def imports(path: Path) -> set[str]:
    """Every module and name that a file imports, whole names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def ours(path: Path) -> set[str]:
    """The files of fkd that a file imports."""
    inside = {module.removeprefix("fkd.") for module in imports(path) if module.startswith("fkd.")}
    return {name for name in FILES if name in inside}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_layer_imports_only_from_layers_before_it(name):
    assert room_of(name) in itertools.chain(*LAYERS), f"{FILES[name]} is in a room without a layer"
    for other in ours(FILES[name]):
        if room_of(other) != room_of(name):
            assert layer_of(other) < layer_of(name), f"{name} imports {other}"


@pytest.mark.parametrize("name", sorted(FILES))
def test_an_outside_library_lives_in_its_room(name):
    outside = {module.split(".")[0] for module in imports(FILES[name])}
    for library in outside & LIBRARIES.keys():
        assert room_of(name) in LIBRARIES[library], f"{library} belongs in {LIBRARIES[library]}"
        assert name in FILES_OF.get(library, {name}), f"{library} belongs in {FILES_OF[library]} of fkd"


@functools.cache
def declared() -> set[str]:
    """What fkd may import from outside: the modules of the packages that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    packages = {canonicalize_name(Requirement(one).name) for one in requirements}
    modules = {
        module
        for module, owners in metadata.packages_distributions().items()
        if packages & {canonicalize_name(owner) for owner in owners}
    }
    return modules | {package.replace("-", "_") for package in packages}  # of an extra that is not installed here


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_a_file_imports_from_outside_is_declared(name):
    assert not {m.split(".")[0] for m in imports(FILES[name])} - declared() - sys.stdlib_module_names - HIDDEN


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_inside_goes_through_the_front_door(name):
    doors = set(re.findall(r'"(\w+)": "fkd\.', FRONT_DOOR.read_text()))
    assert doors == {"compare", "load", "predict"}
    assert not imports(FILES[name]) & {f"fkd.{door}" for door in doors}


def test_no_file_imports_itself_by_way_of_others():
    list(graphlib.TopologicalSorter({name: ours(path) for name, path in FILES.items()}).static_order())


def test_a_room_is_no_door():
    """Only the front door hands on what lies elsewhere; a room's __init__.py says what the room is for."""
    for path in (ROOT / "fkd").glob("*/__init__.py"):
        assert [type(node) for node in ast.parse(path.read_text()).body] == [ast.Expr], path


@pytest.mark.slow
def test_training_and_evaluation_need_neither_gradio_nor_plotly_nor_a_face_detector():
    modules = "fkd.cli.training, fkd.cli.evaluation, fkd.cli.rankings"
    code = f"import sys, {modules}; print([m for m in ('gradio', 'plotly', 'dlib', 'cv2') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
