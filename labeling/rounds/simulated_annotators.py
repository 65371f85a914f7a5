"""Annotators who are not there: a stated preference, wrong now and then, to rehearse a round before people judge it.

Their votes go the way of everybody's and are marked `simulated`: people's are counted without them
(`rounds.vote_selection`). Two ways to err, as psychometrics parts them (Wichmann and Hill 2001): *noise* takes the
other
reply where there is a better one; a *lapse* looks at neither and takes a side by chance. Knows no model.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from common.errors import AfinaError, Conflict
from labeling.admission import annotators
from labeling.rounds import assignment, vote_casting, vote_selection
from labeling.schema import Annotator, Choice, Round, new_id
from labeling.storage.label_store import Store

Preference = Callable[[str, str], float]  # (prompt, completion) -> how much it is liked

NOTICE = 0.15  # of the preference's value; of a length, which is liked by its logarithm, about 15 %
MOST = 200  # annotators
AT_ONCE = 25  # votes of one before the next has a turn: nobody does it all


@dataclass(frozen=True)
class Habits:
    """How annotators err: shares of their votes, 0 to 0.5 and 0 to 1; `notice`: the least difference that they see.

    Raises: AfinaError `simulated.share`.
    """

    noise: float = 0.15
    lapses: float = 0.0
    notice: float = NOTICE
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (("noise", self.noise, 0.5), ("lapses", self.lapses, 1.0), ("notice", self.notice, 100.0))
        for name, value, most in shares:
            if not 0 <= value <= most:
                raise AfinaError("simulated.share", name=name, value=value, most=most)


def vote(
    store: Store,
    round_: Round,
    likes: Preference,
    habits: Habits,
    annotators: int = 0,
    most: int = 0,
    votes_per_turn: int = AT_ONCE,
    say: Callable[[int], None] = lambda cast: None,
) -> int:
    """Simulated votes in an open round until it has all it wants, or `most` (0: no limit); gives how many were cast.

    `annotators` people take turns of `votes_per_turn` votes; 0: as many as it takes, one turn each. `say` is told how
    many votes there are after each turn. Raises: Conflict `simulated.people` where somebody has voted
    already: their votes would be mixed with these, `simulated.closed` where the round is not open.
    """
    if not round_.voting:
        raise Conflict("simulated.closed", name=round_.name)
    if vote_selection.by_people(store, round_.round_id):
        raise Conflict("simulated.people", name=round_.name)
    chance, cast, turn, idle = random.Random(habits.seed), 0, 0, 0
    there = _people(store, round_, annotators)
    while (not most or cast < most) and idle < max(1, annotators):
        person = there[turn % annotators] if annotators else _people(store, round_, 1, known=False)[0]
        turn += 1
        before = cast
        while cast - before < votes_per_turn and (not most or cast < most):
            served = assignment.next_for(store, person, round_.round_id)
            if served is None:
                break
            body = {"annotation_id": new_id(), "comparison_id": served.comparison_id}
            body |= {"assignment_id": served.assignment_id, "winner": choose(served, likes, habits, chance)}
            vote_casting.cast(store, person, vote_casting.Ballot.parse(body), source="simulated")
            cast += 1
        idle = 0 if cast > before else idle + 1
        say(cast)
    return cast


def choose(served: assignment.Served, likes: Preference, habits: Habits, chance: random.Random) -> Choice:
    """What somebody with these habits chooses: the liked reply, a tie where they see no difference."""
    prompt = served.prompt[-1]["content"]
    left, right = likes(prompt, served.left), likes(prompt, served.right)
    if habits.lapses and chance.random() < habits.lapses:
        return chance.choice(("left", "right"))
    found = better(left, right, habits.notice)
    if chance.random() < habits.noise:
        found = -found or chance.choice((-1, 1))
    return "tie" if not found else "left" if found > 0 else "right"


def better(left: float, right: float, notice: float = NOTICE) -> int:
    """1 where the left is noticeably better liked, -1 where the right is, else 0 (a difference threshold)."""
    return 0 if abs(left - right) < max(notice, 1e-9) else 1 if left > right else -1


def _people(store: Store, round_: Round, n: int, known: bool = True) -> list[Annotator]:
    """`n` simulated annotators of the round's room; those who have been there before come again where `known`."""
    old = (
        [
            annotator
            for annotator in annotators.listed(store)
            if annotator.kind == "simulated" and annotator.room_id == round_.room_id and annotator.withdrawn_at is None
        ]
        if known
        else []
    )
    return [*old[:n], *(annotators.simulate(store) for _ in range(n - len(old[:n])))]
