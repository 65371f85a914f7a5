"""The shipped sets of prompts, as the choices of a field."""

from __future__ import annotations

from ui.translations import word

_SETS = ("prompts", "questions", "clinic")


def prompt_sets(language: str) -> list[tuple[str, str]]:
    """The shipped sets of prompts, the reader's language first: what they are called, and their names."""
    other = "es" if language == "en" else "en"
    return [
        (word(f"vote.set.{name}", language) + f" ({each})", f"{name}.{each}")
        for each in (language, other)
        for name in _SETS
    ]
