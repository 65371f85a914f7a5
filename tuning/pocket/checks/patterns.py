"""Patterns over replies: folded text, groups of rivals, "I do not know", courtesies.

Every pattern is a regular expression on folded text (lower case, without accents) that begins and ends at a word's
border. `benchmarks/pocket/patterns.json` holds the shared lists. Knows nothing of models.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "\u00a0": " "})
_ACCENTS = re.compile("[\u0300-\u036f]")
GROUP = "@"
"""`@capitals` among rejected patterns: any member of that group, but for those that are accepted or asked about."""


def fold(text: str) -> str:
    """`text` in lower case, without accents (ñ becomes n), with plain quotation marks."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_QUOTES).casefold())
    return _ACCENTS.sub("", decomposed)


def plain(text: str) -> str:
    """Folded `text` without punctuation, its words parted by single spaces: what counts as the same prompt."""
    return " ".join(re.findall(r"\w+", fold(text).replace("'", "")))


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """`pattern` between word borders. Raises: re.error."""
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.DOTALL)


def matches(patterns: Iterable[str], folded: str) -> bool:
    """Whether one of `patterns` occurs in text that is folded already."""
    return any(compiled(pattern).search(folded) for pattern in patterns)


def members(patterns: Iterable[str], folded: str) -> list[str]:
    """The different texts in which `patterns` occur."""
    found = [match.group() for pattern in patterns for match in compiled(pattern).finditer(folded)]
    return list(dict.fromkeys(found))
