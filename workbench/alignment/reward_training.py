"""What a reward model is good for: judging any two replies, the best of n, where it disagrees with the class.

Beside each verdict stands what the class said, where it said something. Every call takes an `Actor`. Knows no page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from labeling.rounds import lifecycle, vote_selection
from labeling.rounds.aggregation import Judged
from labeling.schema import messages_of
from labeling.storage.label_store import Store
from tuning.config.training_methods import REWARD_MODELS
from tuning.runs.run_store import Run, RunStore
from workbench.access import anybody, teacher
from workbench.rate_limits import require_length
from workbench.voting.reveal import shown_name

if TYPE_CHECKING:
    from tuning.rewards.reward_model import Word
    from workbench.access import Roles
    from workbench.actors import Actor
    from workbench.alignment.preference_training import Aligning
    from workbench.chat.chat_service import Comparing
    from workbench.voting.vote_results import Results

MOST = 32  # replies of a best-of-n
Message = dict[str, str]


@dataclass(frozen=True)
class Scored:
    text: str
    reward: float


@dataclass(frozen=True)
class ClassSaid:
    """How the class judged: this very comparison, or, where nobody saw it, the two policies in a blind round."""

    first: float  # share of the decisive votes for the first, ties half
    n: int  # votes, or comparisons
    low: float | None = None
    high: float | None = None
    round: str = ""  # where it judged the policies, not these replies


@dataclass(frozen=True)
class Verdict:
    rewards: tuple[float, ...]
    first: float | None  # P(the first reply is better than the second), for two
    people: ClassSaid | None
    words: tuple[tuple[Word, ...], ...] = ()  # of each reply, where the model reads them all


@dataclass(frozen=True)
class Disagreement:
    """A comparison on which the reward model prefers what the majority did not."""

    comparison_id: str
    prompt: str
    preferred: str  # by the class
    other: str  # by the reward model
    probability: float  # that the reward model gives to its own choice
    votes: int  # for the class's choice
    of: int
    heldout: bool
    words: tuple[tuple[Word, ...], ...] = ()  # of `other` and `preferred`, where the model reads them all


class Rewarding:
    def __init__(
        self, store: RunStore, labels: Store, roles: Roles, aligning: Aligning, comparing: Comparing, results: Results
    ) -> None:
        self._store, self._labels, self._roles = store, labels, roles
        self._aligning, self._comparing, self._results = aligning, comparing, results

    @anybody
    def models(self) -> list[str]:
        """Reward models that can be asked, the newest first."""

        def usable(run: Run) -> str | None:
            return run.name if run.info.method in REWARD_MODELS and run.has_adapter else None

        return self._store.gather(usable)

    @anybody
    def verdict(
        self,
        actor: Actor,
        reward_run: str,
        talk: Sequence[Message],
        replies: Sequence[str],
        policies: Sequence[str] = (),
    ) -> Verdict:
        """Rewards of replies to one conversation. Only their differences mean something.

        Raises: NotAllowed `role.chat`; TooMany as `Limits`; AfinaError `reward.two`, `label.number` for more than MOST
        replies, as `require_length` and `tuning.rewards.reward_model.RewardModel`.
        """
        self._roles.spend(actor, 0)
        if not talk or not replies:
            raise AfinaError("reward.two")
        if len(replies) > MOST:
            raise AfinaError("label.number", name="replies", value=len(replies), low=1, high=MOST)
        require_length("", talk, [{"role": "assistant", "content": reply} for reply in replies])
        with self._roles.writing(actor, len(replies)):
            model = self._aligning.reward_model(actor, reward_run)
            read = model.read([(talk, reply) for reply in replies])
        rewards = tuple(each.reward for each in read)
        first = _sigmoid(rewards[0] - rewards[1]) if len(replies) == 2 else None
        said = self._said(messages_of("prompt", list(talk)), replies, policies) if len(replies) == 2 else None
        return Verdict(rewards, first, said, tuple(each.words for each in read))

    @anybody
    def best_of(
        self, actor: Actor, reward_run: str, policy: str, message: str, n: int, system: str = "", **sampling: Any
    ) -> list[Scored]:
        """`n` sampled replies of one policy, the one with the highest reward first.

        Raises: NotAllowed `role.chat`; AfinaError `label.number` for n outside of 1 to 32; as `Comparing.chat`.
        """
        self._roles.require_chat(actor)
        if not 1 <= n <= MOST:
            raise AfinaError("label.number", name="n", value=n, low=1, high=MOST)
        texts = self._comparing.sampled(actor, policy, message, n, system, **sampling)
        opening = [{"role": "system", "content": system.strip()}] if system.strip() else []
        talk = [*opening, {"role": "user", "content": message}]
        with self._roles.writing(actor, 1):
            rewards = self._aligning.reward_model(actor, reward_run).scores([(talk, text) for text in texts])
        scored = [Scored(text, reward) for text, reward in zip(texts, rewards, strict=True)]
        return sorted(scored, key=lambda each: -each.reward)

    @teacher
    def disagreements(self, actor: Actor, reward_run: str, round_id: str, most: int = 20) -> list[Disagreement]:
        """Where it is surest against the majority, the surest first. Raises: NotAllowed."""
        this = lifecycle.get(self._labels, round_id)
        judged = vote_selection.usually_judged(self._labels, this.round_id)
        clear = [(each, *_share(each)) for each in judged if not each.comparison.is_gold]
        decided = [(each, a, b) for each, a, b in clear if a != b]
        prompts = {each.comparison.comparison_id: each.comparison.prompt for each, _, _ in decided}
        sides = [
            (each.comparison.prompt, text)
            for each, _, _ in decided
            for text in (each.comparison.completion_a, each.comparison.completion_b)
        ]
        model = self._aligning.reward_model(actor, reward_run)
        rewards = model.scores(sides)
        disagreements = []
        for index, (each, a, b) in enumerate(decided):
            p = _sigmoid(rewards[2 * index] - rewards[2 * index + 1])  # that a is better
            if (p > 0.5) != (a > b) and p != 0.5:
                item = each.comparison
                texts = (item.completion_a, item.completion_b)
                liked, other = texts if a > b else texts[::-1]
                disagreements.append(
                    Disagreement(
                        item.comparison_id,
                        item.prompt[-1]["content"],
                        liked,
                        other,
                        max(p, 1 - p),
                        max(a, b),
                        a + b,
                        item.split == "heldout",
                    )
                )
        first = sorted(disagreements, key=lambda one: -one.probability)[:most]
        read = model.read(
            [(prompts[each.comparison_id], text) for each in first for text in (each.other, each.preferred)]
        )
        words = [each.words for each in read]
        return [replace(each, words=tuple(words[2 * i : 2 * i + 2])) for i, each in enumerate(first)]

    def _said(self, prompt: tuple[Message, ...], replies: Sequence[str], policies: Sequence[str]) -> ClassSaid | None:
        """What the class has said about these two replies, else about their two policies."""
        texts, names = tuple(replies), tuple(policies)
        for round_ in lifecycle.listed(self._labels):
            if round_.state not in ("revealed", "done"):
                continue  # what is still open stays blind
            for judged_item in vote_selection.usually_judged(self._labels, round_.round_id):
                item = judged_item.comparison
                pair = (item.completion_a, item.completion_b)
                if item.prompt == prompt and texts in (pair, pair[::-1]):
                    a, b = _share(judged_item)
                    if a + b:
                        return ClassSaid((a if texts == pair else b) / (a + b), a + b)
        for round_ in lifecycle.listed(self._labels):
            if round_.state in ("revealed", "done") and len(names) == 2 and set(names) == set(round_.policies):
                rate = self._results.findings(round_).report["win_rate"]
                by_name = {shown_name(each): found for each, found in rate.items()}
                found = by_name.get(names[0], {"value": None})
                if found["value"] is not None:
                    return ClassSaid(found["value"], found["n"], found["low"], found["high"], round_.name)
        return None


def _share(each: Judged) -> tuple[int, int]:
    """Votes for a and for b."""
    winners = [vote.winner for vote in each.counting("blind")]
    return winners.count("model_a"), winners.count("model_b")


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, x))))
