"""The figures of the house: `python tests/structure.py [ROOT]` prints them; tests/test_imports.py holds their limits.

Reads source files only and imports nothing of the project.
"""

from __future__ import annotations

import ast
import io
import json
import statistics
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("common", "tuning", "labeling", "workbench", "ui")
RIDDLES = ("told", "tongue", "given", "asked", "made", "wanted")
"""Identifiers that say nothing of the thing that they hold."""


@dataclass(frozen=True)
class Edge:
    """One import: `kind` is `top`, `function` or `types`."""

    importer: str
    imported: str
    kind: str


def sources(root: Path) -> dict[str, Path]:
    """Every module of the packages by its dotted name; a package stands for its `__init__.py`."""
    found = {"app": root / "app.py"}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def edges(root: Path) -> set[Edge]:
    """All imports between modules of the packages. A package without imports of its own is no end of an edge."""
    modules = sources(root)
    return {
        Edge(name, target, kind)
        for name, path in modules.items()
        for target, kind in _imports(ast.parse(path.read_text(encoding="utf-8")), modules)
        if target != name
    }


def _imports(tree: ast.Module, modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    def walk(node: ast.AST, kind: str) -> Iterator[tuple[ast.AST, str]]:
        for child in ast.iter_child_nodes(node):
            inner = kind
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inner = "function"
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inner = "types"
            yield child, inner
            yield from walk(child, inner)

    for node, kind in walk(tree, "top"):
        if isinstance(node, ast.Import):
            yield from ((alias.name, kind) for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                target = full if full in modules else node.module
                if target in modules:
                    yield target, kind


def circles(links: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Groups of nodes that reach each other (strongly connected components of two or more; Tarjan 1972)."""
    graph: dict[str, list[str]] = defaultdict(list)
    for start, end in links:
        graph[start].append(end)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, []):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = []
            while True:
                group.append(stack.pop())
                if group[-1] == node:
                    break
            if len(group) > 1:
                found.append(sorted(group))

    for node in list(graph):
        if node not in index:
            visit(node)
    return sorted(found)


def room(module: str) -> str:
    """The folder that a module lies in: `tuning.runs` of `tuning.runs.queue`. One directly in a package is its own."""
    parts = module.split(".")
    return module if len(parts) < 3 else ".".join(parts[:-1])


def floors(links: Iterable[tuple[str, str]]) -> int:
    """The longest chain of modules that import each other at their top; circles count as one floor."""
    graph: dict[str, set[str]] = defaultdict(set)
    links = list(links)
    group = {node: str(each) for each in circles(links) for node in each}
    for start, end in links:
        first, second = group.get(start, start), group.get(end, end)
        if first != second:
            graph[first].add(second)
    height: dict[str, int] = {}

    def up(node: str) -> int:
        if node not in height:
            height[node] = 1 + max((up(other) for other in graph[node]), default=0)
        return height[node]

    return max((up(node) for node in list(graph)), default=0)


def folders(root: Path) -> Counter[str]:
    """Modules of each folder of code, `__init__.py` not counted."""
    return Counter(
        str(path.parent.relative_to(root)) for name, path in sources(root).items() if path.name != "__init__.py"
    )


def _functions(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def riddles(root: Path) -> Counter[str]:
    """Uses of names that say nothing, as identifiers; words in strings and comments do not count."""
    found: Counter[str] = Counter()
    for path in sources(root).values():
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
            if token.type == tokenize.NAME and token.string in RIDDLES:
                found[token.string] += 1
    return found


def _lines(folder: Path) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py"))


def figures(root: Path) -> dict[str, object]:
    """Everything that the script prints."""
    every = edges(root)
    kinds = {"top": ("top",), "functions": ("top", "function"), "types": ("top", "function", "types")}
    pairs = {name: {(e.importer, e.imported) for e in every if e.kind in held} for name, held in kinds.items()}
    rooms = {(room(a), room(b)) for a, b in pairs["types"] if room(a) != room(b)}
    texts = {name: path.read_text(encoding="utf-8") for name, path in sources(root).items()}
    lengths = sorted(length for text in texts.values() for length in _functions(ast.parse(text)))
    files = sorted((len(text.splitlines()), name) for name, text in texts.items() if text.count("\n") > 1)
    return {
        "largest_folder": folders(root).most_common(1)[0],
        "floors": floors(pairs["top"]),
        "circles": {name: circles(links) for name, links in pairs.items()},
        "circles_of_rooms": circles(rooms),
        "function_lines": {
            "median": statistics.median(lengths),
            "p90": lengths[len(lengths) * 9 // 10],
            "longest": lengths[-1],
        },
        "file_lines": {"median": statistics.median(n for n, _ in files), "longest": files[-1]},
        "riddles": riddles(root),
        "lines": {
            "code": sum(_lines(root / package) for package in PACKAGES)
            + len((root / "app.py").read_text().splitlines()),
            "tests": _lines(root / "tests"),
            "benchmarks": _lines(root / "benchmarks"),
        },
    }


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1]), indent=2))
