"""What README and CONTRIBUTING tell people to type is what the command lines take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from labeling import cli as labeling
from tuning import cli as tuning
from workbench import judge

ROOT = Path(__file__).parents[1]
PARSERS = {"tuning": tuning.parser, "labeling": labeling.parser, "workbench.judge": judge.parser}
COMMAND = re.compile(r"python -m (tuning|labeling|workbench\.judge)((?: [^`\n]*)?)")


def commands() -> list[tuple[str, str]]:
    found = []
    for name in ("README.md", "CONTRIBUTING.md"):
        for match in COMMAND.finditer((ROOT / name).read_text(encoding="utf-8")):
            words = match[2].split(" #")[0].strip()
            if words and "…" not in words and "|" not in words:
                found.append((match[1], words))
    return found


@pytest.mark.parametrize(("program", "words"), commands())
def test_a_documented_command_is_understood(program, words):
    PARSERS[program]().parse_args(shlex.split(words))


def test_enough_of_them_are_found():
    assert len(commands()) > 20
