"""Bounds on JSON that are checked before it is parsed: how deep it is nested, how many objects and lists it makes.

Parsing small objects costs about a hundred times their bytes in memory and stops everything else meanwhile. Linear
in the size of the text, by two passes of C code. Does not depend on what the JSON means.
"""

from __future__ import annotations

import re

from common.errors import AfinaError

MOST_DEPTH = 32
MOST_CONTAINERS = 6_000  # objects and lists; four columns of a hundred turns have about 3,500
MOST_COMMAS = 40_000
MOST_QUOTES = 60_000
MOST_DIGITS = 400  # of one number; Python refuses to read integers of more than 4,300

# A text, or what is left of one that never ends: it always matches, so no position is tried twice.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+"?', re.DOTALL)
_DIGITS = re.compile(rb"[0-9]{%d}" % (MOST_DIGITS + 1))
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


def require_bounds(body: bytes) -> None:
    """Raises: AfinaError `limit.json`, `limit.json_depth`, `limit.json_digits`, with how much and the limit."""
    if (quotes := body.count(b'"')) > MOST_QUOTES:
        raise AfinaError("limit.json", n=quotes // 2, most=MOST_QUOTES // 2)
    bare = _TEXT.sub(b'""', body)
    if _DIGITS.search(bare):
        raise AfinaError("limit.json_digits", most=MOST_DIGITS)
    containers = bare.count(b"{") + bare.count(b"[")
    if containers > MOST_CONTAINERS:
        raise AfinaError("limit.json", n=containers, most=MOST_CONTAINERS)
    if (commas := bare.count(b",")) > MOST_COMMAS:
        raise AfinaError("limit.json", n=commas, most=MOST_COMMAS)
    if (depth := _depth(bare)) > MOST_DEPTH:
        raise AfinaError("limit.json_depth", n=depth, most=MOST_DEPTH)


def _depth(bare: bytes) -> int:
    deepest = depth = 0
    for bracket in bare.translate(None, _NO_BRACKETS):
        if bracket in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest
