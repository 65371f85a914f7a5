"""Who judges what next: what everybody judges first, then what has fewest votes; gold mixed in silently.

A served comparison is leased, so that votes and leases together never exceed what the round wants; its sides
are drawn here, once, and kept. Knows nothing of what was answered but whether it was.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

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


# The statements of a vote are built once: building one costs more than running it.
_round: Any = bindparam("round")
_phase: Any = bindparam("phase")
_person: Any = bindparam("person")
_now: Any = bindparam("now")
_comparison: Any = bindparam("comparison")
_assignment: Any = bindparam("assignment")
_MINE = (
    select(
        assignments.c.assignment_id,
        assignments.c.comparison_id,
        assignments.c.phase,
        assignments.c.repeat,
        assignments.c.action,
        assignments.c.position_swapped,
        assignments.c.lease_until,
    )
    .where(
        assignments.c.round_id == _round,
        assignments.c.phase == _phase,
        assignments.c.annotator_id == _person,
    )
    .order_by(assignments.c.served_at)
)
_LEASES = (  # how many people hold each comparison of the round now
    select(assignments.c.comparison_id, func.count().label("n"))
    .where(
        assignments.c.round_id == _round,
        assignments.c.phase == _phase,
        assignments.c.action.is_(None),
        assignments.c.repeat == 0,
        assignments.c.lease_until >= _now,
    )
    .group_by(assignments.c.comparison_id)
    .subquery()
)
_LOAD = coverage.c.votes + func.coalesce(_LEASES.c.n, 0)
_ROOM = (
    select(comparisons.c.is_common, comparisons.c.is_gold, _LOAD.label("load"))
    .join(coverage, coverage.c.comparison_id == comparisons.c.comparison_id)
    .outerjoin(_LEASES, _LEASES.c.comparison_id == comparisons.c.comparison_id)
    .where(comparisons.c.comparison_id == _comparison, coverage.c.phase == _phase)
)
_SEEN = select(assignments.c.comparison_id).where(
    assignments.c.annotator_id == _person,
    assignments.c.phase == _phase,
    assignments.c.round_id == _round,
)
_UNSEEN = select(comparisons.c.comparison_id).where(
    comparisons.c.round_id == _round, comparisons.c.comparison_id.not_in(_SEEN)
)
_HOW_MANY = func.count().over().label("n")
_LOWEST = (
    _UNSEEN.join(coverage, coverage.c.comparison_id == comparisons.c.comparison_id)
    .outerjoin(_LEASES, _LEASES.c.comparison_id == comparisons.c.comparison_id)
    .where(coverage.c.phase == _phase, comparisons.c.is_gold.is_(False))
    .where(comparisons.c.is_common | (bindparam("wanted") > _LOAD))
    .order_by(comparisons.c.is_common.desc(), _LOAD, func.random())
    .add_columns(_HOW_MANY)
    .limit(1)
)
_DISCUSSED = (
    _UNSEEN.where(comparisons.c.comparison_id.in_(bindparam("discussed", expanding=True)))
    .order_by(comparisons.c.position)
    .add_columns(_HOW_MANY)
    .limit(1)
)
_GOLD = _UNSEEN.where(comparisons.c.is_gold).order_by(func.random()).limit(1)
_SHOWN = select(comparisons.c.prompt, comparisons.c.completion_a, comparisons.c.completion_b).where(
    comparisons.c.comparison_id == _comparison
)
_HOLD = (
    update(assignments)
    .where(assignments.c.assignment_id == _assignment)
    .values(lease_until=bindparam("until"))
)
_ASSIGN = insert(assignments)


@dataclass
class _Place:
    """One of this person's assignments, as far as serving needs it."""

    assignment_id: str
    comparison_id: str
    phase: Phase
    repeat: int
    action: str | None
    position_swapped: bool
    lease_until: float


def _mine(connection: Connection, person: Annotator, this: Round) -> list[_Place]:
    given = {"round": this.round_id, "phase": this.phase, "person": person.annotator_id}
    return [_Place(*row) for row in connection.execute(_MINE, given)]


def _held(connection: Connection, mine: list[_Place], this: Round) -> _Place | None:
    """What was served and not yet judged; one whose lease ran out only while it still wants votes."""
    for place in mine:
        if place.action is not None:
            continue
        if place.lease_until < now() and not _has_room(connection, place, this):
            continue
        until = now() + this.settings.lease_seconds
        connection.execute(_HOLD, {"assignment": place.assignment_id, "until": until})
        return place
    return None


def _has_room(connection: Connection, place: _Place, this: Round) -> bool:
    """Whether one more vote on this comparison is wanted."""
    if this.phase == "discussed" or place.repeat:
        return True
    given = {"round": this.round_id, "phase": this.phase, "now": now(), "comparison": place.comparison_id}
    is_common, is_gold, load = connection.execute(_ROOM, given).one()
    return is_common or is_gold or load < this.settings.votes_wanted


def _lowest_coverage(connection: Connection, person: Annotator, this: Round) -> tuple[str | None, int]:
    """The comparison to judge next by the plain rule, and how many this person could judge."""
    given: dict[str, Any] = {"round": this.round_id, "phase": this.phase, "person": person.annotator_id}
    if this.phase == "discussed":
        row = connection.execute(_DISCUSSED, given | {"discussed": list(this.discussed)}).first()
    else:
        row = connection.execute(
            _LOWEST, given | {"now": now(), "wanted": this.settings.votes_wanted}
        ).first()
    return (row.comparison_id, row.n) if row else (None, 0)


def _serve(
    connection: Connection, person: Annotator, this: Round, mine: list[_Place], candidate: str | None
) -> _Place | None:
    """Draws sides for a new assignment: a gold item or a swapped repeat when one is due, else `candidate`."""
    if this.phase == "blind" and candidate is not None:
        if _due(len(mine), this.settings.gold_every, person.annotator_id):
            given = {"round": this.round_id, "phase": this.phase, "person": person.annotator_id}
            candidate = connection.execute(_GOLD, given).scalar() or candidate
        every = this.settings.repeat_every
        if every and _due(len(mine), every, f"repeat {person.annotator_id}"):
            earlier = _repeatable(mine)
            if earlier is not None:
                return _assign(
                    connection, person, this, earlier.comparison_id, 1, not earlier.position_swapped
                )
    if candidate is None:
        return None
    # What was discussed stands as it stood before everybody: who argued for A finds it under A.
    swapped = this.phase == "blind" and bool(secrets.randbits(1))
    return _assign(connection, person, this, candidate, 0, swapped)


def _due(n_served: int, every: int, of: str) -> bool:
    """Whether it is the turn of something that comes once in `every`, at a place of this annotator's own."""
    offset = int.from_bytes(hashlib.sha256(of.encode()).digest()[:4], "big") % every
    return n_served % every == offset


def _repeatable(mine: list[_Place]) -> _Place | None:
    """The earliest vote that was not asked for again, if at least three others came since."""
    again = {row.comparison_id for row in mine if row.repeat}
    votes = [row for row in mine[:-3] if row.action == "vote" and row.comparison_id not in again]
    return votes[0] if votes else None


def _assign(
    connection: Connection, person: Annotator, this: Round, comparison_id: str, repeat: int, swapped: bool
) -> _Place:
    at = now()
    place = _Place(
        new_id(), comparison_id, this.phase, repeat, None, swapped, at + this.settings.lease_seconds
    )
    values = {"annotator_id": person.annotator_id, "round_id": this.round_id, "served_at": at}
    connection.execute(_ASSIGN, values | vars(place))
    return place


def _shown(connection: Connection, place: _Place, remaining: int, judged: int) -> Served:
    item = connection.execute(_SHOWN, {"comparison": place.comparison_id}).one()
    left, right = item.completion_a, item.completion_b
    if place.position_swapped:
        left, right = right, left
    return Served(
        place.assignment_id,
        place.comparison_id,
        place.phase,
        tuple(item.prompt),
        left,
        right,
        remaining,
        judged,
    )
