"""Who judges what next: what everybody judges first, then what has fewest votes; gold mixed in silently.

A served comparison is leased, so that votes and leases together never exceed what the round wants; its sides
are drawn here, once, and kept. Knows nothing of what was answered but whether it was.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from common.errors import Conflict
from labeling import rounds
from labeling.schema import Annotator, Message, Phase, Round, new_id, now
from labeling.store import Store
from labeling.tables import assignments, comparisons, coverage


@dataclass(frozen=True)
class Served:
    """One comparison as one annotator sees it. Nothing in here tells the policies."""

    assignment_id: str
    comparison_id: str
    phase: Phase
    prompt: tuple[Message, ...]
    left: str
    right: str
    remaining: int  # comparisons still to judge, this one included; others may take some of them
    judged: int  # this annotator's, in this phase


def next_for(store: Store, person: Annotator, round_id: str) -> Served | None:
    """What `person` is to judge now (again the same one until it is judged), or None when done.

    Raises: Conflict `vote.closed` while the round does not take votes.
    """
    with store.write() as connection:
        store.lock(connection, f"serve {round_id}")
        this = rounds.read(connection, round_id)
        if not this.voting or this.room_id != person.room_id:
            raise Conflict("vote.closed", name=this.name, state=this.state)
        mine = _mine(connection, person, this)
        judged = sum(1 for row in mine if row.action is not None)
        quota = person.quota or this.settings.quota
        left_over = quota - sum(1 for row in mine if row.action and not row.repeat) if quota else None
        candidate, n_open = _lowest_coverage(connection, person, this)
        held = _held(connection, mine, this)
        if held is None and left_over is not None and left_over <= 0:
            return None
        if held is None:
            held = _serve(connection, person, this, mine, candidate)
        if held is None:
            return None
        waits = n_open + (0 if held.comparison_id == candidate else 1)
        remaining = max(1, waits if left_over is None else min(waits, left_over))
        return _shown(connection, held, remaining, judged)


def _mine(connection: Connection, person: Annotator, this: Round) -> list[Row]:
    query = select(assignments).where(
        assignments.c.round_id == this.round_id,
        assignments.c.phase == this.phase,
        assignments.c.annotator_id == person.annotator_id,
    )
    return list(connection.execute(query.order_by(assignments.c.served_at)))


def _held(connection: Connection, mine: list[Row], this: Round) -> Row | None:
    """What was served and not yet judged; one whose lease ran out only while it still wants votes."""
    for row in mine:
        if row.action is not None:
            continue
        if row.lease_until < now() and not _has_room(connection, row, this):
            continue
        change = update(assignments).where(assignments.c.assignment_id == row.assignment_id)
        connection.execute(change.values(lease_until=now() + this.settings.lease_seconds))
        return row
    return None


def _has_room(connection: Connection, row: Row, this: Round) -> bool:
    """Whether one more vote on this comparison is wanted."""
    if this.phase == "discussed" or row.repeat:
        return True
    leases = _leases(this).subquery()
    query = (
        select(comparisons.c.is_common, comparisons.c.is_gold)
        .add_columns(coverage.c.votes + func.coalesce(leases.c.n, 0))
        .join(coverage, coverage.c.comparison_id == comparisons.c.comparison_id)
        .outerjoin(leases, leases.c.comparison_id == comparisons.c.comparison_id)
        .where(comparisons.c.comparison_id == row.comparison_id, coverage.c.phase == this.phase)
    )
    is_common, is_gold, load = connection.execute(query).one()
    return is_common or is_gold or load < this.settings.votes_wanted


def _leases(this: Round) -> Select:
    """How many people hold each comparison of the round now."""
    return (
        select(assignments.c.comparison_id, func.count().label("n"))
        .where(
            assignments.c.round_id == this.round_id,
            assignments.c.phase == this.phase,
            assignments.c.action.is_(None),
            assignments.c.repeat == 0,
            assignments.c.lease_until >= now(),
        )
        .group_by(assignments.c.comparison_id)
    )


def _unseen(person: Annotator, this: Round) -> Select:
    """Ids of the round's comparisons that this person was never served in this phase."""
    seen = select(assignments.c.comparison_id).where(
        assignments.c.annotator_id == person.annotator_id,
        assignments.c.phase == this.phase,
        assignments.c.round_id == this.round_id,
    )
    query = select(comparisons.c.comparison_id).where(comparisons.c.round_id == this.round_id)
    return query.where(comparisons.c.comparison_id.not_in(seen))


def _lowest_coverage(connection: Connection, person: Annotator, this: Round) -> tuple[str | None, int]:
    """The comparison to judge next by the plain rule, and how many this person could judge."""
    query = _unseen(person, this)
    if this.phase == "discussed":
        query = query.where(comparisons.c.comparison_id.in_(this.discussed))
        query = query.order_by(comparisons.c.position)
    else:
        leases = _leases(this).subquery()
        load = coverage.c.votes + func.coalesce(leases.c.n, 0)
        query = (
            query.join(coverage, coverage.c.comparison_id == comparisons.c.comparison_id)
            .outerjoin(leases, leases.c.comparison_id == comparisons.c.comparison_id)
            .where(coverage.c.phase == this.phase, comparisons.c.is_gold.is_(False))
            .where(comparisons.c.is_common | (load < this.settings.votes_wanted))
            .order_by(comparisons.c.is_common.desc(), load, func.random())
        )
    row = connection.execute(query.add_columns(func.count().over().label("n")).limit(1)).first()
    return (row.comparison_id, row.n) if row else (None, 0)


def _serve(
    connection: Connection, person: Annotator, this: Round, mine: list[Row], candidate: str | None
) -> Row | None:
    """Draws sides for a new assignment: a gold item or a swapped repeat when one is due, else `candidate`."""
    if this.phase == "blind" and candidate is not None:
        if _due(len(mine), this.settings.gold_every, person.annotator_id):
            gold = _unseen(person, this).where(comparisons.c.is_gold)
            candidate = connection.execute(gold.order_by(func.random()).limit(1)).scalar() or candidate
        every = this.settings.repeat_every
        if every and _due(len(mine), every, f"repeat {person.annotator_id}"):
            earlier = _repeatable(mine)
            if earlier is not None:
                return _assign(
                    connection, person, this, earlier.comparison_id, 1, not earlier.position_swapped
                )
    if candidate is None:
        return None
    return _assign(connection, person, this, candidate, 0, bool(secrets.randbits(1)))


def _due(n_served: int, every: int, of: str) -> bool:
    """Whether it is the turn of something that comes once in `every`, at a place of this annotator's own."""
    offset = int.from_bytes(hashlib.sha256(of.encode()).digest()[:4], "big") % every
    return n_served % every == offset


def _repeatable(mine: list[Row]) -> Row | None:
    """The earliest vote that was not asked for again, if at least three others came since."""
    again = {row.comparison_id for row in mine if row.repeat}
    votes = [row for row in mine[:-3] if row.action == "vote" and row.comparison_id not in again]
    return votes[0] if votes else None


def _assign(
    connection: Connection, person: Annotator, this: Round, comparison_id: str, repeat: int, swapped: bool
) -> Row:
    values = {
        "annotator_id": person.annotator_id,
        "comparison_id": comparison_id,
        "phase": this.phase,
        "repeat": repeat,
        "assignment_id": new_id(),
        "round_id": this.round_id,
        "position_swapped": swapped,
        "served_at": now(),
        "lease_until": now() + this.settings.lease_seconds,
    }
    connection.execute(insert(assignments).values(**values))
    query = select(assignments).where(assignments.c.assignment_id == values["assignment_id"])
    return connection.execute(query).one()


def _shown(connection: Connection, row: Row, remaining: int, judged: int) -> Served:
    query = select(comparisons).where(comparisons.c.comparison_id == row.comparison_id)
    item = connection.execute(query).one()
    pair = (item.completion_a, item.completion_b)
    left, right = reversed(pair) if row.position_swapped else pair
    return Served(
        row.assignment_id, row.comparison_id, row.phase, tuple(item.prompt), left, right, remaining, judged
    )
