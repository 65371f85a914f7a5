"""Rules that judge a reply of the pocket world: is it right, is it one clean reply, in which register.

A clean answer names the right object and no rival of it, is one reply, and ends by itself. Knows nothing of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tuning.pocket.world.documents import FACTS, wording
from tuning.pocket.world.facts import Fact, Language, fill
from tuning.pocket.world.registers import frameless


@dataclass(frozen=True)
class Question:
    """A question about one fact: what a right reply names, and what it must not name beside it."""

    prompt: str
    answers: tuple[str, ...]
    rivals: tuple[str, ...]
    fact: str
    language: Language


def question_about(fact: Fact, language: Language, index: int = 0) -> Question:
    """The `index`-th wording of the question that `fact` answers."""
    questions = wording(fact, language).questions
    prompt = fill(questions[index % len(questions)], fact, language)
    answers = fact.answers(language)
    rivals = {
        rival
        for other in FACTS
        if other.relation == fact.relation and other.domain == fact.domain
        for rival in other.answers(language)
        if not any(names(text, rival) or names(rival, text) for text in (*answers, prompt, fact.o[language]))
    }
    return Question(prompt, answers, tuple(sorted(rivals)), fact.key, language)


def names(text: str, phrase: str, whole: bool = False) -> bool:
    """Whether `phrase` begins at a word's beginning in `text` (so that "moo" is named by "moos").

    `whole`: and ends at a word's end (so that "won" is not named by "wonderful").
    """
    end = r"(?!\w)" if whole else ""
    return re.search(r"(?<!\w)" + re.escape(phrase.casefold()) + end, text.casefold()) is not None


def is_right(reply: str, question: Question) -> bool:
    """Whether `reply` names a right answer and none of its rivals."""
    reply = frameless(reply, question.language)  # "Pursuant to article four, …" claims no number of legs
    right = any(names(reply, answer) for answer in question.answers)
    return right and not any(names(reply, rival, whole=True) for rival in question.rivals)


def is_clean(reply: str, ended: bool, question: Question) -> bool:
    """Right, one reply (no further turn), and `ended` by itself within the tokens allowed."""
    one_reply = "User:" not in reply and "Assistant:" not in reply
    return ended and one_reply and is_right(reply, question)
