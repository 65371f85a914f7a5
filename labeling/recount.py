"""What hangs on annotations, worked out anew from them: needed after rows of two histories were brought together.

The current judgement of each assignment is its last annotation that was not left out, unless that is a retraction;
counters of a comparison are its judged assignments without repeats.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection, Table, UniqueConstraint, bindparam, select, tuple_, update

from labeling.outbox import IDENTITY, key_of
from labeling.tables import annotation_log, assignments, coverage

_CHUNK = 400
_COUNTERS = {"vote": "votes", "skip": "skips", "report": "reports"}


def missing(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of `rows` that the database does not have, nor another row in their place."""
    found = rows
    limits = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    uniques = [tuple(column.name for column in each.columns) for each in limits]
    uniques += [(c.name,) for c in table.columns if c.unique]
    natural = () if table.name in IDENTITY else key_of(table)
    for names in {IDENTITY.get(table.name, natural), *uniques} - {()}:
        found = _absent(connection, table, names, found)
    return found


def recount(connection: Connection) -> None:
    """Sets every assignment's current judgement and every comparison's counters by the annotations."""
    log = annotation_log.c
    query = select(log.assignment_id, log.annotation_id, log.action).where(log.exclude_reason.is_(None))
    last: dict[str, tuple[str | None, str | None]] = {}
    for row in connection.execute(query.order_by(log.seq)):
        taken_back = row.action == "retract"
        last[row.assignment_id] = (None, None) if taken_back else (row.annotation_id, row.action)
    tally: Counter[tuple[str, str, str]] = Counter()
    changed = []
    for row in connection.execute(select(assignments)).all():
        current, action = last.get(row.assignment_id, (None, row.action if row.current is None else None))
        if (current, action) != (row.current, row.action):
            changed.append({"place": row.assignment_id, "now_current": current, "now_action": action})
        if current and action and not row.repeat:
            tally[row.comparison_id, row.phase, _COUNTERS[action]] += 1
    if changed:
        place = assignments.c.assignment_id == bindparam("place")
        values: dict[str, Any] = {"current": bindparam("now_current"), "action": bindparam("now_action")}
        connection.execute(update(assignments).where(place).values(**values), changed)
    _count(connection, tally)


def _count(connection: Connection, tally: Counter[tuple[str, str, str]]) -> None:
    changed = []
    for row in connection.execute(select(coverage)).all():
        counted = {name: tally[row.comparison_id, row.phase, name] for name in _COUNTERS.values()}
        if any(counted[name] != getattr(row, name) for name in counted):
            given = {f"now_{name}": n for name, n in counted.items()}
            changed.append(given | {"comparison": row.comparison_id, "of_phase": row.phase})
    if changed:
        this = (coverage.c.comparison_id == bindparam("comparison")) & (
            coverage.c.phase == bindparam("of_phase")
        )
        values: dict[str, Any] = {name: bindparam(f"now_{name}") for name in _COUNTERS.values()}
        connection.execute(update(coverage).where(this).values(**values), changed)


def _absent(connection: Connection, table: Table, names: tuple[str, ...], rows: list[dict[str, Any]]) -> list:
    columns = [table.c[name] for name in names]
    known: set[tuple] = set()
    keys = [tuple(row.get(name) for name in names) for row in rows]
    for start in range(0, len(keys), _CHUNK):
        query = select(*columns).where(tuple_(*columns).in_(keys[start : start + _CHUNK]))
        known |= {tuple(each) for each in connection.execute(query)}
    return [row for row, key in zip(rows, keys, strict=True) if None in key or key not in known]
