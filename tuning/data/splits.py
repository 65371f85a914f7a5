"""Train and held-out rows through the one split of `common`, and what leaks from one side into the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from common import hashing
from common.split import HELDOUT_FRACTION, prompt_key, split
from tuning.data.examples import Labelled, Pair, Rated, Row, Task

E = TypeVar("E", Row, Pair, Labelled, Rated, Task)


def divide(rows: Iterable[E], fraction: float = HELDOUT_FRACTION) -> tuple[list[E], list[E]]:
    """(train, heldout), each in file order; a prompt's side depends on its text alone: no prompt is on both.

    A tiny set can fall on one side whole. Nothing is moved then, or a prompt would be held out here and
    trained elsewhere: held-out may come back empty (nothing to measure by), and so may train (nothing to
    learn from); the report and the trainer say so.
    """
    train: list[E] = []
    heldout: list[E] = []
    for row in rows:
        (heldout if split(row.prompt, fraction) == "heldout" else train).append(row)
    return train, heldout


def duplicates(rows: Sequence[Row]) -> list[Row]:
    """Every row whose exact content stood in an earlier row."""
    seen: set[str] = set()
    again = []
    for row in rows:
        digest = hashing.of_json(row.content)
        if digest in seen:
            again.append(row)
        seen.add(digest)
    return again


def repeated_prompts(rows: Iterable[Row]) -> int:
    """How many rows share their prompt with an earlier row (allowed: they stay on one side)."""
    counts = Counter(prompt_key(row.prompt) for row in rows)
    return sum(count - 1 for count in counts.values())


def overlaps(train: Iterable[Row], heldout: Iterable[Row]) -> list[Row]:
    """Held-out rows that the train side gives away: by the same prompt, or word for word by the same reply.

    With `divide` the first cannot happen; it can with a validation file of one's own. A reply counts when it
    has eight words or more and stands in train once or twice: short ones ("Paris.") repeat honestly, and so
    do stock phrases ("I am sorry, but …").
    """
    train = list(train)
    prompts = {prompt_key(row.prompt) for row in train}
    counts = Counter(reply for row in train for reply in _long_replies(row))
    replies = {reply for reply, count in counts.items() if count <= 2}
    return [
        row
        for row in heldout
        if prompt_key(row.prompt) in prompts or any(reply in replies for reply in _long_replies(row))
    ]


def _long_replies(row: Row) -> list[str]:
    replies = (prompt_key(message["content"]) for message in row.messages if message["role"] == "assistant")
    return [reply for reply in replies if len(reply.split()) >= 8]
