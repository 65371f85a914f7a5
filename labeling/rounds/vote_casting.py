"""A vote on its way in: checked, then one insert that is durable before the answer and counts once.

Everything a client sends (`ballots`) is checked here against the assignment that the server made. Nothing is
overwritten: a correction is a new annotation that supersedes the old one. Knows nothing of HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or

from common import hashing
from common.errors import AfinaError, Conflict, NotFound
from labeling.admission import vote_standing, workload
from labeling.rounds import lifecycle
from labeling.rounds.ballots import DAY_MS, Ballot
from labeling.schema import Action, Annotator, Round, Source, now
from labeling.storage.label_store import Store
from labeling.storage.prepared import Prepared
from labeling.storage.tables import annotation_log, assignments, coverage

# The statements of a vote are built once: building one costs more than running it.
_KNOWN = Prepared(
    select(annotation_log.c.body_hash, annotation_log.c.exclude_reason).where(
        annotation_log.c.annotation_id == bindparam("annotation")
    )
)
_PLACES = select(assignments).where(
    assignments.c.annotator_id == bindparam("person"),
    assignments.c.comparison_id == bindparam("comparison"),
)
_NEWEST = assignments.c.served_at.desc()
_PLACE = Prepared(_PLACES.order_by(_NEWEST).limit(1).with_for_update())
_NAMED_PLACE = Prepared(_PLACES.where(assignments.c.assignment_id == bindparam("assignment")).with_for_update())
_KEEP = Prepared(insert(annotation_log), tuple(c.name for c in annotation_log.c if c.name != "seq"))
_KEEP_ONCE = (
    insert_or(annotation_log).on_conflict_do_nothing(index_elements=["annotation_id"]).returning(annotation_log.c.seq)
)
_JUDGE = Prepared(
    update(assignments)
    .where(assignments.c.assignment_id == bindparam("assignment"))
    .values(current=bindparam("now_current"), action=bindparam("now_action"), lease_until=bindparam("until"))
)
_COUNT = Prepared(
    update(coverage)
    .where(coverage.c.comparison_id == bindparam("comparison"), coverage.c.phase == bindparam("of_phase"))
    .values(
        votes=coverage.c.votes + bindparam("vote"),
        skips=coverage.c.skips + bindparam("skip"),
        reports=coverage.c.reports + bindparam("report"),
        doubted=coverage.c.doubted + bindparam("doubted_vote"),
    )
)
_EDITED_BEFORE = (
    select(annotation_log.c.winner, annotation_log.c.edited_completion)
    .where(annotation_log.c.assignment_id == bindparam("assignment"), annotation_log.c.action == "vote")
    .order_by(annotation_log.c.seq.desc())
    .limit(1)
)


@dataclass(frozen=True)
class Receipt:
    """That a ballot is stored. `again`: it was there already."""

    annotation_id: str
    again: bool = False


def cast(store: Store, person: Annotator, ballot: Ballot, source: Source = "human") -> Receipt:
    """Stores one judgement, durably. Sent twice, it counts once.

    Raises: NotFound for a comparison that this annotator was never given; Conflict for an `annotation_id`
    that came with another body, for a second vote that supersedes nothing, or when the round has closed (the
    vote is then kept with `exclude_reason` "late").
    """
    fingerprint = _fingerprint(person, ballot)
    with store.write(cached=True) as connection:
        known = _known(connection, ballot, fingerprint)
        late, again = known or _insert(store, connection, person, ballot, fingerprint, source)
    if late:
        raise Conflict("vote.late")
    return Receipt(ballot.annotation_id, again)


def _insert(
    store: Store, connection: Connection, person: Annotator, ballot: Ballot, fingerprint: str, source: Source
) -> tuple[bool, bool]:
    """Adds the annotation and moves what hangs on it; returns (late, again)."""
    store.alone(connection)
    place = _assignment(connection, person, ballot)
    if not store.sqlite:  # the same ballot may have come in while we waited for its place
        known = _known(connection, ballot, fingerprint)
        if known is not None:
            return known
    round_ = lifecycle.remembered(store, connection, place.round_id)
    late = not round_.voting or round_.phase != place.phase
    row = _row(person, ballot, place, round_)
    if _outlived(connection, row):
        row |= {"edited_completion": None, "edited_from": None}
    row |= {"body_hash": fingerprint, "source": source, "exclude_reason": "late" if late else None}
    if not late:
        row["supersedes"] = _supersedes(ballot, place)
    if not _once(store, connection, row):  # another connection stored the same id a moment ago
        known = _known(connection, ballot, fingerprint)
        assert known is not None
        return known
    if not late:
        _settle(store, connection, ballot, place, round_)
    return late, False


def _known(connection: Connection, ballot: Ballot, fingerprint: str) -> tuple[bool, bool] | None:
    row = _KNOWN.first(connection, {"annotation": ballot.annotation_id})
    if row is None:
        return None
    if row.body_hash != fingerprint:
        raise Conflict("vote.other_body", annotation=ballot.annotation_id)
    return row.exclude_reason == "late", True


def _assignment(connection: Connection, person: Annotator, ballot: Ballot) -> Row:
    """What the server gave this annotator to judge; of one given twice, the one named or the last."""
    parameters = {"person": person.annotator_id, "comparison": ballot.comparison_id}
    if ballot.assignment_id is None:
        row = _PLACE.first(connection, parameters)
    else:
        row = _NAMED_PLACE.first(connection, parameters | {"assignment": ballot.assignment_id})
    if row is None:
        raise NotFound("vote.not_yours", comparison=ballot.comparison_id)
    return row


def _supersedes(ballot: Ballot, place: Row) -> str | None:
    """The annotation that this one replaces. Raises: Conflict if that is not the current one."""
    if ballot.action == "retract":
        if place.current is None:
            raise Conflict("vote.nothing_to_retract")
        if ballot.supersedes not in (None, place.current):
            raise Conflict("vote.stale", current=place.current)
        return place.current
    if place.current is not None and ballot.supersedes is None:
        raise Conflict("vote.already", current=place.current)
    if ballot.supersedes != place.current:
        raise Conflict("vote.stale", current=place.current)
    return ballot.supersedes


def _row(person: Annotator, ballot: Ballot, place: Row, round_: Round) -> dict[str, Any]:
    """The table row: the annotator's left and right turned into the comparison's a and b."""
    side = {"left": "b", "right": "a"} if place.position_swapped else {"left": "a", "right": "b"}
    winner = f"model_{side[ballot.winner]}" if ballot.winner in side else ballot.winner
    strength = ballot.strength if winner == "model_b" else -ballot.strength if ballot.strength else None
    rated = {side[key]: value for key, value in ballot.ratings.items()} if ballot.ratings else None
    if rated and not {name for scores in rated.values() for name in scores} <= set(round_.settings.criteria):
        raise AfinaError("label.criteria", value=", ".join(sorted({c for s in rated.values() for c in s})))
    at = now()
    return {
        "annotation_id": ballot.annotation_id,
        "comparison_id": ballot.comparison_id,
        "annotator_id": person.annotator_id,
        "round_id": place.round_id,
        "assignment_id": place.assignment_id,
        "action": ballot.action,
        "phase": place.phase,
        "repeat": place.repeat,
        "position_swapped": place.position_swapped,
        "winner": winner,
        "preference_strength": strength,
        "ratings": rated,
        "rationale": ballot.rationale,
        "edited_completion": ballot.edited_completion,
        "edited_from": side[ballot.edited_side] if ballot.edited_side else None,
        "flags": list(ballot.flags) or None,
        "guidelines_version": round_.guidelines_version,
        "group": person.group,
        "decision_time_ms": _decision_ms(ballot, at - place.served_at),
        "created_at": at,
        "supersedes": ballot.supersedes,
    }


def _decision_ms(ballot: Ballot, seconds: float) -> int | None:
    """What the page has measured; else the time since the serving, unknown where the clock was set back since."""
    if ballot.decision_time_ms is not None or seconds < 0:
        return ballot.decision_time_ms
    return min(DAY_MS, round(seconds * 1000))


def _outlived(connection: Connection, row: dict[str, Any]) -> bool:
    """Whether an edited reply was written for an earlier choice of this annotator, and does not fit the new one."""
    if row["action"] != "vote" or row["edited_completion"] is None:
        return False
    before = connection.execute(_EDITED_BEFORE, {"assignment": row["assignment_id"]}).first()
    if before is None or before.winner == row["winner"]:
        return False
    sides = ("model_a", "model_b")
    if row["edited_from"] and row["winner"] in sides:
        return row["winner"] != f"model_{row['edited_from']}"
    # Nothing says that it mends what wins now; only a text that was written anew is meant for this choice.
    unsaid = row["edited_from"] or row["winner"] in sides or before.winner in sides
    return bool(unsaid) and before.edited_completion == row["edited_completion"]


def _once(store: Store, connection: Connection, row: dict[str, Any]) -> bool:
    """Inserts the annotation unless its id is there; says whether it did."""
    if store.sqlite:  # the only writer: `_known` has just looked
        _KEEP.run(connection, row)
        return True
    return connection.execute(_KEEP_ONCE, row).first() is not None


def _settle(store: Store, connection: Connection, ballot: Ballot, place: Row, this: Round) -> None:
    """Moves the assignment and the counters to the new judgement."""
    retracted = ballot.action == "retract"
    until = now() + this.settings.lease_seconds if retracted else place.lease_until
    change: dict[str, Any] = {"now_current": None if retracted else ballot.annotation_id}
    change |= {"now_action": None if retracted else ballot.action, "until": until}
    _JUDGE.run(connection, change | {"assignment": place.assignment_id})
    after: Action | None = None if retracted else ballot.action
    before = place.action
    if place.current is not None and vote_standing.annotation_left_out(connection, place.current):
        before = None  # it had given its place back
    who = vote_standing.of(connection, place.annotator_id)
    load = workload.kept(store, place.round_id, place.phase)
    if load is not None:
        counted = before is not None or place.current is None
        held = (place.repeat, before, place.lease_until) if counted else None
        load.move(place.comparison_id, held, (place.repeat, after, until), who)
    if place.repeat or before == after or who.left_out:
        return
    steps = {each: (after == each) - (before == each) for each in get_args(Action) if each != "retract"}
    steps |= {"doubted_vote": steps["vote"] * who.doubted}
    _COUNT.run(connection, steps | {"comparison": place.comparison_id, "of_phase": place.phase})


def _fingerprint(person: Annotator, ballot: Ballot) -> str:
    values = {name: getattr(ballot, name) for name in ballot.__dataclass_fields__}
    return hashing.of_json([person.annotator_id, values])
