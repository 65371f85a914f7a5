"""A round while it runs: who is in, how many votes there are, how far it is. Cheap enough to ask every second.

Counts come from the counters that every vote moves, never from a walk over the votes. Knows no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, exists, func, select

from labeling.rounds import planning
from labeling.schema import AI_PREFIX, Round, now
from labeling.storage.label_store import Store
from labeling.storage.tables import (
    annotation_log,
    annotators,
    assignments,
    comparisons,
    coverage,
    prompts,
    transitions,
)

_RECENT = 120.0  # seconds of votes that a forecast looks at


_JUDGED = (
    select(func.count())
    .select_from(assignments)
    .where(
        assignments.c.annotator_id == bindparam("person"),
        assignments.c.round_id == bindparam("round"),
        assignments.c.phase == bindparam("phase"),
        assignments.c.action.is_not(None),
    )
)


_GONE = (  # whoever is not waited for any more, or does not count
    annotators.c.revoked_at.is_not(None)
    | annotators.c.withdrawn_at.is_not(None)
    | annotators.c.undone_at.is_not(None)
    | annotators.c.left_out
)


@dataclass(frozen=True)
class Counters:
    """A round at one moment, in its present phase."""

    joined: int  # people of the room who have not left
    voting: int  # those who have judged something in this phase
    comparisons: int  # to be judged in this phase
    complete: int  # of them, those with all votes that are wanted
    votes: int
    wanted: int  # votes, once everything is complete
    skips: int
    reports: int
    seconds_left: float | None  # at the present pace; None without one
    simulated: bool = False  # annotators who are not there have judged here
    missing: int = 0  # votes that are still wanted

    @property
    def coverage(self) -> float:
        """The share of wanted votes that are in; votes beyond what one comparison wants fill no other."""
        return 1 - self.missing / self.wanted if self.wanted else 0.0


def counters(store: Store, round_: Round) -> Counters:
    with store.read() as connection:
        joined, (electorate, trusted) = _joined(connection, round_), _voters(connection, round_)
        simulated = _scalar(connection, _simulated(round_))
        voting = _scalar(
            connection,
            select(func.count(func.distinct(assignments.c.annotator_id)))
            .join(annotators, annotators.c.annotator_id == assignments.c.annotator_id)
            .where(
                ~_GONE,
                assignments.c.round_id == round_.round_id,
                assignments.c.phase == round_.phase,
                assignments.c.action.is_not(None),
                ~assignments.c.annotator_id.startswith(AI_PREFIX, autoescape=True),
            ),
        )
        rows = _coverage(connection, round_)
        at = now()
        counting = annotators.c.annotator_id == annotation_log.c.annotator_id
        recent = select(annotation_log.c.created_at).join(annotators, counting)
        recent = recent.where(
            annotators.c.left_out.is_(False),
            annotation_log.c.round_id == round_.round_id,
            annotation_log.c.phase == round_.phase,
            annotation_log.c.action == "vote",
            annotation_log.c.source != "ai",
            annotation_log.c.created_at >= at - _RECENT,
        )
        times = list(connection.execute(recent).scalars())
    wants = [
        electorate + simulated if round_.phase == "discussed" or row.is_common else round_.settings.votes_wanted
        for row in rows
    ]
    filled = [row.votes - row.doubted * trusted for row in rows]  # doubted votes fill nobody's place
    missing = sum(max(0, want - there) for there, want in zip(filled, wants, strict=True))
    return Counters(
        joined=joined + simulated,
        simulated=simulated > 0,
        voting=voting,
        comparisons=len(rows),
        complete=sum(there >= want > 0 for there, want in zip(filled, wants, strict=True)),
        votes=sum(row.votes for row in rows),
        wanted=sum(wants),
        skips=sum(row.skips for row in rows),
        reports=sum(row.reports for row in rows),
        missing=missing,
        seconds_left=planning.forecast(times, missing, at),
    )


def generation(store: Store, round_id: str) -> dict[str, int]:
    """How many of a round's prompts are `waiting`, `generated`, `dropped`."""
    query = select(prompts.c.state, func.count()).where(prompts.c.round_id == round_id).group_by(prompts.c.state)
    with store.read() as connection:
        found: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {state: found.get(state, 0) for state in ("waiting", "generated", "dropped")}


def version(store: Store) -> int:
    """Grows with every step of every round: what tells a phone that something has changed."""
    with store.read() as connection:
        return _scalar(connection, select(func.coalesce(func.max(transitions.c.seq), 0)))


def judged(store: Store, annotator_id: str, this: Round) -> int:
    """How many comparisons somebody has judged in the round's present phase."""
    parameters = {"person": annotator_id, "round": this.round_id, "phase": this.phase}
    with store.read() as connection:
        return int(connection.execute(_JUDGED, parameters).scalar_one())


def _joined(connection: Connection, this: Round) -> int:
    """Somebody invited has joined when something was put before them; until then there is only a link."""
    here = annotators.c.room_id == this.room_id
    served = exists().where(assignments.c.annotator_id == annotators.c.annotator_id)
    present = here & ((annotators.c.kind == "voter") | ((annotators.c.kind == "invited") & served))
    return _scalar(connection, select(func.count()).select_from(annotators).where(present, ~_GONE))


def _voters(connection: Connection, round_: Round) -> tuple[int, bool]:
    """People before whom this round has put something, and whether they are the undoubted alone.

    Who left in an earlier lesson is not waited for; nor is somebody whose joining is doubted, unless there is
    nobody else.
    """
    here = select(assignments.c.annotator_id).where(assignments.c.round_id == round_.round_id)
    people = annotators.c.kind.in_(("voter", "invited"))
    query = select(func.count()).select_from(annotators).where(annotators.c.annotator_id.in_(here), people, ~_GONE)
    undoubted = _scalar(connection, query.where(annotators.c.doubt == ""))
    return (undoubted, True) if undoubted else (_scalar(connection, query), False)


def _simulated(this: Round) -> Select:
    """The annotators of this very round who are not there."""
    served = exists().where(
        assignments.c.annotator_id == annotators.c.annotator_id, assignments.c.round_id == this.round_id
    )
    return select(func.count()).select_from(annotators).where(annotators.c.kind == "simulated", served)


def _coverage(connection: Connection, round_: Round) -> list[Any]:
    query = (
        select(
            coverage.c.votes,
            coverage.c.skips,
            coverage.c.reports,
            coverage.c.doubted,
            case((comparisons.c.is_common, 1), else_=0).label("is_common"),
        )
        .join(comparisons, comparisons.c.comparison_id == coverage.c.comparison_id)
        .where(coverage.c.round_id == round_.round_id, coverage.c.phase == round_.phase)
        .where(comparisons.c.is_gold.is_(False))
    )
    if round_.phase == "discussed":
        query = query.where(comparisons.c.comparison_id.in_(round_.discussed))
    return list(connection.execute(query))


def _scalar(connection: Connection, query: Any) -> int:
    return int(connection.execute(query).scalar_one())
