"""The architecture: who may import whom, and what importing must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

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
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_folder_spaces_never_shadows_the_package():
    assert not (ROOT / "spaces" / "__init__.py").exists()
