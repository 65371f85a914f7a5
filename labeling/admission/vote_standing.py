"""Whether somebody's votes count now, and whether they take places from others. Knows no vote and no round."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from labeling.schema import now
from labeling.storage.prepared import Prepared
from labeling.storage.tables import annotators, exclusions

_STANDING = Prepared(
    select(annotators.c.left_out, annotators.c.doubt).where(annotators.c.annotator_id == bindparam("person"))
)
_REASON = Prepared(
    select(exclusions.c.reason)
    .where(exclusions.c.kind == "annotation", exclusions.c.target_id == bindparam("annotation"))
    .order_by(exclusions.c.seq.desc())
    .limit(1)
)


class Standing(NamedTuple):
    """What of a person decides how their votes and leases are counted."""

    left_out: bool = False
    doubted: bool = False


ORDINARY = Standing()


def of(connection: Connection, annotator_id: str) -> Standing:
    """The standing of a person, as this transaction sees it."""
    row = _STANDING.first(connection, {"person": annotator_id})
    return Standing(bool(row.left_out), bool(row.doubt)) if row else ORDINARY


def annotation_left_out(connection: Connection, annotation_id: str) -> bool:
    """Whether this one annotation is excluded now."""
    row = _REASON.first(connection, {"annotation": annotation_id})
    return row is not None and row.reason is not None


def excluded(connection: Connection) -> dict[str, dict[str, str]]:
    """What is excluded now: kind -> target -> reason."""
    reasons: dict[str, dict[str, str]] = {"annotator": {}, "annotation": {}}
    for row in connection.execute(select(exclusions).order_by(exclusions.c.seq)):
        if row.reason is None:
            reasons[row.kind].pop(row.target_id, None)
        else:
            reasons[row.kind][row.target_id] = row.reason
    return reasons


def exclude(connection: Connection, kind: str, targets: list[str], reason: str | None) -> None:
    """Writes down that these are left out, or (`reason` None) count again; counters are not touched."""
    if not targets:
        return
    at = now()
    rows = [{"kind": kind, "target_id": each, "reason": reason, "at": at} for each in targets]
    connection.execute(insert(exclusions), rows)
    if kind == "annotator":
        mark(connection, targets, left_out=reason is not None)


def mark(connection: Connection, annotator_ids: list[str], **values: object) -> None:
    """Sets columns of these people."""
    if annotator_ids:
        change = update(annotators).where(annotators.c.annotator_id == bindparam("person")).values(**values)
        connection.execute(change, [{"person": each} for each in annotator_ids])
