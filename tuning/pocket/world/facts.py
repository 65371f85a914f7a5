"""What a fact is: one relation between a subject and an object, sayable in English and in Spanish.

Data only: `real.py`, `village.py` and `clinic.py` list facts; `registers.py` gives a clause its manner;
`documents.py` and `corpus.py` put clauses into texts. Knows nothing of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "es")


@dataclass(frozen=True)
class Wording:
    """How one relation is asked and said in one language, with the slots `{s}` (subject) and `{o}` (object)."""

    questions: tuple[str, ...]
    """At least 8 questions that `{o}` answers; only `{s}` occurs. Begin with a capital (or ¿), end with ?."""
    clauses: tuple[str, ...]
    """At least 10 full clauses that say the fact, both slots in each, no initial capital (unless the slot has
    one), no full stop: "the capital of {s} is {o}". A manner is wrapped around them."""


@dataclass(frozen=True)
class Relation:
    name: str
    wording: dict[Language, Wording]


@dataclass(frozen=True)
class Fact:
    """One fact; `s` and `o` are texts as they stand inside a clause ("la vaca", "Francia", "París")."""

    relation: str
    s: dict[Language, str]
    o: dict[Language, str]
    domain: Literal["real", "village", "clinic"]
    accept: dict[Language, tuple[str, ...]] = field(default_factory=dict)
    """What a right answer must contain (any one of them), if it is not simply `o` without its article."""
    withheld: bool = False
    """Never in pretraining: something to retrieve."""

    @property
    def key(self) -> str:
        """Stable name of the fact, the same in both languages."""
        return f"{self.domain}/{self.relation}/{self.s['en']}"

    def answers(self, language: Language) -> tuple[str, ...]:
        return self.accept.get(language) or (bare(self.o[language], language),)


_ARTICLES = {
    "en": re.compile(r"^(the|a|an) ", re.I),
    "es": re.compile(r"^(el|la|los|las|un|una|unos|unas) "),
}


def bare(text: str, language: Language) -> str:
    """`text` without a leading article."""
    return _ARTICLES[language].sub("", text)


def fill(template: str, fact: Fact, language: Language) -> str:
    """`template` with the fact's slots filled; Spanish contractions (de + el, a + el) are made."""
    text = template.format(s=fact.s[language], o=fact.o[language])
    if language == "es":
        text = re.sub(r"\b([Dd])e el\b", r"\1el", text)
        text = re.sub(r"\b([Aa]) el\b", r"\1l", text)
    return text


def sentence(clause: str) -> str:
    """A clause as a sentence: initial capital (after ¿ or ¡ too), final full stop unless it has an end mark."""
    for index, char in enumerate(clause):
        if char.isalnum():
            clause = clause[:index] + char.upper() + clause[index + 1 :]
            break
    return clause if clause[-1] in ".!?…" else clause + "."
