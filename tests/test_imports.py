"""The architecture: who may import whom, how large rooms may be, and what importing must not load."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT, structure

MAY_IMPORT = {
    "app": {"ui", "workbench", "tuning", "labeling", "common"},
    "ui": {"workbench", "tuning", "labeling", "common"},
    "workbench": {"tuning", "labeling", "common"},
    "tuning": {"common"},
    "labeling": {"common"},
    "common": set(),
}
ONLY_IN = {
    "gradio": {"ui", "app"},
    "torch": {"tuning"},
    "transformers": {"tuning"},
    "peft": {"tuning"},
    "trl": {"tuning"},
    "sqlalchemy": {"labeling"},
}
# The rooms of each package from bottom to top: a room imports only rooms to its left, and none of its own package else.
ROOMS = {
    "tuning": "pocket.world data models config runs inference methods classification rewards executors api "
    "pocket.checks pocket evaluation experiments cli",
    "labeling": "schema migrations.versions migrations statistics storage admission rounds exchange backup cli",
    "workbench": "actors keyring server_paths rate_limits access background voting chat alignment training services "
    "before_class rehearse judge",
    "ui": "request translations language_switch static_files forms components edge phone server before_class_panel "
    "vote align chat laboratory train runs theme page",
}
MOST_MODULES, MOST_FLOORS = 17, 14
MOST_RIDDLES = 17  # names in texts and in the answers that other programs read
HEAVY = ("torch", "transformers", "trl", "peft", "datasets")


def files() -> list[Path]:
    packages = [path for room in MAY_IMPORT if room != "app" for path in sorted((ROOT / room).rglob("*.py"))]
    return [ROOT / "app.py", *packages]


def imported(path: Path) -> set[str]:
    """Top-level names of every import in the file, wherever it stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    names = imported(path)
    wrong = (names & MAY_IMPORT.keys()) - MAY_IMPORT[room] - {room}
    assert not wrong, f"{room} must not import {wrong}"
    for library, rooms in ONLY_IN.items():
        assert library not in names or room in rooms, f"{library} belongs to {rooms}, not to {room}"
    if room == "common":
        assert names <= set(sys.stdlib_module_names) | {"common"}


@pytest.mark.parametrize("module", ["tuning", "workbench.services", "labeling", "common.settings", "app"])
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_app_makes_no_file(tmp_path):
    code = "import app, os; print(os.listdir(os.environ['AFINA_HOME']))"
    env = {"AFINA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_folder_spaces_never_shadows_the_package():
    assert not (ROOT / "spaces" / "__init__.py").exists()


def _height(module: str) -> tuple[str, int]:
    """The package, and the place of the module's room in it."""
    package, _, room = structure.room(module).partition(".")
    rooms = ROOMS[package].split()
    return package, rooms.index(room) if room in rooms else len(rooms)  # `__init__` and `__main__` stand above all


def test_every_room_has_its_place():
    found = {structure.room(name) for name in structure.sources(ROOT) if name.count(".")}
    rooms = {f"{package}.{room}" for package, names in ROOMS.items() for room in names.split()}
    mains = {f"{package}.__main__" for package in ROOMS}
    assert {name for name in found if not name.startswith("common.")} - mains == rooms


def test_rooms_import_only_rooms_below():
    wrong = []
    for edge in structure.edges(ROOT):
        if edge.importer.partition(".")[0] not in ROOMS or edge.imported.partition(".")[0] not in ROOMS:
            continue
        (package, height), (other, lower) = _height(edge.importer), _height(edge.imported)
        if package == other and lower > height:
            wrong.append(f"{edge.importer} -> {edge.imported}")
    assert not wrong


def test_other_rooms_import_only_what_a_room_names_in_all():
    """`__all__` of a room's `__init__.py` holds its public modules; an `__init__.py` imports nothing."""
    wrong = []
    for edge in structure.edges(ROOT):
        room, _, name = edge.imported.rpartition(".")
        if "." in room and room != structure.room(edge.importer) and name not in _public(room):
            wrong.append(f"{edge.importer} -> {edge.imported}")
    assert not wrong


def _public(room: str) -> set[str]:
    tree = ast.parse((ROOT / room.replace(".", "/") / "__init__.py").read_text(encoding="utf-8"))
    lists = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    if room != "labeling.migrations":
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree)), room
    return {element.value for found in lists if isinstance(found, ast.List) for element in found.elts}


def test_the_house_is_no_higher_and_no_fuller_than_it_may_be(capsys):
    found = structure.figures(ROOT)
    with capsys.disabled():
        print("\n" + json.dumps(found))
    assert not any(found["circles"].values()) and not found["circles_of_rooms"]
    assert sum(found["riddles"].values()) <= MOST_RIDDLES, found["riddles"]
    assert found["floors"] <= MOST_FLOORS and found["largest_folder"][1] <= MOST_MODULES
