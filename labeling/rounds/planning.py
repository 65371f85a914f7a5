"""Before a round: how many comparisons a class can judge, with what overlap, and how sure the result will be.

And while it runs: when it will be complete. Every assumption is a field that can be set to what an earlier round
showed. Knows nothing of the store.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from common.errors import AfinaError
from common.split import Side, split
from labeling.schema import Message, messages_of

_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Assumptions:
    """What a plan takes for granted."""

    seconds_per_vote: float = field(default=25.0, metadata={"unit": "s, reading and choosing"})
    prompt_sd: float = field(default=0.25, metadata={"unit": "spread of the win rate over prompts"})
    annotator_sd: float = field(default=0.10, metadata={"unit": "spread of the win rate over annotators"})
    win_rate: float = field(default=0.5, metadata={"unit": "share; ½ gives the widest interval"})

    def __post_init__(self) -> None:
        limits = {"seconds_per_vote": (1, 3600), "prompt_sd": (0, 0.5), "annotator_sd": (0, 0.5)}
        for name, (low, high) in (limits | {"win_rate": (0, 1)}).items():
            if not low <= getattr(self, name) <= high:
                raise AfinaError("label.number", name=name, value=getattr(self, name), low=low, high=high)


@dataclass(frozen=True)
class Plan:
    people: int
    votes_each: int
    votes: int
    comparisons: int
    common_items: int
    votes_wanted: int  # per comparison that is no common item
    half_width: float  # of the win rate's 95 % interval, as a share

    @property
    def heldout(self) -> int:
        """The fewest held-out prompts with which the interval is as narrow as planned: all that measure."""
        return self.comparisons


def plan(
    people: int,
    minutes: float,
    votes_wanted: int = 3,
    common_items: int = 5,
    assumptions: Assumptions | None = None,
) -> Plan:
    """What `people` can judge in `minutes`.

    Raises: AfinaError `plan.too_short` where nobody gets past the common items.
    """
    assumed = assumptions or Assumptions()
    for name, value, high in (("people", people, 100_000), ("minutes", minutes, 100_000)):
        if not 0 < value <= high:
            raise AfinaError("label.number", name=name, value=value, low=1, high=high)
    votes_each = int(minutes * 60 // assumed.seconds_per_vote)
    if votes_each < 1:
        raise AfinaError("plan.too_short", minutes=minutes, seconds=assumed.seconds_per_vote)
    common = min(common_items, votes_each)
    overlap = min(votes_wanted, people)
    others = people * (votes_each - common) // overlap
    votes = people * common + others * overlap
    width = half_width(common + others, people, votes, assumed)
    return Plan(people, votes_each, votes, common + others, common, overlap, width)


def half_width(prompts: int, people: int, votes: int, assumptions: Assumptions | None = None) -> float:
    """Half the 95 % interval of a win rate: prompts, annotators and single votes each add their variance.

    Var = prompt_sd²/prompts + annotator_sd²/people + (p(1-p) - prompt_sd² - annotator_sd²)/votes.
    """
    assumptions = assumptions or Assumptions()
    between = assumptions.prompt_sd**2, assumptions.annotator_sd**2
    within = max(0.0, assumptions.win_rate * (1 - assumptions.win_rate) - sum(between))
    variance = between[0] / prompts + between[1] / people + within / votes
    return min(0.5, _Z * math.sqrt(variance))


def draw(
    prompts: Sequence[object], n_train: int, n_heldout: int, seed: int = 0
) -> list[tuple[tuple[Message, ...], Side]]:
    """Exactly `n_train` and `n_heldout` different prompts, each from its side of the one split, in mixed order.

    Raises: AfinaError `plan.too_few` where a side has not so many.
    """
    sides: dict[Side, list[tuple[Message, ...]]] = {"train": [], "heldout": []}
    seen = set()
    for prompt in prompts:
        messages = messages_of("prompt", prompt)
        key = str(messages)
        if key not in seen:
            seen.add(key)
            sides[split(messages)].append(messages)
    random = Random(seed)
    drawn: list[tuple[tuple[Message, ...], Side]] = []
    sizes: tuple[tuple[Side, int], ...] = (("train", n_train), ("heldout", n_heldout))
    for side, n in sizes:
        if n > len(sides[side]):
            raise AfinaError("plan.too_few", side=side, wanted=n, found=len(sides[side]))
        drawn += [(each, side) for each in random.sample(sides[side], n)]
    random.shuffle(drawn)
    return drawn


def forecast(votes_at: Sequence[float], votes_missing: int, now: float, window: float = 120.0) -> float | None:
    """Seconds until `votes_missing` more are in at the pace of the last `window` seconds; None without a pace."""
    if votes_missing <= 0:
        return 0.0
    recent = [at for at in votes_at if now - window <= at <= now]
    if len(recent) < 2:
        return None
    span = max(now - max(now - window, min(votes_at)), 1.0)
    return votes_missing * span / len(recent)
