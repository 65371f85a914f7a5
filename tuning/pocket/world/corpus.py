"""The pretraining corpus of `pocket`: an endless, seeded stream of documents of its small world.

`documents(language, seed)` yields texts; the same seed always yields the same texts. The held-out stream has
seeds of its own, and a document that both streams hold is dropped from the held-out one by `heldout_documents`.
A third stream is for the end of pretraining: the same world with more talk in it, and more bare answers in the talk.
Knows nothing of tokens or models.

Run `python -m tuning.pocket.world.corpus --language es --count 5` to read some.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from itertools import islice

from tuning.pocket.world.documents import FactDocuments
from tuning.pocket.world.facts import LANGUAGES, Language
from tuning.pocket.world.prose import KINDS
from tuning.pocket.world.refusals import rules

Writer = Callable[[random.Random, Language], str]
TRAIN_SEED, HELDOUT_SEED, TALK_SEED = 1, 2, 3
CURT = 0.35  # of the replies in the third stream; one that may not restate the question knows least


def writers(talk: bool = False) -> tuple[list[Writer], list[float]]:
    """The document kinds and how often each is drawn (weights); `talk`: for the third stream."""
    facts = FactDocuments(curt=CURT if talk else 0.0)
    weighted: list[tuple[Writer, float]] = [
        (facts.page, 14),
        (facts.sheet, 14),
        (facts.chapter, 8),
        (facts.quiz, 4),
        (facts.letter, 4),
        (facts.news, 5),
        (facts.dialogue, 40 if talk else 28),
        (rules, 1),
    ]
    share = {"sums": 5.0, "translations": 4.0, "poem": 3.0, "glossary": 3.0, "review": 4.0}
    weighted += [(write, share.get(name, 2.0)) for name, write in KINDS.items()]
    return [write for write, _ in weighted], [weight for _, weight in weighted]


def documents(language: Language, seed: int = TRAIN_SEED) -> Iterator[str]:
    """Endless documents in `language`, a function of `seed` alone; of the third stream with TALK_SEED."""
    rng = random.Random(f"{language}/{seed}")
    kinds, weights = writers(talk=seed == TALK_SEED)
    while True:
        yield rng.choices(kinds, weights)[0](rng, language)


def heldout_documents(language: Language, count: int, seen: set[str]) -> list[str]:
    """`count` documents of the held-out stream that are not in `seen`."""
    fresh = (text for text in documents(language, HELDOUT_SEED) if text not in seen)
    return list(islice(fresh, count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--seed", type=int, default=TRAIN_SEED)
    options = parser.parse_args()
    for text in islice(documents(options.language, options.seed), options.count):
        print(text, end="\n\n———\n\n")


if __name__ == "__main__":
    main()
