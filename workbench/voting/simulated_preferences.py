"""What simulated annotators like: a function `(prompt, completion) -> float`, the higher the better.

Built in by name: `shorter`, `longer`, each manner of speaking of the pocket world, `keyword:WORD`. On the command line
also `file.py:function`, which is run; so nothing that comes from the web may name one. Knows no round.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from labeling.rounds.simulated_annotators import Preference

LENGTHS = ("shorter", "longer")
MANNERS = {
    "polite": "formal",
    "excited": "effusive",
    "curt": "curt",
    "pirate": "pirate",
    "hedging": "hedging",
}
NAMES = (*LENGTHS, *MANNERS)
KEYWORD = "keyword:"


def named(preference: str, language: str) -> Preference:
    """A built-in preference; lengths as the logarithm of their characters: people see ratios (Weber's law).

    Raises: AfinaError `rehearse.preference`, `rehearse.keyword`.
    """
    if preference in LENGTHS:
        sign = 1 if preference == "longer" else -1
        return lambda prompt, completion: sign * math.log(max(1, len(completion)))
    if preference.startswith(KEYWORD):
        word = preference.removeprefix(KEYWORD).strip().casefold()
        if not word:
            raise AfinaError("rehearse.keyword", value=preference)
        return lambda prompt, completion: float(word in completion.casefold())
    if preference not in MANNERS:
        raise AfinaError("rehearse.preference", value=preference, known=", ".join([*NAMES, f"{KEYWORD}WORD"]))
    from tuning.pocket.world.registers import detect
    from tuning.pocket.world.shipped import shipped_language

    manner, spoken = MANNERS[preference], shipped_language(language)
    return lambda prompt, completion: float(detect(completion, spoken) == manner)


def from_command_line(preference: str, language: str) -> Preference:
    """The same, and `file.py:function`: the file is run. Raises: AfinaError also `rehearse.function`."""
    path, colon, name = preference.rpartition(":")
    if not colon or not path.endswith(".py"):
        return named(preference, language)
    found = _function(Path(path), name, preference)

    def likes(prompt: str, completion: str) -> float:
        try:
            return float(found(prompt, completion))
        except Exception as problem:
            raise _broken(preference, problem) from problem

    return likes


def _function(path: Path, name: str, preference: str) -> Any:
    try:
        called = f"preference_{path.stem}"  # never a library's name
        spec = importlib.util.spec_from_file_location(called, path)
        if spec is None or spec.loader is None:
            raise ImportError(path)
        module = sys.modules[called] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, name)
    except Exception as problem:
        raise _broken(preference, problem) from problem


def _broken(preference: str, problem: Exception) -> AfinaError:
    return AfinaError("rehearse.function", value=preference, reason=f"{type(problem).__name__}: {problem}")
