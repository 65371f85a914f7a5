"""What hangs on annotations, worked out anew from them: where histories meet, or somebody counts no longer.

The current judgement of each assignment is its last annotation that did not come late, unless that is a retraction;
counters of a comparison are its judged assignments by people who are not left out, without repeats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Connection, Table, UniqueConstraint, bindparam, select, tuple_, update

from labeling.admission import vote_standing
from labeling.storage.outbox import IDENTITY, key_of
from labeling.storage.tables import annotation_log, annotators, assignments, coverage

_CHUNK = 400
_COUNTERS = {"vote": "votes", "skip": "skips", "report": "reports"}


def missing(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of `rows` that the database does not have, nor another row in their place."""
    absent = rows
    limits = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    uniques = [tuple(column.name for column in each.columns) for each in limits]
    uniques += [(c.name,) for c in table.columns if c.unique]
    natural = () if table.name in IDENTITY else key_of(table)
    for names in {IDENTITY.get(table.name, natural), *uniques} - {()}:
        absent = _absent(connection, table, names, absent)
    return absent


def recount(connection: Connection) -> None:
    """Sets everybody's standing, every assignment's judgement, every comparison's counters by what was written down."""
    out = set(vote_standing.excluded(connection)["annotator"])
    known = connection.execute(select(annotators.c.annotator_id, annotators.c.left_out)).all()
    for left_out in (True, False):
        changed = [
            annotator.annotator_id
            for annotator in known
            if (annotator.annotator_id in out) is left_out and bool(annotator.left_out) is not left_out
        ]
        vote_standing.mark(connection, changed, left_out=left_out)
    _settle(connection)
    of_comparisons(connection)


def of_people(connection: Connection, annotator_ids: Collection[str]) -> None:
    """Counts anew what these people have judged: after their standing has changed."""
    judged: set[str] = set()
    for part in _parts(sorted(annotator_ids)):
        query = select(assignments.c.comparison_id).where(
            assignments.c.annotator_id.in_(part), assignments.c.action.is_not(None)
        )
        judged.update(connection.execute(query.distinct()).scalars())
    if judged:
        of_comparisons(connection, judged)


def of_comparisons(connection: Connection, ids: Collection[str] | None = None) -> None:
    """Sets the counters of these comparisons, or of all."""
    out = vote_standing.excluded(connection)["annotation"]
    tally: Counter[tuple[str, str, str]] = Counter()
    for row in _judged(connection, ids):
        if row.current not in out:
            tally[row.comparison_id, row.phase, _COUNTERS[row.action]] += 1
            if row.action == "vote" and row.doubt:
                tally[row.comparison_id, row.phase, "doubted"] += 1
    _count(connection, tally, ids)


def _settle(connection: Connection) -> None:
    """Sets the current judgement of every assignment."""
    log = annotation_log.c
    query = select(log.assignment_id, log.annotation_id, log.action).where(log.exclude_reason.is_(None))
    last: dict[str, tuple[str | None, str | None]] = {}
    for row in connection.execute(query.order_by(log.seq)):
        taken_back = row.action == "retract"
        last[row.assignment_id] = (None, None) if taken_back else (row.annotation_id, row.action)
    changed = []
    for row in connection.execute(select(assignments)).all():
        current, action = last.get(row.assignment_id, (None, row.action if row.current is None else None))
        if (current, action) != (row.current, row.action):
            changed.append({"place": row.assignment_id, "now_current": current, "now_action": action})
    if changed:
        place = assignments.c.assignment_id == bindparam("place")
        values: dict[str, Any] = {"current": bindparam("now_current"), "action": bindparam("now_action")}
        connection.execute(update(assignments).where(place).values(**values), changed)


def _judged(connection: Connection, ids: Collection[str] | None) -> Iterator[Any]:
    """The judged assignments of people (never machines) who are not left out."""
    names = ("comparison_id", "phase", "current", "action")
    query = (
        select(*(assignments.c[name] for name in names), annotators.c.doubt)
        .join(annotators, annotators.c.annotator_id == assignments.c.annotator_id)
        .where(assignments.c.current.is_not(None), assignments.c.action.is_not(None), assignments.c.repeat == 0)
        .where(annotators.c.left_out.is_(False), annotators.c.kind != "machine")
    )
    if ids is None:
        yield from connection.execute(query)
        return
    for part in _parts(sorted(ids)):
        yield from connection.execute(query.where(assignments.c.comparison_id.in_(part)))


def _count(connection: Connection, tally: Counter[tuple[str, str, str]], ids: Collection[str] | None) -> None:
    names = (*_COUNTERS.values(), "doubted")
    changed = []
    for row in _counters(connection, ids):
        counted = {name: tally[row.comparison_id, row.phase, name] for name in names}
        if any(counted[name] != getattr(row, name) for name in counted):
            parameters = {f"now_{name}": n for name, n in counted.items()}
            changed.append(parameters | {"comparison": row.comparison_id, "of_phase": row.phase})
    if changed:
        this = (coverage.c.comparison_id == bindparam("comparison")) & (coverage.c.phase == bindparam("of_phase"))
        values: dict[str, Any] = {name: bindparam(f"now_{name}") for name in names}
        connection.execute(update(coverage).where(this).values(**values), changed)


def _counters(connection: Connection, ids: Collection[str] | None) -> list[Any]:
    if ids is None:
        return list(connection.execute(select(coverage)))
    found: list[Any] = []
    for part in _parts(sorted(ids)):
        found += connection.execute(select(coverage).where(coverage.c.comparison_id.in_(part)))
    return found


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _absent(connection: Connection, table: Table, names: tuple[str, ...], rows: list[dict[str, Any]]) -> list:
    columns = [table.c[name] for name in names]
    known: set[tuple] = set()
    keys = [tuple(row.get(name) for name in names) for row in rows]
    for start in range(0, len(keys), _CHUNK):
        query = select(*columns).where(tuple_(*columns).in_(keys[start : start + _CHUNK]))
        known |= {tuple(each) for each in connection.execute(query)}
    return [row for row, key in zip(rows, keys, strict=True) if None in key or key not in known]
