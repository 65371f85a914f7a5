"""From votes to policies: a round's pairs into a reward model or a DPO run, and what came of it.

The one place where labels and learning meet: as pairs of `prompt`, `chosen`, `rejected`. Every run remembers the
annotations it learned from, so that a withdrawal can name it. Every call takes an `Actor`. Knows no page.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from common import files, hashing
from common.errors import AfinaError, Tally
from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import lifecycle, round_names, training_links, vote_selection
from labeling.rounds.aggregation import Aggregation, Judged, decide
from labeling.rounds.aggregation import pairs as pairs_of
from labeling.schema import Round, Sources
from labeling.statistics import wilson
from labeling.storage.label_store import Store
from tuning.config.training import DPOConfig, PreferenceConfig, RewardConfig
from tuning.config.training_methods import METHODS
from tuning.data.examples import Pair, PairSet
from tuning.executors import gpu_leases
from tuning.executors.gpu_leases import Quote
from tuning.inference.reply_engine import ReplyEngine
from tuning.models import scaling
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore
from workbench.access import anybody, teacher
from workbench.alignment.policy_evaluation import Outcome, compare

if TYPE_CHECKING:
    from tuning.rewards.reward_model import Rewards
    from workbench.access import Roles
    from workbench.actors import Actor


@dataclass(frozen=True)
class RoundPairs:
    """What a round's votes give to learn from."""

    data: PairSet  # ties too, marked as such, where they were asked for
    n_train: int  # pairs that are decided
    n_heldout: int
    n_ties: int  # among the rows, to train on
    dropped: dict[str, int]  # why other comparisons gave none
    annotation_ids: tuple[str, ...]  # that the train pairs stand on

    @property
    def decided(self) -> float | None:
        """Of the answers that were reached, those for a side: the others are ties, or both bad. None without any."""
        n = sum(not row.tie for row in self.data.rows)
        every = len(self.data.rows) + self.dropped.get("tie", 0) + self.dropped.get("both_bad", 0)
        return n / every if every else None


@dataclass(frozen=True)
class Bin:
    """Comparisons to which the model gave about the same probability: what it said, and what people did."""

    predicted: float  # mean probability that the model gives to the reply it prefers, 0.5 to 1
    chosen: float  # share of people's choices that fell on it, ties half
    low: float  # Wilson's 95 % interval, counted in comparisons: votes on one are not independent
    high: float
    n: int  # comparisons
    votes: int


@dataclass(frozen=True)
class Measured:
    """A reward model on held-out comparisons, beside what it has to beat. Shares 0 to 1; None: nothing to say."""

    n: int
    accuracy: float | None
    low: float | None
    high: float | None
    always_longer: float | None
    always_shorter: float | None
    human: float | None  # one annotator against the majority of the others
    length_correlation: float | None  # of reward and characters (Pearson)
    calibration: tuple[Bin, ...] = ()


class Aligning:
    def __init__(
        self,
        settings: Settings,
        store: RunStore,
        queue: Queue,
        labels: Store,
        roles: Roles,
        engine: Callable[[], ReplyEngine],
        reward_model: Callable[[str], Rewards] | None = None,
    ) -> None:
        self._make_reward_model = reward_model
        self._engine = engine
        self._settings, self._store, self._queue = settings, store, queue
        self._labels, self._roles = labels, roles
        self._models: dict[str, Rewards] = {}
        self._loading = threading.Lock()

    @teacher
    def pairs(
        self,
        round_id: str,
        aggregation: Aggregation = "majority",
        minimum: float = 0.7,
        sources: Sources = "people",
        ties: bool = False,
    ) -> RoundPairs:
        """A round's preference pairs, blind votes alone; what machines said, and ties, only where asked for.

        Raises: NotAllowed, NotFound.
        """
        round_ = lifecycle.get(self._labels, round_id)
        judged = vote_selection.judged_of(self._labels, round_.round_id, sources)
        decisions, undecided = decide(judged, aggregation, minimum)
        preference_pairs, unusable = pairs_of(judged, decisions, ties=ties)
        rows = tuple(
            Pair(each.prompt, each.chosen, each.rejected, each.margin, number, each.tie)
            for number, each in enumerate(preference_pairs, 1)
        )
        sides = Counter((each.comparison.split, each.tie) for each in preference_pairs)
        ids = {name for each in preference_pairs if each.comparison.split == "train" for name in each.annotation_ids}
        data = PairSet(
            rows,
            round_names.unrevealing(round_),
            "round",
            fingerprint=hashing.of_json([row.content for row in rows]),
        )
        dropped = dict(undecided + unusable)
        n_train, n_heldout = sides["train", False], sides["heldout", False]
        return RoundPairs(data, n_train, n_heldout, sides["train", True], dropped, tuple(sorted(ids)))

    @teacher
    def usable(self, actor: Actor, round_id: str, sources: Sources = "people") -> dict[Aggregation, int]:
        """How many train pairs each way of putting votes together gives."""
        ways: tuple[Aggregation, ...] = ("every", "majority", "minimum")
        return {way: self.pairs(actor, round_id, way, sources=sources).n_train for way in ways}

    @teacher
    def quote(
        self,
        actor: Actor,
        round_id: str,
        aggregation: Aggregation = "majority",
        sources: Sources = "people",
        epochs: Mapping[str, float] | None = None,
    ) -> dict[str, Quote]:
        """The GPU time that each method would ask of the visitor's quota; empty where no GPU is lent.

        `epochs`: method -> epochs (0: the default). Raises: NotAllowed, NotFound; as `estimate.preference_seconds`.
        """
        round_pairs = self.pairs(actor, round_id, aggregation, sources=sources) if self._settings.zero_gpu else None
        if round_pairs is None or not round_pairs.n_train:
            return {}
        from tuning.runs.estimate import preference_seconds

        source, most = voted_on(lifecycle.get(self._labels, round_id)), self._settings.gpu_slice
        quotes = {}
        kinds: dict[str, type[PreferenceConfig]] = {"reward": RewardConfig, "dpo": DPOConfig}
        for method, kind in kinds.items():
            config = kind.from_settings({"source_model": source, "epochs": (epochs or {}).get(method) or 0})
            quotes[method] = gpu_leases.quote(preference_seconds(config, round_pairs.data, self._store), most)
        return quotes

    @teacher
    def start(
        self,
        actor: Actor,
        method: str,
        round_id: str,
        name: str = "",
        aggregation: Aggregation = "majority",
        source_model: str = "",
        sources: Sources = "people",
        from_base: bool = False,
        **settings: Any,
    ) -> str:
        """Queues a reward model (which learns from ties too) or a DPO run on a round's votes and gives its id.

        `source_model`: the policy that was voted on unless said otherwise; `from_base`: the base model under it.
        Raises: AfinaError `align.no_pairs` with what was dropped and why; as `Queue.submit`.
        """
        round_ = lifecycle.get(self._labels, round_id)
        round_pairs = self.pairs(actor, round_.round_id, aggregation, sources=sources, ties=method == "reward")
        if not round_pairs.n_train:
            ties = round_pairs.dropped.get("tie", 0) + sum(row.tie for row in round_pairs.data.rows)
            reasons = Tally("exchange.dropped.", round_pairs.dropped | ({"tie": ties} if ties else {}))
            raise AfinaError("align.no_pairs", name=round_.name, dropped=reasons)
        source = source_model or voted_on(round_)
        if from_base:
            source = _base_of(source, self._store)
        config = METHODS[method].config.from_settings({"source_model": source, **settings})
        run = self._queue.submit(method, config, round_pairs.data, name)
        annotators.record_training(self._labels, run.id, round_pairs.annotation_ids)
        return run.id

    @anybody
    def reward_model(self, name: str) -> Rewards:
        """The reward model of a run, loaded once. Raises: as `tuning.rewards.reward_model.RewardModel`."""
        from tuning.rewards.reward_model import RewardModel

        with self._loading:
            run = self._store.get(name)
            if run.id not in self._models:
                self._models.clear()  # one at a time stays in memory
                make = self._make_reward_model or (lambda name: RewardModel(name, self._settings.home))
                self._models[run.id] = make(run.id)
            return self._models[run.id]

    @teacher
    def outcome(self, actor: Actor, name: str, reward_run: str = "") -> Outcome:
        """A DPO run beside its parent on held-out prompts (`alignment.policy_evaluation`), judged by `reward_run`
        if given."""
        model = self.reward_model(actor, reward_run) if reward_run else None
        found = compare(self._store, self._engine(), self._settings.home, name, model)
        files.write_json(self._store.get(name).path / "outcome.json", asdict(found) | {"judge": reward_run})
        return found

    @teacher
    def taught_by(self, name: str) -> str:
        """The round whose votes a run learned from: its id, else what the run's data is called. Raises: NotAllowed."""
        run = self._store.get(name)
        return training_links.round_of(self._labels, run.id) or str(run.info.data.get("name", ""))

    @teacher
    def measure(self, actor: Actor, reward_run: str, round_id: str) -> Measured:
        """A reward model against a round's held-out votes (majority), and the yardsticks on the same comparisons."""
        this = lifecycle.get(self._labels, round_id)
        judged = [
            judged_item
            for judged_item in vote_selection.usually_judged(self._labels, this.round_id)
            if judged_item.comparison.split == "heldout"
        ]
        decisions, _ = decide(judged, "majority")
        found, _ = pairs_of((), decisions)
        rows = [Pair(each.prompt, each.chosen, each.rejected) for each in found]
        return measured(self.reward_model(actor, reward_run), rows, judged)


def measured(model: Rewards, pairs: Sequence[Pair], judged: Sequence[Judged] = ()) -> Measured:
    """Accuracy with Wilson's 95 % interval (one pair per prompt and comparison), beside the yardsticks."""
    if not pairs:
        return Measured(0, None, None, None, None, None, None, None)
    import numpy as np

    rewards = np.array(
        model.scores([(pair.prompt, reply) for pair in pairs for reply in (pair.chosen, pair.rejected)])
    ).reshape(-1, 2)  # (N, 2): chosen, rejected
    right = int((rewards[:, 0] > rewards[:, 1]).sum())
    low, high = wilson.interval(right, len(pairs))
    lengths = np.array([[len(pair.chosen), len(pair.rejected)] for pair in pairs])
    differ = lengths[:, 0] != lengths[:, 1]
    longer = float((lengths[:, 0] > lengths[:, 1])[differ].mean()) if differ.any() else None
    varies = rewards.std() > 0 and lengths.std() > 0
    return Measured(
        calibration=calibration(model, judged),
        n=len(pairs),
        accuracy=right / len(pairs),
        low=low,
        high=high,
        always_longer=longer,
        always_shorter=None if longer is None else 1 - longer,
        human=human_ceiling(judged),
        length_correlation=float(np.corrcoef(rewards.ravel(), lengths.ravel())[0, 1]) if varies else None,
    )


def calibration(model: Rewards, judged: Sequence[Judged], n_bins: int = 5) -> tuple[Bin, ...]:
    """Predicted probability against people's choices, in bins of equal width from 0.5 to 1; empty bins left out.

    Each comparison is turned to the reply that the model prefers: where it says 80 %, 80 % of the choices should
    fall on that one.
    """
    voted = [(each.comparison, _choices(each)) for each in judged if not each.comparison.is_gold]
    voted = [(item, votes) for item, votes in voted if votes]
    pairs = [Pair(item.prompt, item.completion_a, item.completion_b) for item, _ in voted]
    bins: dict[int, list[tuple[float, float, int]]] = {}
    for p, (_, votes) in zip(model.preferences(pairs), voted, strict=True):
        share = sum(votes) / len(votes)  # of a
        predicted, chosen = (p, share) if p >= 0.5 else (1 - p, 1 - share)
        place = min(n_bins - 1, int((predicted - 0.5) * 2 * n_bins))
        bins.setdefault(place, []).append((predicted, chosen, len(votes)))
    curve = []
    for _, rows in sorted(bins.items()):
        predicted, chosen = (sum(row[i] for row in rows) / len(rows) for i in (0, 1))
        low, high = wilson.interval(round(chosen * len(rows)), len(rows))
        n_votes = sum(row[2] for row in rows)
        curve.append(Bin(predicted, chosen, low, high, len(rows), n_votes))
    return tuple(curve)


def _choices(each: Judged) -> list[float]:
    """One number a vote: 1 for a, 0 for b, a half for a tie; "both bad" says nothing."""
    value = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5}
    return [value[vote.winner] for vote in each.counting("blind") if vote.winner in value]


def human_ceiling(judged: Sequence[Judged]) -> float | None:
    """How often one annotator agrees with the majority of the others: what a model can hope for at best.

    Votes for one side only, where the others have a clear majority for one side.
    """
    agree = n = 0
    for each in judged:
        votes = [vote.winner for vote in each.counting("blind") if vote.winner in ("model_a", "model_b")]
        for index, vote in enumerate(votes):
            others = Counter(votes[:index] + votes[index + 1 :])
            a, b = others["model_a"], others["model_b"]
            if a != b:
                n += 1
                agree += vote == ("model_a" if a > b else "model_b")
    return agree / n if n else None


def voted_on(this: Round) -> str:
    """The policy that a round's votes train: the one that was sampled, or the first that is no base model."""
    return next((name for name in this.policies if name != "pocket"), this.policies[0])


def _base_of(policy: str, runs: RunStore) -> str:
    """The base model under a policy, as `tuning.runs.resolver.resolve` takes it."""
    name = scaling.parsed(policy)[0] if scaling.SIGN in policy else policy
    return next((str(run.info.base["name"]) for run in runs if name in (run.name, run.id)), name)
