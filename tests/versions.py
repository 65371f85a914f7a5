"""The versions within the ranges of requirements.txt: those that were tested last, and the lowest.

    python -m tests.versions installed > constraints.txt    what is installed here for requirements-dev.txt
    python -m tests.versions floors > floors.txt         the lowest version of each range

Both are for `pip install -r … -c FILE`.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import ROOT

# On Linux the lowest torch comes with gigabytes of CUDA; a plain index has no smaller build of it.
WITHOUT_FLOOR = ("torch",)
_HEAD = """\
# The versions that were tested together on {day}, for: pip install -r requirements.txt -c constraints.txt
# Packages that only another system or another Python needs are not listed; pip chooses their versions.
# Made by: python -m tests.versions installed > constraints.txt
"""


def requirements(path: Path = ROOT / "requirements.txt") -> list[Requirement]:
    """The requirements in a file, in its order; a line `-r FILE` stands for those of that file."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += requirements(path.parent / text.removeprefix("-r ").strip())
        elif text:
            found.append(Requirement(text))
    return found


def with_dependencies(wanted: list[Requirement]) -> set[str]:
    """The names (normalised) of the installed packages that `wanted` brings along, its own included."""
    waiting, seen = [(each.name, frozenset(each.extras)) for each in wanted], set()
    while waiting:
        name, extras = waiting.pop()
        if (canonicalize_name(name), extras) in seen:
            continue
        try:
            needed = [Requirement(each) for each in distribution(name).requires or []]
        except PackageNotFoundError:  # for another system
            continue
        seen.add((canonicalize_name(name), extras))
        for each in needed:
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((each.name, frozenset(each.extras)))
    return {name for name, _ in seen}


def installed() -> list[str]:
    """`name==version` of every installed package that requirements-dev.txt brings along.

    Without local suffixes (`+cpu`), which other systems do not have, and without CUDA's packages, which torch pins.
    """
    development = requirements(ROOT / "requirements-dev.txt")
    markers = {canonicalize_name(each.name): each.marker for each in development}
    names = (name for name in with_dependencies(development) if not name.startswith(("nvidia-", "cuda-", "triton")))
    return [_pin(name, Version(version(name)).public, markers.get(name)) for name in sorted(names)]


def floors() -> list[str]:
    """`name==version` of the lowest version of each range in requirements.txt."""
    pins = []
    for each in requirements():
        [lowest] = [part.version for part in each.specifier if part.operator == ">="]
        if each.name not in WITHOUT_FLOOR:
            pins.append(_pin(each.name, lowest, each.marker))
    return pins


def _pin(name: str, exactly: str, marker: object) -> str:
    return f"{name}=={exactly}" + (f"; {marker}" if marker else "")


if __name__ == "__main__":
    if sys.argv[1:] == ["installed"]:
        from datetime import date

        print(_HEAD.format(day=date.today()) + "\n".join(installed()))
    elif sys.argv[1:] == ["floors"]:
        print("\n".join(floors()))
    else:
        sys.exit("python -m tests.versions installed|floors")
