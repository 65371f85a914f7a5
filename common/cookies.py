"""The cookies of a request, from its `Cookie` header."""

from __future__ import annotations


def parsed(header: str) -> dict[str, str]:
    """Name -> value, of each `name=value` in the header; of two with one name the last counts.

    By hand: `http.cookies` drops all cookies after the first that it cannot read, whoever set that one.
    """
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip().strip('"') for name, sign, value in pairs if sign}
