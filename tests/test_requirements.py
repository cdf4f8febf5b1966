"""requirements.txt, pyproject.toml and requirements.lock agree."""

import tomllib

import pytest
from lock import CUDA, ROOT, closure, needs, read_requirements
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
REQUIRED = read_requirements(ROOT / "requirements.txt")
LOCKED = {
    name: next(iter(one.specifier)).version for name, one in read_requirements(ROOT / "requirements.lock").items()
}


@pytest.mark.parametrize("requirement", [*map(Requirement, DECLARED), *REQUIRED.values()], ids=str)
def test_every_requirement_is_bounded_on_both_sides(requirement):
    operators = {one.operator for one in requirement.specifier}
    assert operators == {"=="} or operators == {">=", "<"}


def test_a_package_has_the_same_bounds_wherever_it_is_named():
    declared = [*map(Requirement, DECLARED), *REQUIRED.values()]
    bounds = {canonicalize_name(one.name): one.specifier for one in declared}
    assert all(one.specifier == bounds[canonicalize_name(one.name)] for one in declared)


def test_requirements_txt_is_what_fkd_with_its_app_needs():
    extras = PROJECT["optional-dependencies"]
    needed = map(Requirement, [*PROJECT["dependencies"], *extras["app"]])
    assert {canonicalize_name(one.name) for one in needed} == REQUIRED.keys()


def test_the_lock_meets_every_requirement():
    assert all(one.specifier.contains(LOCKED[name]) for name, one in REQUIRED.items())
    for one in map(Requirement, DECLARED):  # a tool that the app does not need may have what it needs locked
        version = LOCKED.get(canonicalize_name(one.name))
        assert version is None or one.specifier.contains(version), one


def test_the_lock_holds_all_that_the_app_brings_in_and_nothing_else():
    packages = closure(REQUIRED)
    assert set(packages) == set(LOCKED), "run `make lock`"
    assert not [name for name in LOCKED if CUDA.match(name)]
    for name, package in packages.items():
        if package.version == LOCKED[name]:  # else its requirements may be others
            for one in needs(package, set()):
                assert one.specifier.contains(LOCKED[canonicalize_name(one.name)]), f"{name} requires {one}"
