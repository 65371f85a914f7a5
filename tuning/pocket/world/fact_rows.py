"""Facts as instruction rows, and which of them no instruction row may repeat: the held-out questions ask for those."""

from __future__ import annotations

import hashlib
import random

from tuning.pocket.world.documents import KNOWN, wording
from tuning.pocket.world.facts import Fact, Language, fill
from tuning.pocket.world.registers import INSTRUCTED, say_fact

Row = dict[str, object]


def is_asked(fact: Fact) -> bool:
    """Whether `fact` is kept for held-out questions (about half are), the same in both languages."""
    return hashlib.sha256(fact.key.encode()).digest()[0] < 0.46 * 256


TAUGHT = tuple(fact for fact in KNOWN if not is_asked(fact))
ASKED = tuple(fact for fact in KNOWN if is_asked(fact))


def row(task: str, prompt: str, reply: str, **more: object) -> Row:
    return {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}],
        "task": task,
        **more,
    }


def fact_row(fact: Fact, register: str, language: Language, rng: random.Random) -> Row:
    wordings = wording(fact, language)
    prompt = fill(rng.choice(wordings.questions), fact, language)
    reply = say_fact(fact, register, language, rng, wordings.clauses, INSTRUCTED)
    return row("fact", prompt, reply, register=register)
