"""Which annotations of a round count, and which do not and why; as columns for statistics, as values for
exports.

An annotation counts if it is the current one of its annotator, came in time, and nobody excluded it or its
annotator. What machines said (`source` ai) and what was rehearsed (`simulated`) is left out unless asked for.
Knows no statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import orjson
from sqlalchemy import ColumnElement, Connection, Row, exists, select

from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.rounds.aggregation import Judged
from labeling.schema import NAMELESS, Annotation, Sources, one_of
from labeling.statistics.vote_table import Columns, Votes
from labeling.storage.label_store import Store
from labeling.storage.tables import annotation_log, assignments, comparisons

_NOT_PEOPLE = ("ai", "simulated")
_FOR_STATISTICS = (
    "annotation_id",
    "comparison_id",
    "annotator_id",
    "action",
    "phase",
    "repeat",
    "position_swapped",
    "winner",
    "preference_strength",
    "decision_time_ms",
    "exclude_reason",
    "source",
)


def usual(store: Store, round_id: str) -> Sources:
    """Whose annotations are meant where nobody says: people's; where only simulated annotators judged, theirs."""
    rehearsed = _any(store, round_id, annotation_log.c.source == "simulated")
    return "simulated" if rehearsed and not by_people(store, round_id) else "people"


def by_people(store: Store, round_id: str) -> bool:
    """Whether people have judged something in a round, here or in what was imported."""
    return _any(store, round_id, annotation_log.c.source.not_in(_NOT_PEOPLE))


def _any(store: Store, round_id: str, which: ColumnElement[bool]) -> bool:
    query = select(exists().where(annotation_log.c.round_id == round_id, which))
    with store.read() as connection:
        return bool(connection.execute(query).scalar())


def votes_of(store: Store, round_id: str, sources: Sources = "people") -> Votes:
    """A round's counting votes of both phases as columns."""
    columns = Columns()
    with store.read() as connection:
        codes = {}
        for row in connection.execute(_in_order(round_id)):
            codes[row.comparison_id] = columns.item(
                row.comparison_id,
                orjson.dumps(row.prompt).decode(),
                (row.policy_a, row.policy_b),
                (len(row.completion_a), len(row.completion_b)),
                row.split == "heldout",
                row.gold_winner if row.is_gold else None,
            )
        for row, reason in _sorted_out(connection, round_id, sources):
            item = codes[row.comparison_id]
            if reason in ("skip", "report"):
                (columns.skip if reason == "skip" else columns.flag)(item)
            if reason:
                columns.left_out[reason] += 1
                continue
            columns.vote(
                item,
                None if row.annotator_id.startswith(NAMELESS) else row.annotator_id,
                row.winner,
                int(row.position_swapped),
                row.decision_time_ms,
                row.preference_strength,
                row.phase,
                row.repeat,
            )
    return columns.votes()


def judged_of(store: Store, round_id: str, sources: Sources = "people") -> list[Judged]:
    """A round's comparisons with their annotations; those that do not count carry their `exclude_reason`.

    Superseded and retracted annotations stay in the database alone.
    """
    said: dict[str, list[Annotation]] = {}
    with store.read() as connection:
        every = [lifecycle.comparison(row) for row in connection.execute(_in_order(round_id))]
        for row, reason in _sorted_out(connection, round_id, sources, everything=True):
            if reason not in ("superseded", "retract"):
                outside = None if reason in (None, "skip", "report") else reason
                said.setdefault(row.comparison_id, []).append(_annotation(row, outside))
    return [Judged(each, tuple(said.get(each.comparison_id, ()))) for each in every]


def usually_judged(store: Store, round_id: str) -> list[Judged]:
    """The same of those who are usually meant (`usual`)."""
    return judged_of(store, round_id, usual(store, round_id))


def _in_order(round_id: str):
    return select(comparisons).where(comparisons.c.round_id == round_id).order_by(comparisons.c.position)


def _sorted_out(
    connection: Connection, round_id: str, sources: Sources, everything: bool = False
) -> Iterator[tuple[Row, str | None]]:
    """Every annotation of the round with the reason why it is no counting vote, None for one that is."""
    one_of("sources", sources, get_args(Sources))
    excluded = annotators.excluded(connection)
    names = annotation_log.c.keys() if everything else _FOR_STATISTICS
    query = (
        select(*(annotation_log.c[name] for name in names), assignments.c.current)
        .join(assignments, assignments.c.assignment_id == annotation_log.c.assignment_id)
        .where(annotation_log.c.round_id == round_id)
        .order_by(annotation_log.c.seq)
    )
    if sources == "people":
        query = query.where(annotation_log.c.source.not_in(_NOT_PEOPLE))
    elif sources != "all":
        query = query.where(annotation_log.c.source == sources)
    for row in connection.execute(query.execution_options(yield_per=10_000)):
        reason = row.exclude_reason or excluded["annotation"].get(row.annotation_id)
        reason = reason or excluded["annotator"].get(row.annotator_id)
        if not reason and row.action == "retract":
            reason = "retract"
        elif not reason and row.current != row.annotation_id:
            reason = "superseded"
        elif not reason and row.action != "vote":
            reason = row.action
        yield row, reason


def _annotation(row: Row, reason: str | None) -> Annotation:
    fields = Annotation.__dataclass_fields__
    values = {name: getattr(row, name) for name in fields} | {"exclude_reason": reason}
    return Annotation(**(values | {"flags": tuple(row.flags or ())}))
