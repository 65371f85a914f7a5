"""Files of judged or unjudged comparisons: JSONL or a JSON list, plain or gzipped, rows as in `rows`.

Knows nothing of the store.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from common import bounded
from common.bounded import BOM, MB, MOST_DEPTH, MOST_VALUES, Bounds, Problems
from common.errors import AfinaError
from labeling.exchange.vote_formats import VoteRow, row_of
from labeling.rounds.aggregation import Judged
from labeling.schema import WINNERS, Annotation, Comparison, messages_of, new_id, now
from labeling.statistics.vote_table import FLIPPED, PHASES

MOST_JUDGED = 200_000  # rows that are kept whole; a report counts any number
_MOST_LISTED = 30_000_000  # values of a JSON list, which is read in one piece
COMMAND_LINE_MB = 2_000  # of a file that somebody reads on a machine of their own, unpacked


def judged(path: Path, max_mb: int = COMMAND_LINE_MB) -> tuple[list[Judged], Problems]:
    """A file's comparisons, each with its annotations.

    Raises: AfinaError `exchange.nothing` for none, `data.many_rows` for more than MOST_JUDGED; as `objects`.
    """
    problems = Problems()
    kept: dict[str | tuple, tuple[Comparison, list[Annotation]]] = {}
    for number, fields in objects(path, problems, Bounds(max_mb)):
        bounded.within_rows(number, path.name, MOST_JUDGED)
        try:
            row = row_of(fields, number)
            comparison, annotations = kept[row.key] if row.key in kept else (_comparison(row), [])
            annotations.extend(_annotations(row, comparison.comparison_id))
            kept[row.key] = (comparison, annotations)
        except AfinaError as problem:
            problems.add(problem)
    if not kept:
        raise AfinaError("exchange.nothing", name=path.name, n=problems.n, first=problems.example)
    return [Judged(item, tuple(said)) for item, said in kept.values()], problems


def gold(path: Path, max_mb: int = COMMAND_LINE_MB) -> list[Comparison]:
    """A file's comparisons as gold items: each row's `gold_winner`, or else its `winner`, is the certain answer.

    Raises: AfinaError for the first row that is unreadable or does not say what is right; as `judged`.
    """
    problems, gold_items = Problems(), []
    for number, fields in objects(path, problems, Bounds(max_mb)):
        bounded.within_rows(number, path.name, MOST_JUDGED)
        row = row_of({"model_a": "gold", "model_b": "gold"} | fields, number)
        right = certain(row) or row.winner
        if right is None:
            raise AfinaError("exchange.row_missing", row=number, column="gold_winner")
        if right not in WINNERS:
            allowed = ", ".join(WINNERS)
            raise AfinaError("exchange.row_winner", row=number, found=right, allowed=allowed)
        item = replace(_comparison(row), comparison_id=new_id())
        gold_items.append(replace(item, is_gold=True, gold_winner=right))
    if problems.first:
        raise problems.first[0]
    if not gold_items:
        raise AfinaError("exchange.nothing", name=path.name, n=0, first="-")
    return gold_items


def objects(path: Path, problems: Problems, bounds: Bounds) -> Iterator[tuple[int, dict]]:
    """(row number, object) for every row.

    Raises: AfinaError for a file that is missing or no JSON at all, or larger than its `bounds` (`common.bounded`).
    """
    if not path.is_file():
        raise AfinaError("exchange.no_file", name=path)
    try:
        yield from objects_of(values(path, problems, bounds), problems)
    except (OSError, ValueError) as reason:
        raise AfinaError("exchange.broken", name=path.name, reason=reason) from reason


def objects_of(found: Iterable[tuple[int, Any]], problems: Problems) -> Iterator[tuple[int, dict]]:
    for number, value in found:
        if isinstance(value, dict):
            yield number, value
        else:
            problems.note("exchange.row_kind", row=number, found=type(value).__name__)


def values(path: Path, problems: Problems, bounds: Bounds) -> Iterator[tuple[int, Any]]:
    with bounded.opened(path, bounds) as file:
        if file.peek(1024)[:1024].removeprefix(BOM).lstrip().startswith(b"["):
            text = file.read().removeprefix(BOM)
            if bounded.separators(text) > _MOST_LISTED:
                raise AfinaError("data.many_values", name=path.name, most=bounded.grouped(_MOST_LISTED))
            for number, value in enumerate(orjson.loads(text), 1):
                if bounded.is_deep(value):
                    problems.note("data.deep", row=number, most=MOST_DEPTH)
                else:
                    yield number, value
            return
        yield from lines(file, problems)


def lines(file: Iterable[bytes], problems: Problems) -> Iterator[tuple[int, Any]]:
    """(row number, value) for each line of JSONL that is not blank."""
    for number, line in enumerate(file, 1):
        try:
            if len(line) > MB and bounded.separators(line) > MOST_VALUES:
                problems.note("data.many_values_row", row=number, most=bounded.grouped(MOST_VALUES))
            elif line.strip():
                value = orjson.loads(line.removeprefix(BOM))
                if line.count(b"{") + line.count(b"[") > MOST_DEPTH and bounded.is_deep(value):
                    problems.note("data.deep", row=number, most=MOST_DEPTH)
                else:
                    yield number, value
        except orjson.JSONDecodeError as reason:
            problems.note("exchange.row_json", row=number, reason=reason)


def checked(row: VoteRow, column: str, kind: type) -> Any:
    value = row.fields.get(column)
    if value is None or type(value) is kind:
        return value
    if kind is str and type(value) is int:
        return str(value)
    raise AfinaError("exchange.row_value", row=row.number, column=column, found=value)


def _comparison(row: VoteRow) -> Comparison:
    """The comparison of a row.

    Raises: AfinaError `exchange.row_missing` where a reply's text is not there.
    """
    for name, text in zip(("completion_a", "completion_b"), row.completions, strict=True):
        if text is None:
            raise AfinaError("exchange.row_missing", row=row.number, column=name)
    fields = row.fields
    gold = certain(row) if fields.get("is_gold") else None
    return Comparison(
        prompt=messages_of("prompt", row.prompt),
        completion_a=row.completions[0] or "",
        completion_b=row.completions[1] or "",
        policy_a=row.models[0],
        policy_b=row.models[1],
        comparison_id=row.key if isinstance(row.key, str) and len(row.key) <= 64 else new_id(),
        is_gold=gold is not None,
        gold_winner=gold,
        metadata=fields["metadata"] if isinstance(fields.get("metadata"), dict) else None,
    )


def certain(row: VoteRow) -> Any:
    """The row's `gold_winner`, told of our a and b."""
    right = row.fields.get("gold_winner")
    return FLIPPED.get(right, right) if row.flipped and isinstance(right, str) else right


def _annotations(row: VoteRow, comparison_id: str) -> list[Annotation]:
    """What the row says about its comparison: one annotation, or none where it is not judged."""
    fields = row.fields
    action: Any = fields.get("action") or "vote"
    if action not in ("vote", "skip", "report") or (action == "vote" and row.winner is None):
        return []
    strength = checked(row, "preference_strength", int)
    ratings = fields.get("ratings") if isinstance(fields.get("ratings"), dict) else None
    edited_from = fields.get("edited_from") if fields.get("edited_from") in ("a", "b") else None
    if row.flipped:
        strength = None if strength is None else -strength
        other = {"a": "b", "b": "a"}
        ratings = {other.get(side, side): value for side, value in ratings.items()} if ratings else None
        edited_from = other.get(edited_from) if edited_from else None
    return [
        Annotation(
            annotation_id=checked(row, "annotation_id", str) or uuid.uuid4().hex,
            comparison_id=comparison_id,
            annotator_id=checked(row, "annotator_id", str) or "",
            winner=row.winner if action == "vote" else None,
            action=action,
            phase=fields["phase"] if fields.get("phase") in PHASES else "blind",
            repeat=int(bool(fields.get("repeat"))),
            position_swapped=bool(fields.get("position_swapped")) != row.flipped,
            preference_strength=strength,
            ratings=ratings,
            rationale=checked(row, "rationale", str),
            edited_completion=checked(row, "edited_completion", str),
            edited_from=edited_from,  # type: ignore[arg-type]
            flags=tuple(str(each) for each in fields.get("flags") or ()),
            group=checked(row, "group", str) or "",
            decision_time_ms=checked(row, "decision_time_ms", int),
            created_at=float(fields["created_at"]) if type(fields.get("created_at")) in (int, float) else now(),
            source=fields["source"] if fields.get("source") in ("ai", "simulated") else "imported",
            exclude_reason=checked(row, "exclude_reason", str) or None,
        )
    ]
