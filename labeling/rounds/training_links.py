"""Which votes made which adapters: from a run to its annotations, from an annotation to the runs that learned from it.

Annotations that were left out or withdrawn since stay named: they have trained all the same. Knows no run but its id.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from common.errors import NotFound
from labeling.admission import annotators
from labeling.schema import Message, Source, Winner
from labeling.storage.label_store import Store
from labeling.storage.tables import annotation_log, comparisons, trained


@dataclass(frozen=True)
class Taught:
    """One annotation that a run learned from."""

    annotation_id: str
    round_id: str
    comparison_id: str
    prompt: tuple[Message, ...]
    winner: Winner | None
    source: Source
    created_at: float
    left_out: str | None  # why it counts no more: withdrawn, or a person's reason


@dataclass(frozen=True)
class Share:
    """How many annotations of a round a run learned from, and how many of them count no more."""

    round_id: str
    n: int
    left_out: int


def runs_of(store: Store, annotation_id: str) -> list[str]:
    """The ids of the runs that learned from an annotation; the beginning of its id is enough.

    Raises: NotFound `label.no_annotation`.
    """
    prefix = annotation_id.strip()
    like = annotation_log.c.annotation_id.startswith(prefix, autoescape=True)
    with store.read() as connection:
        known = connection.execute(select(annotation_log.c.annotation_id).where(like).limit(2)).scalars().all()
        if len(prefix) < 6 or len(known) != 1:
            raise NotFound("label.no_annotation", annotation=prefix or "-")
        query = select(trained.c.run_id).where(trained.c.annotation_id == known[0])
        return sorted(connection.execute(query).scalars())


def round_of(store: Store, run_id: str) -> str | None:
    """The id of a round that a run learned from; None where it learned from none."""
    log = annotation_log.c
    query = select(log.round_id).join(trained, trained.c.annotation_id == log.annotation_id)
    with store.read() as connection:
        return connection.execute(query.where(trained.c.run_id == run_id).limit(1)).scalar()


def taught(store: Store, run_id: str) -> list[Taught]:
    """What a run learned from, oldest first."""
    log = annotation_log.c
    query = (
        select(
            log.annotation_id,
            log.annotator_id,
            log.round_id,
            log.comparison_id,
            log.winner,
            log.source,
            log.created_at,
            comparisons.c.prompt,
        )
        .join(trained, trained.c.annotation_id == log.annotation_id)
        .join(comparisons, comparisons.c.comparison_id == log.comparison_id)
        .where(trained.c.run_id == run_id)
        .order_by(log.seq)
    )
    with store.read() as connection:
        out = annotators.excluded(connection)
        return [
            Taught(
                row.annotation_id,
                row.round_id,
                row.comparison_id,
                tuple(row.prompt),
                row.winner,
                row.source,
                row.created_at,
                out["annotation"].get(row.annotation_id) or out["annotator"].get(row.annotator_id),
            )
            for row in connection.execute(query)
        ]


def shares(store: Store) -> dict[str, list[Share]]:
    """run id -> the rounds that it learned from."""
    log = annotation_log.c
    query = select(trained.c.run_id, log.round_id, log.annotation_id, log.annotator_id).join(
        trained, trained.c.annotation_id == log.annotation_id
    )
    counts: dict[tuple[str, str], list[int]] = {}
    with store.read() as connection:
        out = annotators.excluded(connection)
        for row in connection.execute(query):
            count = counts.setdefault((row.run_id, row.round_id), [0, 0])
            gone = row.annotation_id in out["annotation"] or row.annotator_id in out["annotator"]
            count[0] += 1
            count[1] += gone
    found: dict[str, list[Share]] = {}
    for (run_id, round_id), (n, left_out) in counts.items():
        found.setdefault(run_id, []).append(Share(round_id, n, left_out))
    return found
