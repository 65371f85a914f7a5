"""Imported comparisons as a round in the store: judged ones as a finished round, others as a draft to vote on.

Ids are made anew, so that a file can be imported twice and nobody loses theirs; the file's are kept beside.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from common.languages import ENGLISH
from labeling.rounds import lifecycle
from labeling.rounds.aggregation import Judged
from labeling.schema import NAMELESS, Annotation, Purpose, Round, RoundSettings, new_id, now
from labeling.storage.label_store import Store
from labeling.storage.tables import annotation_log, annotators, assignments, coverage, transitions
from labeling.storage.tables import rounds as round_table

_COUNTERS = {"vote": "votes", "skip": "skips", "report": "reports"}


@dataclass(frozen=True)
class Ingested:
    round_id: str
    name: str
    comparisons: int
    annotations: int
    superseded: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def ingest(store: Store, judged: Sequence[Judged], name: str) -> Ingested:
    """Keeps imported comparisons as a new round called `name`. Raises: Conflict `round.name_taken`."""
    policies = sorted({model for each in judged for model in each.comparison.models})
    purpose: Purpose = "judge" if len(policies) > 1 else "collect"
    round_ = lifecycle.create(store, name, purpose, policies, RoundSettings(common_items=0))
    fresh = [_renamed(each, round_.round_id) for each in judged]
    lifecycle.add_comparisons(store, round_.round_id, [each.comparison for each in fresh])
    kept, superseded = 0, 0
    with store.write() as connection:
        rows = list(_annotations(fresh, round_))
        if rows:
            _add_people(connection, round_, {row["annotator_id"] for row in rows})
            superseded = _add_judgements(connection, rows)
            kept = len(rows)
            step = {"from_state": "draft", "to_state": "revealed", "phase": round_.phase, "at": now()}
            connection.execute(insert(transitions).values(round_id=round_.round_id, **step))
            change = update(round_table).where(round_table.c.round_id == round_.round_id)
            connection.execute(change.values(state="revealed"))
    return Ingested(round_.round_id, round_.name, len(fresh), kept, superseded)


def _renamed(judged_item: Judged, round_id: str) -> Judged:
    item = judged_item.comparison
    metadata = {"source_id": item.comparison_id} | (item.metadata or {})
    fresh = replace(item, comparison_id=new_id(), round_id=round_id, metadata=metadata)
    return Judged(fresh, judged_item.annotations)


def _annotations(judged: Sequence[Judged], round_: Round) -> Iterator[dict[str, Any]]:
    """Table rows of all annotations. A vote that names nobody is one of an unknown person of its own."""
    for judged_item in judged:
        nameless = 0
        for vote in judged_item.annotations:
            who = _stored_name(vote, round_.round_id, nameless)
            nameless += not vote.annotator_id
            row = {name: getattr(vote, name) for name in Annotation.__dataclass_fields__}
            yield row | {
                "annotation_id": new_id(),
                "assignment_id": new_id(),
                "comparison_id": judged_item.comparison.comparison_id,
                "annotator_id": who,
                "round_id": round_.round_id,
                "body_hash": hashlib.sha256(vote.annotation_id.encode()).hexdigest(),
                "flags": list(vote.flags) or None,
                "supersedes": None,
            }


def _stored_name(vote: Annotation, round_id: str, nameless: int) -> str:
    """An id in the store: the file's own, marked so that it is never taken for somebody who joined."""
    if not vote.annotator_id:
        return f"{NAMELESS}{nameless}-{round_id[:16]}"
    name = f"imported-{vote.annotator_id}"
    if vote.annotator_id.startswith("imported-"):
        name = vote.annotator_id
    return name if len(name) <= 64 else f"imported-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _add_people(connection: Connection, this: Round, names: set[str]) -> None:
    known = set(connection.execute(select(annotators.c.annotator_id)).scalars())
    person = {"room_id": this.room_id, "kind": "imported", "group": "", "language": ENGLISH, "quota": 0}
    rows = [person | {"annotator_id": name, "created_at": now()} for name in sorted(names - known)]
    if rows:
        connection.execute(insert(annotators), rows)


def _add_judgements(connection: Connection, rows: list[dict[str, Any]]) -> int:
    """Inserts annotations with their assignments and counters; the last of each place is the current one.

    Returns how many were superseded.
    """
    places: dict[tuple, dict[str, Any]] = {}
    superseded = 0
    for row in rows:
        key = (row["annotator_id"], row["comparison_id"], row["phase"], row["repeat"])
        place = places.get(key)
        if place is None:
            names = ("annotator_id", "comparison_id", "phase", "repeat", "assignment_id", "round_id")
            place = {name: row[name] for name in names} | {"position_swapped": row["position_swapped"]}
            place |= {"served_at": row["created_at"], "lease_until": row["created_at"]}
            places[key] = place | {"current": None, "action": None}
            place = places[key]
        row["assignment_id"] = place["assignment_id"]
        if row["exclude_reason"] is None:
            superseded += place["current"] is not None
            row["supersedes"] = place["current"]
            place |= {"current": row["annotation_id"], "action": row["action"]}
    for place in places.values():  # all its annotations are excluded: the place stays judged, so nobody gets it
        place["action"] = place["action"] or "skip"
    connection.execute(insert(assignments), list(places.values()))
    connection.execute(insert(annotation_log), rows)
    tally = Counter(
        (place["comparison_id"], place["phase"], _COUNTERS[place["action"]])
        for place in places.values()
        if place["current"] and not place["repeat"]
    )
    for (comparison_id, phase, counter), n in tally.items():
        this = (coverage.c.comparison_id == comparison_id) & (coverage.c.phase == phase)
        connection.execute(update(coverage).where(this).values({counter: n}))
    return superseded
