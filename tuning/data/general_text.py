"""Text that a base model already knows: to see what fine-tuning forgets, and to mix in so that it forgets less.

For `pocket` documents of its own world: those of the held-out stream probe, those of the pretraining stream are
rehearsed; and its facts are asked for. For any other model a general text shipped with the app (`general_texts/*.txt`):
odd paragraphs probe, even ones are rehearsed. Knows no model and no run.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import cast

from tuning.data.examples import Row
from tuning.pocket.world.facts import LANGUAGES

PROBES = 24  # texts the probe is measured on
QUESTIONS = 24  # facts asked for
_RIVALS = 3  # false answers beside each right one
_SHIPPED = Path(__file__).parents[1] / "general_texts"


def probe(is_pocket: bool) -> list[Row]:
    """What is measured before and after; none of it is ever rehearsed."""
    if is_pocket:
        return _documents(PROBES // 2, heldout=True)
    return [Row(text=text) for text in _paragraphs()[1::2]][:PROBES]


def facts() -> list[tuple[Row, ...]]:
    """Questions of pocket's world that no instruction row asks: the right answer first, then false ones.

    Row by row the same question in the same words, with another object.
    """
    from tuning.pocket.world.documents import KNOWN
    from tuning.pocket.world.fact_rows import ASKED, fact_row

    questions = []
    for index, language in enumerate(LANGUAGES * (QUESTIONS // 2)):
        fact = ASKED[index * len(ASKED) // QUESTIONS]
        others = {
            other.o[language]: other
            for other in KNOWN
            if (other.relation, other.domain) == (fact.relation, fact.domain) and other.o != fact.o
        }
        rivals = random.Random(index).sample(sorted(others), min(_RIVALS, len(others)))
        stated = [fact, *(replace(fact, o=others[name].o) for name in rivals)]
        rows = [fact_row(each, "plain", language, random.Random(index)) for each in stated]
        questions.append(tuple(Row(messages=tuple(cast("list[dict[str, str]]", row["messages"]))) for row in rows))
    return questions


def rehearsal(is_pocket: bool, n: int) -> list[Row]:
    """`n` texts to mix into the training rows (fewer where there are no more)."""
    if is_pocket:
        return _documents((n + 1) // 2, heldout=False)[:n]
    texts = _paragraphs()[::2]
    return [Row(text=texts[index % len(texts)]) for index in range(min(n, 4 * len(texts)))]


def _documents(n_each: int, heldout: bool) -> list[Row]:
    from tuning.pocket.world.corpus import HELDOUT_SEED, TRAIN_SEED, documents

    seed = HELDOUT_SEED if heldout else TRAIN_SEED
    return [Row(text=text) for language in LANGUAGES for text in islice(documents(language, seed), n_each)]


def _paragraphs() -> list[str]:
    found = []
    for path in sorted(_SHIPPED.glob("*.txt")):
        found += [part.strip() for part in path.read_text(encoding="utf-8").split("\n\n") if part.strip()]
    return found
