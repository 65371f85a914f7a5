"""What is wrong with a data set before anybody trains on it: leaks by row, near-duplicates, odd characters, lengths.

Near-duplicates by MinHash over pairs of words (Broder 1997; library `datasketch`, imported when called). Knows rows
and labelled texts, no tokenizer.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from common.split import HELDOUT_FRACTION
from tuning.data.examples import Labelled, Row
from tuning.data.splits import divide
from tuning.evaluation.text_metrics import words

_PERMUTATIONS = 64
_KEPT = 50  # leaks and odd rows that are listed
_SHINGLE = 2  # words; in short rows, one word more breaks three of so many triples that no leak is seen
_MOJIBAKE = re.compile("[ÃÂ][\u0080-\u00bf]|â€|ï»¿")


@dataclass(frozen=True)
class Leak:
    """A held-out row that (nearly) stands in training. `similarity`: Jaccard of word pairs, 1 where exact."""

    heldout_row: int
    train_row: int
    similarity: float
    text: str


@dataclass(frozen=True)
class Odd:
    """A row with something strange in it: `what` is replacement, mojibake, control, or empty."""

    row: int
    what: str
    near: str


@dataclass(frozen=True)
class Quality:
    n_rows: int
    n_train: int
    n_heldout: int
    characters_median: int
    characters_longest: int
    n_duplicates: int
    n_leaks: int
    leaks: tuple[Leak, ...]
    n_odd: int
    odd: tuple[Odd, ...]
    labels: dict[str, int]  # of labelled texts, or of the replies where they are few; else empty


def look(rows: Sequence[Any], fraction: float = HELDOUT_FRACTION, threshold: float = 0.7) -> Quality:
    """The report of `Row`s or `Labelled` texts; leaks are pairs of a similarity of `threshold` or more."""
    train, heldout = divide(list(rows), fraction)
    texts = [text_of(row) for row in rows]
    odd = [found for row, text in zip(rows, texts, strict=True) if (found := oddity(row.number, text))]
    leaks = near_duplicates(train, heldout, threshold)
    lengths = [len(text) for text in texts] or [0]
    return Quality(
        n_rows=len(texts),
        n_train=len(train),
        n_heldout=len(heldout),
        characters_median=round(median(lengths)),
        characters_longest=max(lengths),
        n_duplicates=sum(count - 1 for count in Counter(" ".join(words(text)) for text in texts).values()),
        n_leaks=len(leaks),
        leaks=tuple(leaks[:_KEPT]),
        n_odd=len(odd),
        odd=tuple(odd[:_KEPT]),
        labels=_labels(rows),
    )


def near_duplicates(train: Sequence[Any], heldout: Sequence[Any], threshold: float = 0.7) -> list[Leak]:
    """For each held-out row its most similar training row, where that is `threshold` or more."""
    from datasketch import MinHash, MinHashLSH

    def signature(shingles: set[str]) -> Any:
        sketch = MinHash(num_perm=_PERMUTATIONS, seed=1)
        sketch.update_batch([shingle.encode() for shingle in shingles])
        return sketch

    index = MinHashLSH(threshold=max(0.1, threshold - 0.1), num_perm=_PERMUTATIONS)
    sets = [_shingles(text_of(row)) for row in train]
    for number, shingles in enumerate(sets):
        index.insert(number, signature(shingles))
    leaks = []
    for row in heldout:
        own = _shingles(text_of(row))
        near = [(_jaccard(own, sets[number]), -number) for number in index.query(signature(own))]
        best, number = max(near, default=(0.0, 0))
        if best >= threshold:
            leaks.append(Leak(row.number, train[-number].number, round(best, 3), text_of(row)[:160]))
    return sorted(leaks, key=lambda leak: -leak.similarity)


def oddity(row: int, text: str) -> Odd | None:
    """What is odd about `text`, None where nothing is."""
    for at, letter in enumerate(text):
        strange = unicodedata.category(letter) in ("Cc", "Cn", "Co") and letter not in "\n\r\t"
        if letter == "\ufffd" or strange:
            what = "replacement" if letter == "\ufffd" else "control"
            return Odd(row, what, text[max(0, at - 15) : at + 15])
    if hit := _MOJIBAKE.search(text):
        return Odd(row, "mojibake", text[max(0, hit.start() - 15) : hit.end() + 15])
    return None if words(text) else Odd(row, "empty", text[:30])


def text_of(row: Row | Labelled) -> str:
    if isinstance(row, Labelled):
        return row.text
    return row.text or "\n".join(message["content"] for message in row.messages)


def _labels(rows: Sequence[Row | Labelled]) -> dict[str, int]:
    replies = [
        row.label if isinstance(row, Labelled) else row.messages[-1]["content"]
        for row in rows
        if isinstance(row, Labelled) or row.messages
    ]
    counts = Counter(replies)
    return dict(counts.most_common()) if len(counts) <= max(2, len(replies) // 10) else {}


def _shingles(text: str) -> set[str]:
    found = words(text)
    return {" ".join(found[at : at + _SHINGLE]) for at in range(max(1, len(found) - _SHINGLE + 1))}


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / max(1, len(a | b))
