"""A judgement as a client sends it, in its own left and right: every field is checked here.

Knows no round and no store: whether it fits what was served is checked in `casting`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from common.errors import AfinaError
from labeling.schema import (
    CHOICES,
    LIKERT,
    MAX_STRENGTH,
    MAX_TEXT,
    Action,
    Choice,
    one_of,
    text_of,
)

DAY_MS = 86_400_000


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
        fields = {name: value for name, value in body.items() if value is not None}
        for name in ("annotation_id", "comparison_id"):
            if name not in fields:
                raise AfinaError("label.missing", name=name)
        if isinstance(fields.get("flags"), list):
            fields["flags"] = tuple(fields["flags"])
        return cls(**fields)

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
            _number("decision_time_ms", self.decision_time_ms, 0, DAY_MS)
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


def _uuid(name: str, value: object) -> str:
    try:
        return uuid.UUID(text_of(name, value, 64)).hex
    except ValueError:
        raise AfinaError("label.uuid", name=name, value=value) from None


def _number(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise AfinaError("label.number", name=name, value=value, low=low, high=high)


def _check_ratings(ratings: object) -> None:
    if not isinstance(ratings, Mapping) or not ratings.keys() <= {"left", "right"}:
        raise AfinaError("label.ratings")
    for scores in ratings.values():
        if not isinstance(scores, Mapping) or len(scores) > 10:
            raise AfinaError("label.ratings")
        for criterion, value in scores.items():
            text_of("criterion", criterion, 60)
            _number(f"ratings.{criterion}"[:80], value, *LIKERT)
