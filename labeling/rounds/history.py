"""What one annotator has judged so far, as they saw it: to look at again and to correct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from labeling.schema import Action, Choice, Message, Phase
from labeling.storage.label_store import Store
from labeling.storage.tables import annotation_log, assignments, comparisons


@dataclass(frozen=True)
class Past:
    """A current judgement, in this annotator's own left and right."""

    annotation_id: str
    assignment_id: str
    comparison_id: str
    phase: Phase
    action: Action
    winner: Choice | None
    prompt: tuple[Message, ...]
    left: str
    right: str
    strength: int | None  # 1 slightly … 3 much better
    ratings: dict[str, dict[str, int]]  # {"left": {criterion: 1…5}, "right": {…}}
    rationale: str | None
    edited_completion: str | None
    edited_side: Literal["left", "right"] | None
    created_at: float


def of(store: Store, annotator_id: str, round_id: str, most: int = 50) -> list[Past]:
    """The newest `most` current judgements of an annotator in a round."""
    query = (
        select(annotation_log, assignments.c.position_swapped.label("swapped"))
        .add_columns(comparisons.c.prompt, comparisons.c.completion_a, comparisons.c.completion_b)
        .join(assignments, assignments.c.current == annotation_log.c.annotation_id)
        .join(comparisons, comparisons.c.comparison_id == annotation_log.c.comparison_id)
        .where(assignments.c.annotator_id == annotator_id, assignments.c.round_id == round_id)
        .order_by(annotation_log.c.seq.desc())
        .limit(most)
    )
    with store.read() as connection:
        rows = connection.execute(query).all()
    return [_past(row) for row in rows]


def _past(row) -> Past:
    first, second = ("right", "left") if row.swapped else ("left", "right")
    sides = {"model_a": first, "model_b": second}
    pair = (row.completion_b, row.completion_a) if row.swapped else (row.completion_a, row.completion_b)
    return Past(
        annotation_id=row.annotation_id,
        assignment_id=row.assignment_id,
        comparison_id=row.comparison_id,
        phase=row.phase,
        action=row.action,
        winner=sides.get(row.winner, row.winner),  # type: ignore[arg-type]
        prompt=tuple(row.prompt),
        left=pair[0],
        right=pair[1],
        strength=abs(row.preference_strength) if row.preference_strength else None,
        ratings={sides[f"model_{each}"]: scores for each, scores in (row.ratings or {}).items()},
        rationale=row.rationale,
        edited_completion=row.edited_completion,
        edited_side=sides[f"model_{row.edited_from}"] if row.edited_from else None,  # type: ignore[arg-type]
        created_at=row.created_at,
    )
