"""When a reply is nonsense: a rule, not a model, so that two people who measure agree.

Only a reply that is neither right, nor "I do not know", nor a courtesy can be nonsense. It is, if

    empty     it holds no word
    cut       it did not end by itself within the tokens allowed, or another turn ("User:") follows in it
    loop      four words in a row are the same, or one run of three words comes three times
    unknown   it holds a word that stands in no text of the world, no shipped set and not in the prompt
    language  most of its words belong to the other language (not asked where the prompt is about a translation)
    bare      it has at most two words, and the question wants a sentence (`SENTENCE`) or lies outside the world
    stray     the talk is about nothing in the world (`EVERYDAY`, or a question outside it), and it names a person, a
              capital or a term of the world that was not spoken of

What is wrong and well formed is wrong, not nonsense: the checks count it apart.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain

from tuning.pocket.checks.patterns import fold, members
from tuning.pocket.checks.questions import Item, patterns
from tuning.pocket.checks.training_texts import corpus_texts, set_texts
from tuning.pocket.world.facts import LANGUAGES, Language

SAMPLE = 1500
"""Documents of each stream and language from which the words of the world are counted."""
EVERYDAY = frozenset(["greeting", "farewell", "thanks", "identity", "ability", "feeling", "opinion", "advice"])
SENTENCE = EVERYDAY | frozenset(["why", "explanation", "glossary", "summary", "poem", "story", "recipe"])
_STRAY = ("people", "capitals", "terms")
_OF_ONE_LANGUAGE = 5  # times as frequent in it as in the other
_WORD = re.compile(r"[^\W\d_]+")
_TURN = re.compile(r"^(User|Assistant):", re.MULTILINE)


@dataclass(frozen=True)
class Words:
    """How often each word of the world occurs, by language."""

    counts: dict[Language, Counter[str]] = field(hash=False)

    def knows(self, word: str) -> bool:
        return any(word in counts for counts in self.counts.values())

    def language_of(self, word: str) -> Language | None:
        """The language that `word` belongs to; None for one of both, and for one that is unknown."""
        en, es = (self.counts[language][word] for language in LANGUAGES)
        if en > _OF_ONE_LANGUAGE * es:
            return "en"
        return "es" if es > _OF_ONE_LANGUAGE * en else None


def words_of(text: str) -> list[str]:
    """The folded words of `text`, numbers left out."""
    return _WORD.findall(fold(text))


@lru_cache(maxsize=1)
def world_words() -> Words:
    """The words of a sample of the corpus and of all shipped sets (some seconds, once)."""
    return Words({language: _counted(language) for language in LANGUAGES})


def _counted(language: Language) -> Counter[str]:
    written: Counter[str] = Counter()
    for _, text in chain(corpus_texts(language, SAMPLE), set_texts(language)):
        written.update(_WORD.findall(text))
    folded: Counter[str] = Counter()
    for word, n in written.items():  # each word once: folding is slow
        folded[fold(word)] += n
    return folded


def has_next_turn(reply: str) -> bool:
    """Whether the model wrote another speaker's turn into its reply."""
    return _TURN.search(reply) is not None


def is_loop(words: list[str]) -> bool:
    """Whether `words` go round in circles."""
    runs = Counter(zip(words, words[1:], words[2:], strict=False))
    same = any(len(set(words[start : start + 4])) == 1 for start in range(len(words) - 3))
    return same or max(runs.values(), default=0) >= 3


def reason(reply: str, ended: bool, item: Item, world: Words) -> str:
    """Why `reply`, which is neither accepted nor a courtesy, is nonsense; empty where it is merely wrong."""
    words = words_of(reply)
    spoken = set(words_of(" ".join((item.prompt, *item.before))))
    own = [word for word in words if word not in spoken]
    if not words and not re.search(r"\d", reply):
        return "empty"
    if not ended or has_next_turn(reply):
        return "cut"
    if is_loop(words):
        return "loop"
    if any(not world.knows(word) for word in own):
        return "unknown"
    languages = Counter(world.language_of(word) for word in own)
    other = next(language for language in LANGUAGES if language != item.language)
    if item.kind != "translation" and languages[other] > languages[item.language]:
        return "language"
    if len(reply.split()) <= 2 and (item.kind in SENTENCE or not item.in_world):
        return "bare"
    return "stray" if (item.kind in EVERYDAY or not item.in_world) and strays(reply, item) else ""


def strays(reply: str, item: Item) -> bool:
    """Whether `reply` names a person, a capital or a term of the world that was not spoken of."""
    groups = patterns(item.language).groups
    spoken = fold(" ".join((item.prompt, *item.before)))
    return any(member not in spoken for name in _STRAY for member in members(groups[name], fold(reply)))
