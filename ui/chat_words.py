"""What the Chat tab says: names of policies, facts below a column, example prompts. No components."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from tuning.pocket import EXAMPLES
from ui.translations import word

if TYPE_CHECKING:
    from tuning.generate import Partial
    from workbench.comparing import PolicyChoice


def labels(choices: Sequence[PolicyChoice], language: str) -> list[tuple[str, str]]:
    """(label, name) for a dropdown."""
    base = word("chat.base", language)
    return [
        (f"{choice.name} · {base}" if choice.is_base else f"{choice.name} ← {choice.base}", choice.name)
        for choice in choices
    ]


def about(partial: Partial, language: str) -> str:
    """The line below a column: tokens, speed, length, and why it ended."""
    if not partial.n_tokens and not partial.done:
        return word("chat.waiting", language)
    speed = partial.n_tokens / partial.seconds if partial.seconds else 0
    why = word(f"chat.finish.{partial.finish_reason}", language) if partial.done else "…"
    return word("chat.facts", language, tokens=partial.n_tokens, speed=f"{speed:.0f}", words=len(partial.text.split()),
                why=why)  # fmt: skip


@cache
def examples(language: str) -> list[str]:
    """Prompts worth trying on a tuned `pocket`."""
    if not EXAMPLES.is_file():
        return []
    return json.loads(EXAMPLES.read_text(encoding="utf-8")).get(language, [])
