"""A vote on its way in: checked, then one insert that is durable before the answer and counts once.

Everything a client sends is checked here against the assignment that the server made. Nothing is
overwritten: a correction is a new annotation that supersedes the old one. Knows nothing of HTTP.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or

from common import hashing
from common.errors import AfinaError, Conflict, NotFound
from labeling import loads, rounds
from labeling.prepared import Prepared
from labeling.schema import (
    CHOICES,
    LIKERT,
    MAX_STRENGTH,
    MAX_TEXT,
    Action,
    Annotator,
    Choice,
    Round,
    Source,
    now,
    one_of,
    text_of,
)
from labeling.store import Store
from labeling.tables import annotation_log, assignments, coverage

_DAY_MS = 86_400_000
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
_NAMED_PLACE = Prepared(
    _PLACES.where(assignments.c.assignment_id == bindparam("assignment")).with_for_update()
)
_KEEP = Prepared(insert(annotation_log), tuple(c.name for c in annotation_log.c if c.name != "seq"))
_KEEP_ONCE = (
    insert_or(annotation_log)
    .on_conflict_do_nothing(index_elements=["annotation_id"])
    .returning(annotation_log.c.seq)
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
    )
)


@dataclass(frozen=True)
class Ballot:
    """What one annotator sends, in their own left and right."""

    annotation_id: str
    comparison_id: str
    action: Action = "vote"
    winner: Choice | None = None
    strength: int | None = None  # 1 slightly … 3 much better; only where one side wins
    ratings: dict[str, dict[str, int]] | None = None  # {"left": {criterion: 1…5}, "right": {…}}
    rationale: str | None = None
    edited_completion: str | None = None
    edited_side: str | None = None
    flags: tuple[str, ...] = ()
    decision_time_ms: int | None = None
    supersedes: str | None = None
    assignment_id: str | None = None  # tells a swapped repeat from its first asking

    @classmethod
    def parse(cls, body: object) -> Ballot:
        """A ballot from decoded JSON.

        Raises: AfinaError naming the field that is wrong; unknown fields too.
        """
        if not isinstance(body, Mapping):
            raise AfinaError("label.not_object", found=type(body).__name__)
        unknown = sorted(set(map(str, body)) - set(cls.__dataclass_fields__))
        if unknown:
            raise AfinaError("label.unknown_field", name=unknown[0])
        given = {name: value for name, value in body.items() if value is not None}
        for name in ("annotation_id", "comparison_id"):
            if name not in given:
                raise AfinaError("label.missing", name=name)
        if isinstance(given.get("flags"), list):
            given["flags"] = tuple(given["flags"])
        return cls(**given)

    def __post_init__(self) -> None:
        object.__setattr__(self, "annotation_id", _uuid("annotation_id", self.annotation_id))
        for name in ("comparison_id", "supersedes", "assignment_id"):
            if getattr(self, name) is not None:
                text_of(name, getattr(self, name), 64)
        if self.supersedes is not None:
            object.__setattr__(self, "supersedes", _uuid("supersedes", self.supersedes))
        one_of("action", self.action, get_args(Action))
        if self.action == "vote":
            one_of("winner", self.winner, CHOICES)
        elif self.winner is not None:
            raise AfinaError("label.winner_without_vote", action=self.action)
        self._check_details()

    def _check_details(self) -> None:
        if self.strength is not None:
            _number("strength", self.strength, 1, MAX_STRENGTH)
            if self.winner not in ("left", "right"):
                raise AfinaError("label.strength_without_side", winner=self.winner)
        if self.decision_time_ms is not None:
            _number("decision_time_ms", self.decision_time_ms, 0, _DAY_MS)
        for name in ("rationale", "edited_completion"):
            if getattr(self, name) is not None:
                text_of(name, getattr(self, name), MAX_TEXT)
        if self.edited_side is not None:
            one_of("edited_side", self.edited_side, ("left", "right"))
        if self.edited_completion is not None and not self.edited_completion.strip():
            raise AfinaError("label.empty", name="edited_completion")
        if not isinstance(self.flags, tuple) or len(self.flags) > 10:
            raise AfinaError("label.flags")
        for flag in self.flags:
            text_of("flags", flag, 60)
        if self.ratings is not None:
            _check_ratings(self.ratings)


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
    with store.write(keeps=True) as connection:
        known = _known(connection, ballot, fingerprint)
        late, again = known or _insert(store, connection, person, ballot, fingerprint, source)
    if late:
        raise Conflict("vote.late")
    return Receipt(ballot.annotation_id, again)


def _insert(
    store: Store, connection: Connection, person: Annotator, ballot: Ballot, fingerprint: str, source: Source
) -> tuple[bool, bool]:
    """Adds the annotation and moves what hangs on it; returns (late, again)."""
    place = _assignment(connection, person, ballot)
    if not store.sqlite:  # the same ballot may have come in while we waited for its place
        known = _known(connection, ballot, fingerprint)
        if known is not None:
            return known
    this = rounds.remembered(store, connection, place.round_id)
    late = not this.voting or this.phase != place.phase
    row = _row(person, ballot, place, this)
    row |= {"body_hash": fingerprint, "source": source, "exclude_reason": "late" if late else None}
    if not late:
        row["supersedes"] = _supersedes(ballot, place)
    if not _once(store, connection, row):  # another connection stored the same id a moment ago
        known = _known(connection, ballot, fingerprint)
        assert known is not None
        return known
    if not late:
        _settle(store, connection, ballot, place, this)
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
    given = {"person": person.annotator_id, "comparison": ballot.comparison_id}
    if ballot.assignment_id is None:
        row = _PLACE.first(connection, given)
    else:
        row = _NAMED_PLACE.first(connection, given | {"assignment": ballot.assignment_id})
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


def _row(person: Annotator, ballot: Ballot, place: Row, this: Round) -> dict[str, Any]:
    """The table row: the annotator's left and right turned into the comparison's a and b."""
    side = {"left": "b", "right": "a"} if place.position_swapped else {"left": "a", "right": "b"}
    winner = f"model_{side[ballot.winner]}" if ballot.winner in side else ballot.winner
    strength = ballot.strength if winner == "model_b" else -ballot.strength if ballot.strength else None
    rated = {side[key]: value for key, value in ballot.ratings.items()} if ballot.ratings else None
    if rated and not {name for scores in rated.values() for name in scores} <= set(this.settings.criteria):
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
        "guidelines_version": this.guidelines_version,
        "group": person.group,
        "decision_time_ms": ballot.decision_time_ms
        if ballot.decision_time_ms is not None
        else min(_DAY_MS, max(0, round((at - place.served_at) * 1000))),
        "created_at": at,
        "supersedes": ballot.supersedes,
    }


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
    given: dict[str, Any] = {"now_current": None if retracted else ballot.annotation_id}
    given |= {"now_action": None if retracted else ballot.action, "until": until}
    _JUDGE.run(connection, given | {"assignment": place.assignment_id})
    after: Action | None = None if retracted else ballot.action
    load = loads.kept(store, place.round_id, place.phase)
    if load is not None:
        load.move(
            place.comparison_id,
            (place.repeat, place.action, place.lease_until),
            (place.repeat, after, until),
        )
    if place.repeat or place.action == after:
        return
    steps = {each: (after == each) - (place.action == each) for each in get_args(Action) if each != "retract"}
    _COUNT.run(connection, steps | {"comparison": place.comparison_id, "of_phase": place.phase})


def _fingerprint(person: Annotator, ballot: Ballot) -> str:
    values = {name: getattr(ballot, name) for name in ballot.__dataclass_fields__}
    return hashing.of_json([person.annotator_id, values])


def _uuid(name: str, value: object) -> str:
    try:
        return uuid.UUID(text_of(name, value, 64)).hex
    except ValueError:
        raise AfinaError("label.uuid", name=name, value=value) from None


def _number(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise AfinaError("label.number", name=name, value=value, low=low, high=high)


def _check_ratings(given: object) -> None:
    if not isinstance(given, Mapping) or not given.keys() <= {"left", "right"}:
        raise AfinaError("label.ratings")
    for scores in given.values():
        if not isinstance(scores, Mapping) or len(scores) > 10:
            raise AfinaError("label.ratings")
        for criterion, value in scores.items():
            text_of("criterion", criterion, 60)
            _number(f"ratings.{criterion}"[:80], value, *LIKERT)
