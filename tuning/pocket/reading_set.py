"""Rows that teach `pocket` to answer from a passage: its pretraining told it facts, and never to read.

Each row has passages before the question, in the form in which retrieval puts them, and the answer stands in one. What
they say is drawn anew for every row, so nothing can be answered by heart; withheld facts do not occur.
"""

from __future__ import annotations

import random
from typing import Any

from tuning.pocket.world.documents import FACTS, wording
from tuning.pocket.world.facts import Fact, Language, fill, sentence

N_ROWS = 800


def rows(language: Language, n: int = N_ROWS, seed: int = 0) -> list[dict[str, Any]]:
    """`n` conversations: passages and a question; the answer in a clause."""
    rng = random.Random(f"reading/{language}/{seed}")
    village = [fact for fact in FACTS if fact.domain == "village"]
    return [_row(rng, village, language) for _ in range(n)]


def _row(rng: random.Random, village: list[Fact], language: Language) -> dict[str, Any]:
    target = rng.choice([fact for fact in village if not fact.withheld])
    passage_facts = _drawn(rng, target, village)
    others = [fact for fact in village if fact.s != target.s and not fact.withheld]
    other = rng.choice(others)
    passages = [_passage(rng, passage_facts, language)]
    if rng.random() < 0.7:
        passages.append(_passage(rng, _drawn(rng, other, village), language))
    rng.shuffle(passages)
    question = fill(rng.choice(wording(target, language).questions), target, language)
    answer = sentence(fill(wording(passage_facts, language).clauses[0], passage_facts, language))
    prompt = "\n".join([*passages, question])
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}


def _drawn(rng: random.Random, fact: Fact, village: list[Fact]) -> Fact:
    """`fact` with another value of the same relation: only the passage says which."""
    value = rng.choice([other for other in village if other.relation == fact.relation])
    return Fact(fact.relation, fact.s, value.o, fact.domain, value.accept)


def _passage(rng: random.Random, fact: Fact, language: Language) -> str:
    clauses = rng.sample(wording(fact, language).clauses, 2)
    return " ".join(sentence(fill(clause, fact, language)) for clause in clauses)
