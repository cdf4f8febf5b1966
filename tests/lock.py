"""Writes requirements.lock from what is installed; `make lock` runs this in an environment made for it."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CUDA = re.compile("cuda-|nvidia-|triton$")
PYTHONS = ("3.11", "3.12", "3.13")  # that the tests run on
HEAD = """\
# Every package that requirements.txt brings in, at one version: `make` and a Space install these; `make lock` writes
# the file. The CUDA packages are left out: on Linux PyTorch's own requirements choose them, elsewhere there are none.
"""


def read_requirements(path: Path) -> dict[str, Requirement]:
    """The requirements of a file, by name."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return {canonicalize_name(one.name): one for one in map(Requirement, filter(None, lines))}


def needs(package: Distribution, extras: set[str], python: str) -> list[Requirement]:
    """A package's requirements with these extras on this machine and a Python, without the CUDA packages."""
    found = map(Requirement, package.requires or [])
    environments = [{"extra": extra, "python_version": python} for extra in extras or {""}]
    return [
        one
        for one in found
        if not CUDA.match(one.name) and (not one.marker or any(map(one.marker.evaluate, environments)))
    ]


def closure(requirements: dict[str, Requirement], python: str) -> dict[str, Distribution | None]:
    """The packages that these requirements bring in on a Python, by name; None for one that is not installed here."""
    found, seen, todo = {}, set(), list(requirements.values())
    while todo:
        one = todo.pop()
        name, asked = canonicalize_name(one.name), (one.name, frozenset(one.extras))
        if asked not in seen:
            seen.add(asked)
            try:
                found[name] = distribution(one.name)
                todo += needs(found[name], one.extras, python)
            except PackageNotFoundError:
                found[name] = None
    return found


if __name__ == "__main__":
    required, before = read_requirements(ROOT / "requirements.txt"), read_requirements(ROOT / "requirements.lock")
    packages = {name: package for python in PYTHONS for name, package in closure(required, python).items()}
    markers = {name: f"; {one.marker}" for name, one in before.items() if one.marker}
    # Packages that only another Python needs cannot be installed here, and keep their lines.
    lines = [
        f"{name}=={here.version}{markers.get(name, '')}\n" if here else f"{before[name]}\n"
        for name, here in sorted(packages.items())
    ]
    (ROOT / "requirements.lock").write_text(HEAD + "".join(lines))
