"""Who judges what next: what everybody judges first, then what has fewest votes; gold mixed in silently.

A served comparison is leased, so that votes and leases together never exceed what the round wants; its sides
are drawn here, once, and kept. Knows nothing of what was answered but whether it was.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from common.errors import Conflict
from labeling.admission import vote_standing, workload
from labeling.admission.workload import Held, Loads
from labeling.rounds import lifecycle
from labeling.schema import Action, Annotator, Message, Phase, Round, new_id, now
from labeling.storage.label_store import Store
from labeling.storage.prepared import Prepared
from labeling.storage.tables import assignments, comparisons

LEAST = 5  # comparisons that whoever came by the door is served, though all votes are there


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
    with store.write(cached=True) as connection:
        store.lock(connection, f"serve {round_id}")
        round_ = lifecycle.remembered(store, connection, round_id)
        if not round_.voting or round_.room_id != person.room_id:
            raise Conflict("vote.closed", n=round_.number, state=round_.state)
        mine = _mine(connection, person, round_)
        judged = sum(1 for row in mine if row.action is not None)
        quota = person.quota or round_.settings.quota
        left_over = quota - sum(1 for row in mine if row.action and not row.repeat) if quota else None
        load = workload.read(store, connection, round_)
        seen = {row.comparison_id for row in mine}
        candidate, n_open = _candidate(load, round_, seen)
        if candidate is None and judged < LEAST and _came_by_the_door(connection, person, round_):
            candidate, n_open = load.least(seen, LEAST - judged)
        held = _held(connection, person, mine, round_, load)
        if held is None and left_over is not None and left_over <= 0:
            return None
        if held is None:
            held = _serve(connection, person, round_, mine, candidate, load)
        if held is None:
            return None
        waits = n_open + (0 if held.comparison_id == candidate else 1)
        remaining = max(1, waits if left_over is None else min(waits, left_over))
        return _shown(connection, held, remaining, judged)


# The statements of a vote are built once: building one costs more than running it.
_MINE = Prepared(
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
        assignments.c.round_id == bindparam("round"),
        assignments.c.phase == bindparam("phase"),
        assignments.c.annotator_id == bindparam("person"),
    )
    .order_by(assignments.c.served_at)
)
_SHOWN = Prepared(
    select(comparisons.c.prompt, comparisons.c.completion_a, comparisons.c.completion_b).where(
        comparisons.c.comparison_id == bindparam("comparison")
    )
)
_HOLD = Prepared(
    update(assignments)
    .where(assignments.c.assignment_id == bindparam("assignment"))
    .values(lease_until=bindparam("until"))
)
_ASSIGN = Prepared(insert(assignments), tuple(c.name for c in assignments.c if c.name != "current"))


@dataclass
class _Place:
    """One of this person's assignments, as far as serving needs it."""

    assignment_id: str
    comparison_id: str
    phase: Phase
    repeat: int
    action: Action | None
    position_swapped: bool
    lease_until: float

    @property
    def held(self) -> Held:
        return self.repeat, self.action, self.lease_until


def _mine(connection: Connection, person: Annotator, this: Round) -> list[_Place]:
    parameters = {"round": this.round_id, "phase": this.phase, "person": person.annotator_id}
    return [_Place(*row) for row in _MINE.all(connection, parameters)]


def _held(connection: Connection, person: Annotator, mine: list[_Place], round_: Round, load: Loads) -> _Place | None:
    """What was served and not yet judged; one whose lease ran out only while it still wants votes.

    Looking again does not prolong a lease: who never votes holds a place once.
    """
    for place in mine:
        if place.action is not None:
            continue
        free = round_.phase == "discussed" or place.repeat or load.has_room(place.comparison_id)
        if not (load.holds(place.lease_until) or free):
            continue
        if place.lease_until > load.latest:  # given before the clock was set back: it holds by the clock of now
            until, before = now() + round_.settings.lease_seconds, place.held
            _HOLD.run(connection, {"assignment": place.assignment_id, "until": until})
            place.lease_until = until
            load.move(place.comparison_id, before, place.held, vote_standing.of(connection, person.annotator_id))
        return place
    return None


def _came_by_the_door(connection: Connection, person: Annotator, round_: Round) -> bool:
    """Whether somebody typed the room's code, and nothing speaks against their being of the class.

    A script can take every place of a round before the class has joined: nobody of the class is sent away with nothing.
    """
    by_code = round_.phase == "blind" and person.device is not None
    return by_code and not vote_standing.of(connection, person.annotator_id).doubted


def _candidate(load: Loads, this: Round, seen: set[str]) -> tuple[str | None, int]:
    """The comparison to judge next by the plain rule, and how many this person could judge."""
    return load.discussed(this.discussed, seen) if this.phase == "discussed" else load.lowest(seen)


def _serve(
    connection: Connection,
    person: Annotator,
    round_: Round,
    mine: list[_Place],
    candidate: str | None,
    load: Loads,
) -> _Place | None:
    """Draws sides for a new assignment: a gold item or a swapped repeat when one is due, else `candidate`."""
    if round_.phase == "blind" and candidate is not None:
        if _due(len(mine), round_.settings.gold_every, person.annotator_id):
            candidate = load.gold({row.comparison_id for row in mine}) or candidate
        every = round_.settings.repeat_every
        if every and _due(len(mine), every, f"repeat {person.annotator_id}"):
            earlier = _repeatable(mine)
            if earlier is not None:
                swapped = not earlier.position_swapped
                return _assign(connection, person, round_, earlier.comparison_id, 1, swapped)
    if candidate is None:
        return None
    # What was discussed stands as it stood before everybody: who argued for A finds it under A.
    swapped = bool(secrets.randbits(1)) if round_.phase == "blind" else round_.swapped(candidate)
    place = _assign(connection, person, round_, candidate, 0, swapped)
    load.move(candidate, None, place.held, vote_standing.of(connection, person.annotator_id))
    return place


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
    connection: Connection, person: Annotator, round_: Round, comparison_id: str, repeat: int, swapped: bool
) -> _Place:
    at = now()
    place = _Place(new_id(), comparison_id, round_.phase, repeat, None, swapped, at + round_.settings.lease_seconds)
    values = {"annotator_id": person.annotator_id, "round_id": round_.round_id, "served_at": at}
    _ASSIGN.run(connection, values | vars(place))
    return place


def _shown(connection: Connection, place: _Place, remaining: int, judged: int) -> Served:
    item = _SHOWN.first(connection, {"comparison": place.comparison_id})
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
