"""A comparison with what was said about it, and the one answer that is made of many.

Knows nothing of files or databases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from common.errors import AfinaError
from labeling.schema import Annotation, Comparison, Message, Phase, Rating, Winner, one_of

Aggregation = Literal["every", "majority", "minimum"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)


@dataclass(frozen=True)
class Judged:
    """A comparison with its annotations, the excluded ones among them."""

    comparison: Comparison
    annotations: tuple[Annotation, ...] = ()

    def counting(self, phase: Phase) -> list[Annotation]:
        """The votes of one phase that count: an annotator's judgement trains once, repeats only test it."""
        return [
            vote
            for vote in self.annotations
            if vote.action == "vote"
            and vote.phase == phase
            and not vote.repeat
            and not vote.exclude_reason
            and vote.winner
        ]


@dataclass(frozen=True)
class Decision:
    """One answer on one comparison."""

    comparison: Comparison
    winner: Winner
    votes: tuple[Annotation, ...]  # those that gave this answer
    n_votes: int  # all that were asked

    @property
    def agreement(self) -> float:
        return len(self.votes) / self.n_votes

    @property
    def margin(self) -> float | None:
        """The mean stated strength, 1 to 3; None unless all who gave this answer stated one."""
        strengths = [abs(vote.preference_strength) for vote in self.votes if vote.preference_strength]
        return sum(strengths) / len(strengths) if len(strengths) == len(self.votes) else None


@dataclass(frozen=True)
class Pair:
    """What trains: a prompt, the better and the worse reply, and the annotations that say so.

    `tie`: they say that neither is better; the replies then stand in no order.
    """

    comparison: Comparison
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    margin: float | None
    annotation_ids: tuple[str, ...]
    edited: bool = False
    tie: bool = False


def decide(
    judged: Iterable[Judged],
    aggregation: Aggregation = "majority",
    minimum: float = 0.7,
    phase: Phase = "blind",
) -> tuple[list[Decision], Counter[str]]:
    """One decision per vote (`every`), or per comparison: its most frequent answer, or that of a `minimum`
    share.

    Also why comparisons gave none: `gold`, `no_votes`, `no_majority`, `low_agreement`.
    """
    one_of("aggregation", aggregation, AGGREGATIONS)
    if not 0.5 <= minimum <= 1:
        raise AfinaError("label.number", name="minimum", value=minimum, low=0.5, high=1)
    decisions: list[Decision] = []
    dropped: Counter[str] = Counter()
    for judged_item in judged:
        votes = judged_item.counting(phase)
        if judged_item.comparison.is_gold or not votes:
            dropped["gold" if judged_item.comparison.is_gold else "no_votes"] += 1
        elif aggregation == "every":
            decisions += [Decision(judged_item.comparison, _winner(vote), (vote,), 1) for vote in votes]
        else:
            decision = _most_frequent(judged_item.comparison, votes)
            if decision is None:
                dropped["no_majority"] += 1
            elif aggregation == "minimum" and decision.agreement < minimum:
                dropped["low_agreement"] += 1
            else:
                decisions.append(decision)
    return decisions, dropped


def pairs(
    judged: Iterable[Judged], decisions: Iterable[Decision], phase: Phase = "blind", ties: bool = False
) -> tuple[list[Pair], Counter[str]]:
    """Preference pairs: of every decision for one side, and of every edited reply, which beats what it mends.

    `ties`: of every tie too, marked as one. Also how many decisions gave none: `tie`, `both_bad`, `identical`.
    """
    preference_pairs: list[Pair] = []
    dropped: Counter[str] = Counter()
    for decision in decisions:
        item, tie = decision.comparison, decision.winner == "tie"
        if decision.winner == "both_bad" or (tie and not ties):
            dropped[decision.winner] += 1
            continue
        chosen, rejected = item.completion_a, item.completion_b
        if decision.winner == "model_b":
            chosen, rejected = rejected, chosen
        if chosen == rejected:
            dropped["identical"] += 1
            continue
        ids = tuple(vote.annotation_id for vote in decision.votes)
        preference_pairs.append(
            Pair(item, item.prompt, chosen, rejected, None if tie else decision.margin, ids, tie=tie)
        )
    for one in judged:
        if not one.comparison.is_gold:
            preference_pairs += [pair for vote in one.counting(phase) for pair in _edits(one.comparison, vote)]
    return preference_pairs, dropped


def unpaired(
    decisions: Iterable[Decision], rated: Iterable[Rating] = ()
) -> tuple[list[tuple[tuple[Message, ...], str, bool]], Counter[str]]:
    """(prompt, completion, good) for KTO: winner good, loser bad, "both bad" twice bad; ties say nothing."""
    singles: list[tuple[tuple[Message, ...], str, bool]] = []
    dropped: Counter[str] = Counter()
    for decision in decisions:
        item = decision.comparison
        if decision.winner == "tie":
            dropped["tie"] += 1
            continue
        singles.append((item.prompt, item.completion_a, decision.winner == "model_a"))
        singles.append((item.prompt, item.completion_b, decision.winner == "model_b"))
    for rating in rated:
        if rating.good is None:
            dropped["middle_rating"] += 1
        else:
            singles.append((rating.prompt, rating.completion, rating.good))
    return singles, dropped


def _winner(vote: Annotation) -> Winner:
    assert vote.winner is not None  # `counting` lets no other through
    return vote.winner


def _most_frequent(comparison: Comparison, votes: list[Annotation]) -> Decision | None:
    """The answer that more annotators gave than any other; None where two lead."""
    ranked = Counter(_winner(vote) for vote in votes).most_common(2)
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return None
    winner = ranked[0][0]
    agree = tuple(vote for vote in votes if vote.winner == winner)
    return Decision(comparison, winner, agree, len(votes))


def _edits(item: Comparison, vote: Annotation) -> list[Pair]:
    """An edited reply beats the one that it mends: the one named, else the winner, else both."""
    if not vote.edited_completion:
        return []
    replies = {"a": item.completion_a, "b": item.completion_b}
    winner = vote.winner.removeprefix("model_") if vote.winner else ""
    sides = [vote.edited_from] if vote.edited_from else [winner] if winner in replies else ["a", "b"]
    return [
        Pair(item, item.prompt, vote.edited_completion, replies[side], None, (vote.annotation_id,), True)
        for side in sides
        if side in replies and replies[side] != vote.edited_completion
    ]
