"""The other roads from feedback: replies found good or bad one by one (KTO), DPO on pairs that a reward model labels,
and a policy gradient (RLOO).

From a round's votes, or from prompts and a reward. Every run remembers the annotations it learned from,
those of its reward model too. Every call takes an `Actor`. Knows no page.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common import hashing
from common.errors import AfinaError, Tally
from common.languages import ENGLISH
from common.settings import Settings
from common.split import prompt_key, split
from labeling.admission import annotators
from labeling.rounds import lifecycle, ratings, round_names, vote_selection
from labeling.rounds.aggregation import Aggregation, decide, unpaired
from labeling.schema import Sources, messages_of
from labeling.storage.label_store import Store
from tuning.config import training
from tuning.config.training import DPOConfig, KTOConfig, RLOOConfig
from tuning.data import prompts
from tuning.data.examples import Pair, Rated, RatedSet, Task
from tuning.inference.reply_engine import ReplyEngine
from tuning.pocket.world.shipped import shipped_language
from tuning.runs import reward_names
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore
from workbench.access import teacher
from workbench.alignment import best_of_n
from workbench.alignment.preference_training import voted_on
from workbench.voting.prompt_sources import read_prompts

if TYPE_CHECKING:
    from workbench.access import Roles
    from workbench.actors import Actor
    from workbench.alignment.preference_training import Aligning


@dataclass(frozen=True)
class RoundRatings:
    """What a round, and the thumbs given to its policies in the chat, say of single replies."""

    data: RatedSet
    good: int  # on the train side
    bad: int
    thumbs: int  # of both, given in the chat
    n_heldout: int
    dropped: dict[str, int]
    annotation_ids: tuple[str, ...]  # that the train side stands on
    unsigned: int = 0  # of the thumbs, given before replies were signed


class Roads:
    def __init__(
        self,
        settings: Settings,
        store: RunStore,
        queue: Queue,
        labels: Store,
        roles: Roles,
        aligning: Aligning,
        engine: Callable[[], ReplyEngine],
    ) -> None:
        self._settings, self._store, self._queue, self._labels = settings, store, queue, labels
        self._roles, self._aligning, self._engine = roles, aligning, engine

    @teacher
    def rated(
        self,
        round_id: str,
        aggregation: Aggregation = "majority",
        sources: Sources = "people",
    ) -> RoundRatings:
        """Single replies from blind votes (winner good, loser bad, "both bad" twice bad) and from thumbs and stars.

        Raises: NotAllowed, NotFound.
        """
        round_ = lifecycle.get(self._labels, round_id)
        judged = vote_selection.judged_of(self._labels, round_.round_id, sources)
        decisions, dropped = decide(judged, aggregation)
        rated = ratings.of_policies(self._labels, round_.policies) if sources != "ai" else []
        found, more = unpaired(decisions, rated)
        rows = tuple(Rated(prompt, reply, good, n) for n, (prompt, reply, good) in enumerate(found, 1))
        data = RatedSet(
            rows,
            round_names.unrevealing(round_),
            "round",
            fingerprint=hashing.of_json([row.content for row in rows]),
        )
        train = [row for row in rows if split(row.prompt) == "train"]
        ids = {
            vote.annotation_id
            for decision in decisions
            if decision.winner != "tie" and decision.comparison.split == "train"
            for vote in decision.votes
        }
        good = sum(row.good for row in train)
        unsigned = sum(not each.verified for each in rated)
        return RoundRatings(
            data,
            good,
            len(train) - good,
            len(rated),
            len(rows) - len(train),
            dict(dropped + more),
            tuple(sorted(ids)),
            unsigned,
        )

    @teacher
    def kto(
        self,
        actor: Actor,
        round_id: str,
        name: str = "",
        aggregation: Aggregation = "majority",
        source_model: str = "",
        sources: Sources = "people",
        **settings: Any,
    ) -> str:
        """Queues a KTO run on a round's replies and gives its id.

        Raises: AfinaError `align.no_ratings` unless there are both good and bad ones to train on; as `Queue.submit`.
        """
        round_ratings = self.rated(actor, round_id, aggregation, sources)
        round_ = lifecycle.get(self._labels, round_id)
        if not round_ratings.good or not round_ratings.bad:
            reasons = Tally("exchange.dropped.", round_ratings.dropped)
            raise AfinaError(
                "align.no_ratings", name=round_.name, good=round_ratings.good, bad=round_ratings.bad, dropped=reasons
            )
        config = KTOConfig.from_settings({"source_model": source_model or voted_on(round_), **settings})
        run = self._queue.submit("kto", config, round_ratings.data, name)
        annotators.record_training(self._labels, run.id, round_ratings.annotation_ids)
        return run.id

    @teacher
    def rloo(
        self,
        actor: Actor,
        round_id: str,
        reward: str,
        name: str = "",
        source_model: str = "",
        language: str = ENGLISH,
        **settings: Any,
    ) -> str:
        """Queues a policy gradient on a round's prompts (sums: on the shipped ones) and gives the run's id.

        `reward`: a reward model's run, or one of `reward_functions.PROGRAMMED`. What people preferred on the held-out
        prompts is watched meanwhile. Raises: NotAllowed; AfinaError `rloo.reward`, `tasks.none`; as `Queue.submit`.
        """
        round_ = lifecycle.get(self._labels, round_id)
        reward_names.check(reward, self._store)
        pairs = self._aligning.pairs(actor, round_.round_id).data.rows
        data = (
            prompts.load(f"sums.{shipped_language(language)}")
            if reward == "sum"
            else prompts.task_set([*_judged(pairs), *self._prompts(round_.round_id)], round_names.unrevealing(round_))
        )
        config = RLOOConfig.from_settings(
            {"source_model": source_model or voted_on(round_), "reward": reward, **settings}
        )
        learnt = reward not in training.PROGRAMMED
        run = self._queue.submit("rloo", config, data, name, extra=self._scored_by(reward) if learnt else None)
        if learnt:
            self._taught_by(reward, run.id)
        return run.id

    @teacher
    def labelled(
        self,
        actor: Actor,
        round_id: str,
        reward: str,
        name: str = "",
        source_model: str = "",
        prompts: str = "",
        n_prompts: int = best_of_n.PROMPTS,
        n_replies: int = best_of_n.REPLIES,
        **settings: Any,
    ) -> str:
        """Samples fresh replies, has a reward model label them (`alignment.best_of_n`), queues DPO on the pairs.

        `prompts`: a shipped set or a file, of which `n_prompts` to train on are drawn (0: all); empty: the round's own.
        A fifth as many held-out ones come with them, to be measured. Takes as long as the sampling; gives the run's id.
        Raises: NotAllowed; NotFound for no such reward model; AfinaError `tasks.none`, `align.no_contrast`.
        """
        round_ = lifecycle.get(self._labels, round_id)
        policy = source_model or voted_on(round_)
        model = self._aligning.reward_model(actor, reward)
        usual = dict(best_of_n.SETTINGS)
        if "target_steps" in settings:
            del usual["epochs"]
        config = DPOConfig.from_settings({"source_model": policy, **usual, **settings})
        talks = self._talks(round_.round_id, prompts, n_prompts, config.seed)
        label = f"{round_names.unrevealing(round_)}, {reward}"
        tokens = round_.generation.max_new_tokens
        data = best_of_n.best_against_worst(self._engine(), model, policy, talks, n_replies, config.seed, tokens, label)
        run = self._queue.submit("dpo", config, data, name, extra=self._scored_by(reward))
        self._taught_by(reward, run.id)
        return run.id

    def _talks(self, round_id: str, source: str, n: int, seed: int) -> list[Sequence[dict[str, str]]]:
        """Prompts as conversations: `n` of the train side, drawn, and a fifth as many held-out ones."""
        self._roles.require_own_file(source)
        own = [each.prompt for each in self._prompts(round_id)]
        candidates = [messages_of("prompt", each) for each in read_prompts(source, self._settings)] if source else own
        sides: dict[str, list[Sequence[dict[str, str]]]] = {"train": [], "heldout": []}
        for prompt in {prompt_key(each): each for each in candidates}.values():
            sides[split(prompt)].append(prompt)
        if not sides["train"]:
            raise AfinaError("tasks.none", name=source or "-", n=len(candidates), first="-")
        for side in sides.values():
            random.Random(seed).shuffle(side)
        n = n or len(sides["train"])
        return [*sides["train"][:n], *sides["heldout"][: -(-n // 5)]]

    def _scored_by(self, reward: str) -> dict[str, str]:
        """What a run keeps of the reward model that scored its replies, for the lineage."""
        return {"reward_run": self._store.get(reward).id}

    def _taught_by(self, reward: str, run_id: str) -> None:
        """Who taught the reward model has taught this policy."""
        taught = annotators.trained_by(self._labels, self._store.get(reward).id)
        annotators.record_training(self._labels, run_id, taught)

    def _prompts(self, round_id: str) -> list[Task]:
        every = lifecycle.comparisons_of(self._labels, round_id)
        return [Task(each.prompt, number=n) for n, each in enumerate(every, 1) if not each.is_gold]


def _judged(pairs: Sequence[Pair]) -> list[Task]:
    return [Task(each.prompt, (), each.chosen, each.rejected, each.number) for each in pairs]
