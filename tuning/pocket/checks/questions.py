"""Reads the questions of `benchmarks/pocket`: JSON Lines, one file for each kind and language.

They are written by hand, apart from the corpus, and never go into it. A checkout has them; an installed package
does not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from common.errors import NotFound
from tuning.pocket.world.facts import Language

FOLDER = Path(__file__).parents[3] / "benchmarks" / "pocket"


@dataclass(frozen=True)
class Item:
    """One question and how a reply to it is judged; the patterns are described in `patterns.py`."""

    prompt: str
    kind: str
    language: Language
    accept: tuple[str, ...] = ()
    """A right reply matches one of them (none: `rule` and `count` decide alone)."""
    reject: tuple[str, ...] = ()
    """A right reply matches none of them; `@group` stands for a group's members."""
    rule: str = ""
    """What the reply must be besides: `poem`, `story`, `shorter` or `different` (than what stands before it)."""
    count: tuple[str, int] | None = None
    """A group, and how many different members of it a right reply names at least."""
    in_world: bool = True
    acceptable: tuple[str, ...] = ()
    """Verdicts that pass besides `right`: `unknown`, `courtesy`."""
    good: tuple[str, ...] = ()
    """Replies that pass: the tests judge them."""
    before: tuple[str, ...] = ()
    """Earlier turns, a person's first, or the text that the prompt is about: what `shorter` and `different` compare."""


@dataclass(frozen=True)
class Patterns:
    """The shared lists of one language."""

    unknown: tuple[str, ...]
    courtesy: tuple[str, ...]
    groups: dict[str, tuple[str, ...]] = field(hash=False)


def read(name: str, language: Language) -> list[dict[str, Any]]:
    """The rows of `<name>.<language>.jsonl`. Raises: NotFound `data.not_found`."""
    path = FOLDER / f"{name}.{language}.jsonl"
    if not path.is_file():
        raise NotFound("data.not_found", source=str(path), sets="benchmarks/pocket")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def item(row: dict[str, Any], language: Language) -> Item:
    """The item that a row describes."""
    count = row.get("count")
    return Item(
        row["prompt"],
        row["kind"],
        language,
        tuple(row.get("accept", ())),
        tuple(row.get("reject", ())),
        row.get("rule", ""),
        (count[0], count[1]) if count else None,
        row.get("in_world", True),
        tuple(row.get("acceptable", ())),
        tuple(row.get("good", ())),
        tuple(row.get("before", ())),
    )


def items(name: str, language: Language) -> list[Item]:
    """The questions of `<name>.<language>.jsonl`. Raises: as `read`."""
    return [item(row, language) for row in read(name, language)]


@lru_cache(maxsize=4)
def patterns(language: Language) -> Patterns:
    """The shared patterns of `language`."""
    lists = json.loads((FOLDER / "patterns.json").read_text(encoding="utf-8"))[language]
    groups = {name: tuple(group) for name, group in lists["groups"].items()}
    return Patterns(tuple(lists["unknown"]), tuple(lists["courtesy"]), groups)
