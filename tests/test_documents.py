"""The documents name what there is: files, modules, links, folders, licences."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import metadata
from pathlib import Path

import pytest

from tests import ROOT
from tests.versions import requirements, with_dependencies

LISTED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
# Without a repository (an archive of the sources): what lies here.
TRACKED = LISTED or [str(each.relative_to(ROOT)) for top in ("*", "[!.]*/**/*") for each in ROOT.glob(top)]
TOPS = {name.partition("/")[0] for name in TRACKED}
PACKAGES = ("common", "tuning", "labeling", "workbench", "ui")
DOCUMENTS = sorted(name for name in TRACKED if name.endswith(".md"))
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
COPYLEFT = re.compile(r"\b(?:L?GPL|MPL|EPL|CDDL)|GNU|Mozilla", re.IGNORECASE)


def words(document: str) -> list[str]:
    """The words of a document that stand in backquotes, one line or many."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [word.strip("`\"'(),;") for code in CODE.findall(text) for word in code.split()]


def paths(document: str) -> list[str]:
    """Those that mean a file, a folder, or `file:name`, of the repository."""
    found = []
    for word in words(document):
        top, slash, _ = word.partition("/")
        if (slash and top in TOPS) or (not slash and re.fullmatch(r"[\w-]+\.(py|md|toml|yml)(:\w+)?", word)):
            found.append(word)
    return found


def modules(document: str) -> list[str]:
    """Those that mean a module, or a name in one: `tuning.runs.queue.Queue`."""
    dotted = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
    return [match[0] for word in words(document) if (match := dotted.match(word)) and "/" not in word]


NOT_OURS = {"gpus.yaml", "mine.py:likes", "__init__.py"}  # made by the reader; in every folder


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_in_backquotes_exists(document):
    missing = []
    for path in paths(document):
        name, _, inside = path.partition(":")
        if path in NOT_OURS or "<" in path or "…" in path:
            continue
        if not (there := list(ROOT.glob(name))):
            missing.append(path)
        elif inside:
            code = there[0].read_text(encoding="utf-8")
            if not re.search(rf"^\s*(?:def |class )?{re.escape(inside)}\b", code, re.MULTILINE):
                missing.append(path)
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_in_backquotes_exists(document):
    missing = []
    for name in modules(document):
        parts = name.split(".")
        if parts[0] == "tuning" and parts[1] in _facade():
            continue
        homes = [Path(*parts[:n]) for n in range(len(parts), 0, -1)]
        home = next(at for at in homes if (ROOT / at).is_dir() or (ROOT / at).with_suffix(".py").is_file())
        rest = parts[len(home.parts) :]
        file = (ROOT / home).with_suffix(".py")
        if rest and not (file.is_file() and re.search(rf"\b{rest[0]}\b", file.read_text(encoding="utf-8"))):
            missing.append(name)
    assert not missing


def _facade() -> list[str]:
    import tuning
    from tuning.config.training_methods import METHODS

    return [*tuning.__all__, *METHODS]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = (ROOT / document).parent / name if name else ROOT / document
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, link


def test_paths_are_found_where_they_are():
    assert len([path for document in DOCUMENTS for path in paths(document)]) > 100
    assert {"labeling/rounds/vote_casting.py", "ui/request.py:preferred"} <= set(paths("CONTRIBUTING.md"))


def test_contributing_names_every_folder_of_code():
    folders = {str(Path(name).parent) for name in TRACKED if name.endswith(".py")} - {"."}
    ours = {folder for folder in folders if folder.partition("/")[0] in PACKAGES}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert not [folder for folder in ours if f"`{folder}/`" not in text]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def stated(package: str) -> str:
    """All that an installed package says of its licence."""
    about = metadata(package)
    kinds = [each for each in about.get_all("Classifier") or [] if each.startswith("License")]
    first = (about.get("License") or "").splitlines()[:1]
    return " | ".join([about.get("License-Expression") or "", *first, *kinds])


def table_of_licences() -> list[tuple[str, str, str]]:
    """(package, licence, remark) for each row of the table."""
    text = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- licences.*?-->\n(.*?)<!-- /licences -->", text, re.DOTALL)
    assert table
    return re.findall(r"^\| ([\w.-]+) \| ([^|]+?) \| ([^|]*?) ?\|$", table[1], re.MULTILINE)[1:]


def licences() -> dict[str, str]:
    return {package: licence for package, licence, _ in table_of_licences()}


def test_the_table_of_licences_lists_every_requirement():
    assert set(licences()) == {each.name for each in requirements()}


def test_the_table_warns_of_every_copyleft_licence_and_of_no_other():
    rows = table_of_licences()
    warned = {package for package, _, remark in rows if "copyleft" in remark}
    assert warned == {package for package, licence, _ in rows if COPYLEFT.search(licence)} != set()


@pytest.mark.parametrize("requirement", requirements(), ids=lambda each: each.name)
def test_a_licence_is_what_the_package_states(requirement):
    if requirement.marker and not requirement.marker.evaluate():
        return  # not installed on this system
    table, said = licences()[requirement.name], stated(requirement.name)
    kinds = {name: re.search(rf"\b{name}", table) is not None for name in ("Apache", "BSD", "MIT", "LGPL")}
    kinds["GPL"] = re.search(r"\bGPL", table) is not None
    spelled = {"LGPL": "LGPL|Lesser", "GPL": r"\bGPL|GNU General Public"}
    assert any(kinds.values())
    for name, listed in kinds.items():
        assert listed == bool(re.search(spelled.get(name, name), said)), f"{name}: {said}"
    assert bool(COPYLEFT.search(table)) == bool(COPYLEFT.search(said)), said


def test_every_copyleft_package_that_is_brought_along_is_named():
    text = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
    unnamed = {
        name
        for name in with_dependencies(requirements())
        if COPYLEFT.search(stated(name)) and name not in licences() and f"`{name}`" not in text
    }
    assert not unnamed
