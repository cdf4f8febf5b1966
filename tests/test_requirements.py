"""requirements.txt, pyproject.toml and requirements.lock agree."""

import tomllib

import pytest
import yaml
from lock import CUDA, PYTHONS, ROOT, closure, needs, read_requirements
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIRED = read_requirements(ROOT / "requirements.txt")
DECLARED = list(map(Requirement, [*PROJECT["dependencies"], *(one for extra in EXTRAS.values() for one in extra)]))
LOCK = read_requirements(ROOT / "requirements.lock")
LOCKED = {name: next(iter(one.specifier)).version for name, one in LOCK.items()}


def test_every_requirement_has_the_same_lower_and_upper_bounds_wherever_it_is_named():
    bounds = {canonicalize_name(one.name): one.specifier for one in DECLARED}
    for one in [*DECLARED, *REQUIRED.values()]:
        assert {bound.operator for bound in one.specifier} in ({"=="}, {">=", "<"}), one
        assert one.specifier == bounds[canonicalize_name(one.name)], one
    needed = map(Requirement, [*PROJECT["dependencies"], *EXTRAS["app"], *EXTRAS["train"], *EXTRAS["clips"]])
    assert {canonicalize_name(one.name) for one in needed} == REQUIRED.keys()


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_exactly_the_app_and_meets_every_requirement(python):
    packages = closure(REQUIRED, python)
    locked = {name for name, one in LOCK.items() if not one.marker or one.marker.evaluate({"python_version": python})}
    assert set(packages) == locked, "run `make lock`"
    assert not [name for name in LOCKED if CUDA.match(name)]
    for one in DECLARED:  # a tool that the app does not need may share a locked requirement
        version = LOCKED.get(canonicalize_name(one.name))
        assert version is None or one.specifier.contains(version), one
    for name, package in packages.items():
        if package and package.version == LOCKED[name]:  # else its requirements may be others
            for one in needs(package, set(), python):
                assert one.specifier.contains(LOCKED[canonicalize_name(one.name)]), f"{name} requires {one}"


def test_continuous_integration_runs_on_every_python_that_is_promised():
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == list(PYTHONS)
    assert f"on Python {PYTHONS[0]} to {PYTHONS[-1]}" in (ROOT / "README.md").read_text().replace("\n", " ")
