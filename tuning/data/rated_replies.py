"""Files and records of replies judged one by one: good or bad (`RatedSet`, for KTO), or with a score (`ScoredSet`).

Takes TRL's unpaired form (`prompt`, `completion`, `label`; plain or conversational) and preference pairs, of which
the chosen reply is good and the rejected one bad. A score stands in one of the columns `SCORES`, of which one counts
for the whole set; the reply may be called `reply` or `response`, or end a conversation in `messages`. Knows nothing of
votes, tokens or models.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import hashing
from common.bounded import Problems
from common.errors import AfinaError, NotFound
from tuning.data import file_types, preference_pairs
from tuning.data.examples import Rated, RatedSet, Scored, ScoredSet
from tuning.data.file_types import plain_name

_LABELS = {"true": True, "1": True, "good": True, "false": False, "0": False, "bad": False}
_KEPT_PROBLEMS = 100
SCORES = ("score", "rating", "likert", "helpfulness", "puntuacion", "valoracion", "nota")
"""Columns of scores, the first that a set has counts. `likert` holds whole numbers from 1 to 5."""
MOST_SCORE = 1e6  # of a score's size
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PROMPTS, _REPLIES, _TALKS = ("prompt", "question"), ("completion", "reply", "response"), ("messages", "conversations")
Numbered = Iterable[tuple[int, Mapping[str, Any]]]


def load(source: str | Path, max_mb: int = 200) -> RatedSet:
    """Reads a file of replies found good or bad.

    Raises: NotFound; AfinaError for what cannot be read, and `rated.none` where no row can be used, with the first
    row's problem.
    """
    return from_records(*_records_of(source, max_mb))


def load_scored(source: str | Path, max_mb: int = 200) -> ScoredSet:
    """Reads a file of replies with a score each. Raises: as `load`; `scored.constant` where all scores are equal."""
    return scored_from_records(*_records_of(source, max_mb))


def from_python(records: Iterable[Mapping[str, Any]], name: str = "python") -> RatedSet:
    """Rated replies from dictionaries. Raises: as `load`."""
    return from_records(enumerate(records, 1), name)


def scored_from_python(records: Iterable[Mapping[str, Any]], name: str = "python") -> ScoredSet:
    """Scored replies from dictionaries. Raises: as `load_scored`."""
    return scored_from_records(enumerate(records, 1), name)


def from_records(records: Numbered, name: str, columns: tuple[str, ...] = ()) -> RatedSet:
    """Raises: as `load`."""
    return RatedSet(name=name, format="kto", columns=columns, **_gathered(records, name, rated_of))


def scored_from_records(records: Numbered, name: str, columns: tuple[str, ...] = ()) -> ScoredSet:
    """Raises: as `load_scored`."""
    records = list(records)
    there = {plain_name(column) for _, record in records for column in record}
    column = next((each for each in SCORES if each in there), SCORES[0])
    found = _gathered(records, name, lambda record, number: [scored_of(record, number, column)])
    if len({row.score for row in found["rows"]}) == 1:
        raise AfinaError("scored.constant", name=name, n=len(found["rows"]), value=f"{found['rows'][0].score:g}")
    return ScoredSet(name=name, format="scored", columns=columns, **found)


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


def scored_of(record: Mapping[str, Any], number: int = 0, score: str = "score") -> Scored:
    """One record; `score`: the column that counts. Raises: AfinaError naming row, column and value."""
    cells = {plain_name(column): value for column, value in record.items() if value not in (None, "", [])}
    value = _score(cells.get(score), score, number)
    question, talk = _first(cells, _PROMPTS), _first(cells, _TALKS)
    written = _first(cells, _REPLIES) or talk
    if not written:
        raise AfinaError("scored.missing", row=number, column=_REPLIES[0])
    if not question and isinstance(written, str):
        raise AfinaError("scored.missing", row=number, column="prompt")
    prompt = preference_pairs.messages_of(question, number, "prompt") if question else None
    before, reply = preference_pairs.reply_of(written, prompt, number, _REPLIES[0])
    for column, there in (("prompt", before), (_REPLIES[0], reply.strip())):
        if not there:
            raise AfinaError("scored.missing", row=number, column=column)
    return Scored(before, reply, value, number)


def _score(value: Any, column: str, number: int) -> float:
    """A number, or the text of one (a CSV holds texts only)."""
    if value is None:
        raise AfinaError("scored.missing", row=number, column=column)
    text = str(value).strip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):  # NaN, "four", "4,5", true
        raise AfinaError("scored.number", row=number, column=column, value=text[:40])
    score = float(text)
    if not math.isfinite(score) or abs(score) > MOST_SCORE:
        raise AfinaError("scored.range", row=number, column=column, value=text[:40], most="10⁶")
    if column == "likert" and score not in (1, 2, 3, 4, 5):
        raise AfinaError("scored.likert", row=number, value=text)
    return score


def _first(cells: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((cells[name] for name in names if name in cells), None)


def _records_of(source: str | Path, max_mb: int) -> tuple[Numbered, str, tuple[str, ...]]:
    path = Path(source).expanduser()
    if not path.is_file():
        raise NotFound("data.not_found", source=str(source), sets="-")
    records = file_types.read(path, max_mb)
    return records.rows, path.name, tuple(records.columns)


def _gathered(records: Numbered, name: str, read: Callable[[Mapping[str, Any], int], list[Any]]) -> dict[str, Any]:
    """What a set holds: the usable rows, and what was wrong with the others. Raises: AfinaError `rated.none`."""
    rows: list[Any] = []
    problems = Problems()
    for number, record in records:
        try:
            rows += read(record, number)
        except AfinaError as problem:
            problems.add(problem)
    if not rows:
        raise AfinaError("rated.none", name=name, n=problems.n, first=problems.example)
    return {
        "rows": tuple(rows),
        "skipped": tuple(problems.first[:_KEPT_PROBLEMS]),
        "n_skipped": problems.n,
        "fingerprint": hashing.of_json([each.content for each in rows]),
    }
