"""What the embedded world answers to its own questions: a lookup by the question's words."""

from __future__ import annotations

from functools import cache

from common.split import prompt_key
from tuning.pocket.world.documents import FACTS, wording
from tuning.pocket.world.facts import LANGUAGES, fill


def answers(question: str) -> tuple[str, ...]:
    """The texts of which a right reply names one; empty for a question that is none of this world's."""
    return _table().get(prompt_key(question), ())


@cache
def _table() -> dict[str, tuple[str, ...]]:
    return {
        prompt_key(fill(question, fact, language)): fact.answers(language)
        for fact in FACTS
        for language in LANGUAGES
        for question in wording(fact, language).questions
    }
