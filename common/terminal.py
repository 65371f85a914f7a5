"""What the command lines share: one clear line for a wrong use or an error, results as text or JSON.

Does not depend on any command.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from common.errors import AfinaError
from common.languages import ENGLISH, of_tag
from common.unavailable import worded


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def language() -> str:
    """The terminal's, from its locale."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in names if (value := os.environ.get(name))), "")
    return of_tag(locale) or ENGLISH


def run_command(command: Callable[[], tuple[Any, Sequence[str]]], as_json: bool) -> int:
    """Prints what `command` gives, as lines or as one JSON object; the exit status: 2 with one line for an error."""
    try:
        with worded(logged=False):
            result, lines = command()
            text = json.dumps(result, ensure_ascii=False) if as_json else "\n".join(lines)
    except AfinaError as error:
        print(" ".join(error.words(language()).split()), file=sys.stderr)
        return 2
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `| head` has read enough; nothing is left to flush at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
