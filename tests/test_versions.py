"""constraints.txt holds one tested version for each package, within its range; floors are what ranges begin with."""

from __future__ import annotations

import os

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import ROOT
from tests.versions import WITHOUT_FLOOR, floors, installed, requirements

DEVELOPMENT = requirements(ROOT / "requirements-dev.txt")
CONSTRAINTS = {canonicalize_name(each.name): each for each in requirements(ROOT / "constraints.txt")}


def pinned(pin: Requirement) -> Version:
    [part] = pin.specifier
    assert part.operator == "=="
    return Version(part.version)


@pytest.mark.parametrize("requirement", DEVELOPMENT, ids=lambda each: each.name)
def test_a_requirement_has_a_constraint_within_its_range(requirement):
    constraint = CONSTRAINTS[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pinned(constraint))
    marker = next((each.marker for each in DEVELOPMENT if each.name == requirement.name and each.marker), None)
    assert str(constraint.marker) == str(marker)


def test_every_constraint_is_one_version_that_all_systems_can_have():
    assert len(CONSTRAINTS) > 100
    for name, constraint in CONSTRAINTS.items():
        assert pinned(constraint).local is None, name
        assert not name.startswith(("nvidia-", "cuda-", "triton")), name


def test_ci_has_installed_the_constraints_and_nothing_that_they_lack():
    if not os.environ.get("AFINA_TESTS_COMPLETE"):
        pytest.skip("for CI; elsewhere other versions may be installed")
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert installed() == [line for line in lines if not line.startswith("#")]


def test_floors_are_the_lowest_versions_of_the_ranges():
    lowest = {pin.name: pinned(pin) for pin in map(Requirement, floors())}
    ranges = {each.name: each.specifier for each in requirements()}
    assert set(lowest) == set(ranges) - set(WITHOUT_FLOOR)
    for name, floor in lowest.items():
        assert ranges[name].contains(floor), name
        assert all(Version(part.version) >= floor for part in ranges[name]), name
