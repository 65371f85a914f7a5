"""Whether a question that judges occurs in what trains: the corpus or a shipped set.

Both are compared without case, accents and punctuation. A question occurs where it is a whole line or turn, and, from
four words on, where it stands anywhere in a text. Left out are the examples on the page, which are meant to be known,
the second turns of talks ("Why?", "And Bruno?"), which depend on their first, and the bare words of few-shot tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tuning.pocket.checks.patterns import plain
from tuning.pocket.checks.questions import read
from tuning.pocket.world.facts import Language

LEAST_WORDS = 4
_SPEAKERS = ("user ", "assistant ")


@dataclass(frozen=True)
class Occurrence:
    """A judging question, and the training text in which it stands."""

    question: str
    place: str
    text: str


def judging_texts(language: Language) -> list[str]:
    """The questions that must not train, as they are written."""
    texts = [row["prompt"] for name in ("first_questions", "poems") for row in read(name, language)]
    texts += [row["before"][0] for row in read("two_turns", language)]
    texts += [row["before"][0] for row in read("first_questions", language) if "before" in row]
    texts += [row["prompt"].splitlines()[0] for row in read("passages", language)]
    texts += [row["prompt"] for row in read("few_shot", language) if len(row["prompt"].split()) >= LEAST_WORDS]
    return texts


def occurrences(questions: Iterable[str], texts: Iterable[tuple[str, str]]) -> Iterator[Occurrence]:
    """Where `questions` stand in `texts`, which are (place, text)."""
    written = {plain(question): question for question in questions}
    by_beginning: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for question in written:
        words = question.split()
        if len(words) >= LEAST_WORDS:
            by_beginning[tuple(words[:LEAST_WORDS])].append(question)
    for place, text in texts:
        lines = [_without_speaker(plain(line)) for line in text.splitlines()]
        found = {line for line in lines if line in written}
        words = " ".join(lines).split()
        for start in range(len(words) - LEAST_WORDS + 1):
            for question in by_beginning.get(tuple(words[start : start + LEAST_WORDS]), ()):
                if words[start : start + len(question.split())] == question.split():
                    found.add(question)
        yield from (Occurrence(written[question], place, text) for question in sorted(found))


def _without_speaker(line: str) -> str:
    return next((line.removeprefix(speaker) for speaker in _SPEAKERS if line.startswith(speaker)), line)
