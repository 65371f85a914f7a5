"""What a data set looks like to a model before training: counts, leaks, token lengths, what would be cut.

Knows a tokenizer, no model. Its notes are keys and parameters, worded by whoever shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from common.errors import AfinaError
from common.split import HELDOUT_FRACTION
from tuning.data.examples import Loaded, Row
from tuning.data.splits import divide, duplicates, overlaps, repeated_prompts
from tuning.data.tokenize import Encoded, encode, preview

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

MAX_MEASURED = 2000  # rows tokenised for the report: enough for a histogram, and quick for 60,000 rows
_WIDTHS = (1, 2, 5, 8, 10, 16, 20, 25, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1000, 1024, 2000, 2048, 5000)
_MAX_BARS = 20


@dataclass(frozen=True)
class Bar:
    """One bar of the histogram: `n` rows of `low` to `high` tokens, both included."""

    low: int
    high: int
    n: int
    is_open: bool = False  # the last bar, wider than the others: it holds all that are longer


@dataclass(frozen=True)
class DataReport:
    n_rows: int
    n_train: int
    n_heldout: int
    n_skipped: int
    n_duplicates: int
    n_overlap: int  # held-out rows that the train side gives away
    n_repeated_prompts: int
    n_measured: int  # rows that were tokenised; the token numbers below are of these
    n_truncated: int  # longer than max_length
    n_nothing_trained: int  # no reply within max_length
    tokens_mean: float
    tokens_median: int
    tokens_longest: int
    trained_share: float  # tokens that carry loss, 0 to 1
    max_length: int
    histogram: tuple[Bar, ...]
    preview: tuple[tuple[tuple[str, bool], ...], ...]  # first train rows as trained: (text, carries loss)
    problems: tuple[AfinaError, ...]
    notes: tuple[AfinaError, ...]  # remarks, never raised: too few rows, nothing held out, duplicates, …


def inspect(
    loaded: Loaded,
    tokenizer: Tokenizer,
    max_length: int,
    fraction: float = HELDOUT_FRACTION,
    reply_only: bool = True,
    n_preview: int = 3,
) -> DataReport:
    """The report of `loaded` under this tokenizer; rows are cut after `max_length` tokens (0: not cut)."""
    rows = loaded.rows
    train, heldout = divide(rows, fraction)
    encoded = [encode(tokenizer, row, 0, reply_only) for row in _spread(rows, MAX_MEASURED)]
    lengths = [len(row.input_ids) for row in encoded]
    counts = {
        "n_rows": len(rows),
        "n_train": len(train),
        "n_heldout": len(heldout),
        "n_skipped": loaded.n_skipped,
        "n_duplicates": len(duplicates(rows)),
        "n_overlap": len(overlaps(train, heldout)),
        "n_repeated_prompts": repeated_prompts(rows),
        "n_measured": len(encoded),
        "n_truncated": sum(1 for length in lengths if max_length and length > max_length),
        "n_nothing_trained": sum(1 for row in encoded if not _trained(row, max_length)),
    }
    return DataReport(
        **counts,
        tokens_mean=sum(lengths) / max(1, len(lengths)),
        tokens_median=round(median(lengths)) if lengths else 0,
        tokens_longest=max(lengths, default=0),
        trained_share=sum(row.n_trained for row in encoded) / max(1, sum(lengths)),
        max_length=max_length,
        histogram=histogram(lengths),
        preview=tuple(tuple(row) for row in preview(tokenizer, train or rows, max_length, n_preview, reply_only)),
        problems=loaded.skipped,
        notes=_notes(loaded, counts, max_length),
    )


def histogram(lengths: Sequence[int]) -> tuple[Bar, ...]:
    """Bars of one round width, at most 20, from the shortest to the longest; empty bars between are kept.

    The longest twentieth of very uneven lengths shares the last bar, or the rest would stand in the first.
    """
    if not lengths:
        return ()
    ordered = sorted(lengths)
    longest, usual = ordered[-1], ordered[int(len(ordered) * 0.95)]
    top = longest if longest <= 2 * usual else usual
    width = next((w for w in _WIDTHS if top - ordered[0] < w * (_MAX_BARS - 1)), top // _MAX_BARS + 1)
    first, last = ordered[0] // width, top // width
    bars = []
    for index in range(first, last + 1):
        low, high = index * width, (index + 1) * width - 1
        if index == last and longest > high:
            high = longest
        is_open = high - low >= width
        bars.append(Bar(low, high, sum(low <= length <= high for length in ordered), is_open))
    return tuple(bars)


def _spread(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` rows, evenly over the whole set."""
    if len(rows) <= most:
        return list(rows)
    return [rows[index * len(rows) // most] for index in range(most)]


def _trained(row: Encoded, max_length: int) -> bool:
    return any(label >= 0 for label in row.labels[: max_length or None])


def _notes(loaded: Loaded, counts: dict[str, int], max_length: int) -> tuple[AfinaError, ...]:
    notes = []
    if counts["n_train"] == 0:
        notes.append(AfinaError("data.note.no_train", n=counts["n_rows"]))
    elif counts["n_train"] < 20:
        notes.append(AfinaError("data.note.few", n=counts["n_train"]))
    if counts["n_heldout"] == 0:
        notes.append(AfinaError("data.note.no_heldout", n=counts["n_rows"]))
    if counts["n_duplicates"]:
        notes.append(AfinaError("data.note.duplicates", n=counts["n_duplicates"]))
    if counts["n_overlap"]:
        notes.append(AfinaError("data.note.overlap", n=counts["n_overlap"], heldout=counts["n_heldout"]))
    measured = counts["n_measured"]
    if counts["n_nothing_trained"]:
        lost = AfinaError("data.note.lost", n=counts["n_nothing_trained"], of=measured, max_length=max_length)
        notes.append(lost)
    if counts["n_truncated"]:
        notes.append(AfinaError("data.note.cut", n=counts["n_truncated"], of=measured, max_length=max_length))
    if loaded.cut:
        notes.append(AfinaError("data.note.first_rows", n=counts["n_rows"]))
    return tuple(notes)
