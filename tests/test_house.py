"""Who may import whom, from the order of the layers alone, and which outside library lives where."""

import ast
import graphlib
import itertools
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
# A layer imports only from layers before it, and from itself. "base" is the files of fkd/ itself.
LAYERS = ["base", "data", "learn", "photo", "clip", "board", "hub", "page", "cli", "app"]
# Library -> the rooms or files that may import it.
PLACES = {
    "av": ["clip.video"],
    "dlib": ["photo.detectors.landmarks"],
    "fastapi": ["page"],
    "filelock": ["learn", "page"],
    "gradio": ["page", "app"],
    "huggingface_hub": ["hub"],
    "onnx": ["photo"],
    "openvino": ["photo.runtime"],
    "pandas": ["data", "learn", "photo", "clip", "board", "cli", "page"],  # where tables are read or shown
    "pillow_heif": ["photo.reading"],
    "plotly": ["page.plots"],
    "pyarrow": ["clip"],
    "timm": ["learn"],
    "typer": ["cli"],
    "yaml": ["hub"],
}
UNDECLARED = {"fkd", "google", "gradio_client", "dlib", "pydantic_core"}  # ours, and parts of declared libraries
FILES = [path for path in [*(ROOT / "fkd").rglob("*.py"), ROOT / "app.py"] if path != ROOT / "fkd" / "__init__.py"]


def name_of(path: Path) -> str:
    """The module's name within fkd: hub.card, page, app."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("fkd.").removesuffix(".__init__")


def layer_of(name: str) -> int:
    """The number of a module's layer; a room that is not in LAYERS fails."""
    first = name.split(".")[0].replace("__main__", "cli")
    return LAYERS.index(first if first == "app" or (ROOT / "fkd" / first).is_dir() else "base")


def imports(path: Path) -> set[str]:
    """Every module and name that a file imports, with their full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


IMPORTS = {name_of(path): imports(path) for path in FILES}
OUTSIDE = {name: {module.split(".")[0] for module in found} for name, found in IMPORTS.items()}


def test_a_layer_imports_only_from_layers_before_it():
    ours = {name: {other for other in IMPORTS if f"fkd.{other}" in found} for name, found in IMPORTS.items()}
    wrong = [(name, other) for name, others in ours.items() for other in others if layer_of(other) > layer_of(name)]
    assert not wrong
    assert not [name for name, found in IMPORTS.items() if "fkd" in found], "imports the front door"
    list(graphlib.TopologicalSorter(ours).static_order())  # raises CycleError
    for path in (ROOT / "fkd").glob("*/__init__.py"):
        assert [type(node) for node in ast.parse(path.read_text()).body] == [ast.Expr], f"{path} is not a docstring"


def test_an_outside_library_lives_in_its_room():
    for name, libraries in OUTSIDE.items():
        for library in libraries & PLACES.keys():
            allowed = any(f"{name}.".startswith(f"{place}.") for place in PLACES[library])
            assert allowed, f"{name} imports {library}, which belongs in {PLACES[library]}"


def test_every_outside_import_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    packages = {canonicalize_name(Requirement(each).name) for each in requirements}
    owners = metadata.packages_distributions().items()
    modules = {module for module, names in owners if packages & set(map(canonicalize_name, names))}
    declared = modules | {package.replace("-", "_") for package in packages}  # of extras that are not installed here
    for name, libraries in OUTSIDE.items():
        assert not libraries - declared - sys.stdlib_module_names - UNDECLARED, name


def test_the_picture_in_the_docs_is_of_these_layers():
    picture = (ROOT / "docs" / "design.md").read_text().partition("```mermaid")[2].partition("```")[0]
    assert re.findall(r"(\w+)(?:\[.*?\])?(?= -->|$)", picture.strip().splitlines()[-1]) == LAYERS
