"""The data that come with the app, as a language's readers are offered them: English where there are no others."""

from __future__ import annotations

from typing import Any

from tuning.pocket.world.facts import LANGUAGES
from tuning.pocket.world.shipped import shipped_language
from ui.translations import word

_PROMPTS = ("prompts", "questions", "clinic")


def prompt_sets(language: str) -> list[tuple[str, str]]:
    """The shipped sets of prompts, the reader's language first: what they are called, and their names."""
    own = shipped_language(language)
    return [
        (word(f"vote.set.{name}", language) + f" ({spoken})", f"{name}.{spoken}")
        for spoken in (own, *(other for other in LANGUAGES if other != own))
        for name in _PROMPTS
    ]


def remark(language: str) -> str:
    """Says that the data are English, where there are none in the reader's language; else empty."""
    return "" if shipped_language(language) == language else word("language.english_data", language)


def info(language: str) -> dict[str, Any]:
    """The same, as what a component is updated with."""
    return {"info": text} if (text := remark(language)) else {}
