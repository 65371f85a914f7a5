"""Files and records of replies found good or bad -> `RatedSet`: what KTO learns from.

Takes TRL's unpaired form (`prompt`, `completion`, `label`; plain or conversational) and preference pairs, of which
the chosen reply is good and the rejected one bad. Knows nothing of votes, tokens or models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common import hashing
from common.bounded import Problems
from common.errors import AfinaError, NotFound
from tuning.data import file_types, preference_pairs
from tuning.data.examples import Rated, RatedSet

_LABELS = {"true": True, "1": True, "good": True, "false": False, "0": False, "bad": False}
_KEPT_PROBLEMS = 100


def load(source: str | Path, max_mb: int = 200) -> RatedSet:
    """Reads a file of rated replies.

    Raises: NotFound; AfinaError for what cannot be read, and `rated.none` where no row can be used, with the first
    row's problem.
    """
    path = Path(source).expanduser()
    if not path.is_file():
        raise NotFound("data.not_found", source=str(source), sets="-")
    records = file_types.read(path, max_mb)
    return from_records(records.rows, path.name, tuple(records.columns))


def from_python(records: Iterable[Mapping[str, Any]], name: str = "python") -> RatedSet:
    """Rated replies from dictionaries. Raises: as `load`."""
    return from_records(enumerate(records, 1), name)


def from_records(
    records: Iterable[tuple[int, Mapping[str, Any]]], name: str, columns: tuple[str, ...] = ()
) -> RatedSet:
    found: list[Rated] = []
    problems = Problems()
    for number, record in records:
        try:
            found += rated_of(record, number)
        except AfinaError as problem:
            problems.add(problem)
    if not found:
        raise AfinaError("rated.none", name=name, n=problems.n, first=problems.example)
    return RatedSet(
        tuple(found),
        name,
        "kto",
        columns,
        tuple(problems.first[:_KEPT_PROBLEMS]),
        problems.n,
        fingerprint=hashing.of_json([each.content for each in found]),
    )


def rated_of(record: Mapping[str, Any], number: int = 0) -> list[Rated]:
    """One record: one rated reply, or the two of a pair. Raises: AfinaError naming row and column."""
    if "chosen" in record and "rejected" in record:
        pair = preference_pairs.pair_of(record, number)
        return [
            Rated(pair.prompt, pair.chosen, True, number),
            Rated(pair.prompt, pair.rejected, False, number),
        ]
    if not record.get("completion"):
        raise AfinaError("rated.missing", row=number, column="completion")
    label = _LABELS.get(str(record.get("label")).strip().lower())
    if label is None:
        raise AfinaError("rated.label", row=number, value=record.get("label"))
    opening = record.get("prompt")
    prompt = preference_pairs.messages_of(opening, number, "prompt") if opening else None
    before, reply = preference_pairs.reply_of(record["completion"], prompt, number, "completion")
    if not before:
        raise AfinaError("rated.missing", row=number, column="prompt")
    return [Rated(before, reply, label, number)]
