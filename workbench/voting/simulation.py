"""A lesson tried before the class: simulated annotators vote in an open round. Every call takes an `Actor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import AfinaError
from common.languages import ENGLISH
from labeling.rounds import lifecycle, progress, simulated_annotators
from labeling.rounds.simulated_annotators import Habits, Preference
from labeling.storage.label_store import Store
from workbench.access import teacher
from workbench.voting import simulated_preferences

if TYPE_CHECKING:
    from workbench.access import Roles


@dataclass(frozen=True)
class Rehearsed:
    """Votes that were cast, and the round's, by how many annotators."""

    cast: int
    votes: int
    annotators: int
    round: str


class Rehearsing:
    def __init__(self, labels: Store, roles: Roles) -> None:
        self._labels, self._roles = labels, roles

    @teacher
    def vote(
        self,
        round_id: str,
        preference: str | Preference,
        annotators: int = 5,
        habits: Habits | None = None,
        language: str = ENGLISH,
        say: Callable[[int], None] = lambda cast: None,
    ) -> Rehearsed:
        """`annotators` who like one thing judge all that the round still wants.

        `preference`: a built-in name (`voting.simulated_preferences`), or a function of prompt and completion. Raises:
        NotAllowed; AfinaError as `preferences.named`, `Habits`, `simulated.vote`.
        """
        if not 1 <= annotators <= simulated_annotators.MOST:
            raise AfinaError("label.number", name="annotators", value=annotators, low=1, high=simulated_annotators.MOST)
        round_ = lifecycle.get(self._labels, round_id)
        likes = simulated_preferences.named(preference, language) if isinstance(preference, str) else preference
        before = progress.counters(self._labels, round_)
        votes_per_turn = max(1, -(-(before.wanted - before.votes) // max(1, annotators)))
        habits = habits or Habits()
        cast = simulated_annotators.vote(
            self._labels, round_, likes, habits, annotators=annotators, votes_per_turn=votes_per_turn, say=say
        )
        return Rehearsed(cast, progress.counters(self._labels, round_).votes, annotators, round_.name)
