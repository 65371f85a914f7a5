"""What machines judge: kept like votes, marked `ai`, apart from people's.

A judge is an annotator of its own for each rubric that it was given. Its annotations take no place in a round: they
count towards no comparison's wanted votes and come at any time. Nothing shows them beside people's unasked
(`labeling.rounds.vote_selection`). Knows no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from common.languages import ENGLISH
from labeling.rounds import lifecycle
from labeling.schema import AI_PREFIX, WINNERS, Winner, new_id, now, one_of, text_of
from labeling.storage.label_store import Store
from labeling.storage.tables import annotation_log, annotators, assignments


@dataclass(frozen=True)
class MachineVote:
    comparison_id: str
    winner: Winner
    rationale: str = ""


@dataclass(frozen=True)
class Machine:
    annotator_id: str
    name: str
    n: int  # comparisons of the round that it has judged


def identity(name: str, rubric: str) -> str:
    """The annotator's id of a judge under a rubric: another rubric is another judge."""
    return AI_PREFIX + hashlib.sha256(f"{name}\n{rubric}".encode()).hexdigest()[:32]


def judged(store: Store, round_id: str, annotator_id: str) -> set[str]:
    """The comparisons of a round that a judge has judged."""
    query = select(annotation_log.c.comparison_id).where(
        annotation_log.c.round_id == round_id, annotation_log.c.annotator_id == annotator_id
    )
    with store.read() as connection:
        return set(connection.execute(query).scalars())


def listed(store: Store, round_id: str) -> list[Machine]:
    """The judges that have judged comparisons of a round."""
    query = (
        select(annotators.c.annotator_id, annotators.c.group, annotation_log.c.comparison_id)
        .join(annotation_log, annotation_log.c.annotator_id == annotators.c.annotator_id)
        .where(annotation_log.c.round_id == round_id, annotation_log.c.source == "ai")
        .distinct()
    )
    counts: dict[tuple[str, str], int] = {}
    with store.read() as connection:
        for row in connection.execute(query):
            key = (row.annotator_id, row.group)
            counts[key] = counts.get(key, 0) + 1
    return [Machine(who, name, n) for (who, name), n in sorted(counts.items(), key=lambda each: each[0][1])]


def record(store: Store, round_id: str, name: str, rubric: str, votes: Sequence[MachineVote]) -> int:
    """Keeps a judge's votes on comparisons of a round; what it has judged before stays. Returns how many are new.

    Raises: NotFound for an unknown round; AfinaError for what is no winner.
    """
    round_ = lifecycle.get(store, round_id)
    who = identity(name, rubric)
    known = judged(store, round_.round_id, who)
    fresh = [vote for vote in votes if vote.comparison_id not in known]
    at = now()
    places: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for vote in fresh:
        one_of("winner", vote.winner, WINNERS)
        place: dict[str, Any] = {
            "annotator_id": who,
            "comparison_id": vote.comparison_id,
            "phase": "blind",
            "repeat": 0,
        }
        place |= {"assignment_id": new_id(), "round_id": round_.round_id, "position_swapped": False}
        row = place | {"annotation_id": new_id(), "action": "vote", "winner": vote.winner, "source": "ai"}
        row |= {"body_hash": hashlib.sha256(row["annotation_id"].encode()).hexdigest(), "created_at": at}
        row |= {
            "rationale": text_of("rationale", vote.rationale[:2000]) or None,
            "group": "",
            "guidelines_version": 0,
        }
        rows.append(row)
        place |= {"served_at": at, "lease_until": at, "current": row["annotation_id"], "action": "vote"}
        places.append(place)
    if not rows:
        return 0
    with store.write() as connection:
        store.lock(connection, f"judge {who}")
        there = connection.execute(select(annotators.c.annotator_id).where(annotators.c.annotator_id == who)).first()
        if there is None:
            person: dict[str, Any] = {
                "annotator_id": who,
                "room_id": round_.room_id,
                "kind": "machine",
                "group": name[:100],
            }
            person |= {"language": ENGLISH, "quota": 0, "created_at": at}
            connection.execute(insert(annotators), [person])
        connection.execute(insert(assignments), places)
        connection.execute(insert(annotation_log), rows)
    return len(rows)
