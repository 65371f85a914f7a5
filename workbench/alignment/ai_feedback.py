"""AI feedback (RLAIF; Lee et al. 2023, Bai et al. 2022): a machine labels a round's comparisons, or revises replies.

What it says is marked `ai`, shown beside people's and never mixed with theirs unasked; how often it agrees with them
is measured, with its interval. Works behind the page: it goes on when the page is closed, and again where it was when
asked again. Every call takes an `Actor`. Knows no page.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError, Conflict
from common.languages import ENGLISH
from common.settings import Settings
from labeling.rounds import ai_annotators, lifecycle, planning, training_links, vote_selection
from labeling.rounds.ai_annotators import MachineVote
from labeling.schema import Comparison, Generation, RoundSettings
from labeling.statistics import wilson
from labeling.storage.label_store import Store
from tuning.inference.reply_engine import ReplyEngine, Sampling
from tuning.runs.run_store import RunStore
from workbench.access import anybody, teacher
from workbench.alignment import constitution
from workbench.alignment.ai_judges import (
    REWARD,
    Item,
    Judge,
    PolicySpeaker,
    RewardJudge,
    RubricJudge,
    Speaker,
    revise,
)
from workbench.alignment.judge_endpoint import EndpointSpeaker, origin

if TYPE_CHECKING:
    from workbench.access import Roles
    from workbench.actors import Actor
    from workbench.alignment.preference_training import Aligning

KEY = "AFINA_JUDGE_KEY"
_BATCH = 8  # comparisons between two looks at the wish to stop
Say = Callable[[int, int], None]


@dataclass(frozen=True)
class JudgeChoice:
    """Which judge, by which rubric. `name`: a reward model's run, a policy, or the endpoint's model."""

    kind: str  # reward, policy, endpoint
    name: str
    url: str = ""
    key: str = field(default="", repr=False)  # empty: the environment's, for AFINA_JUDGE_URL; never stored
    rubric: str = ""  # empty: the constitution in `language`
    language: str = ENGLISH


@dataclass(frozen=True)
class Labelled:
    """What came of a labelling: how many, and why a verdict was a tie."""

    round: str
    judge: str
    n: int
    done: int
    tally: dict[str, int]  # agreed, orders_differ, unclear, tie

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Agreement:
    """A judge against the majority of people, on comparisons where both decided for a side. Wilson's 95 % interval."""

    judge: str
    labelled: int
    n: int
    value: float | None
    low: float | None
    high: float | None
    people: float | None  # one person against the majority of the others, on the same round
    heldout_only: bool = False  # of a reward model that this round taught: what it has not trained on


@dataclass
class Work:
    """What goes on behind the page."""

    about: str
    done: int = 0
    total: int = 0
    error: AfinaError | None = None
    result: Labelled | None = None
    thread: threading.Thread | None = field(default=None, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def busy(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


class Judging:
    def __init__(
        self,
        settings: Settings,
        runs: RunStore,
        labels: Store,
        roles: Roles,
        aligning: Aligning,
        engine: Callable[[], ReplyEngine],
    ) -> None:
        self._settings, self._runs, self._labels, self._roles = settings, runs, labels, roles
        self._aligning, self._engine = aligning, engine
        self._work: Work | None = None
        self._starting = threading.Lock()

    @anybody
    def constitution(self, language: str) -> str:
        """The principles as they stand."""
        return constitution.read(self._settings.home, language)

    @teacher
    def write(self, actor: Actor, language: str, text: str) -> str:
        """Keeps the principles; an empty text brings the default back. Raises: NotAllowed."""
        constitution.save(self._settings.home, language, text)
        return self.constitution(actor, language)

    # Labelling

    @teacher
    def label(
        self,
        actor: Actor,
        round_id: str,
        choice: JudgeChoice,
        say: Say = lambda done, total: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Labelled:
        """Labels the comparisons of a round that this judge has not labelled yet; returns when all are.

        Raises: NotAllowed; NotFound; AfinaError as the judge does: what it has labelled by then is kept.
        """
        round_ = lifecycle.get(self._labels, round_id)
        judge, rubric = self._judge(actor, choice), self._rubric(choice)
        known = ai_annotators.judged(self._labels, round_.round_id, ai_annotators.identity(judge.name, rubric))
        every = [each for each in lifecycle.comparisons_of(self._labels, round_.round_id) if not each.is_gold]
        left = [each for each in every if each.comparison_id not in known]
        tally: Counter[str] = Counter()
        say(len(every) - len(left), len(every))
        for start in range(0, len(left), _BATCH):
            if should_stop():
                break
            part = left[start : start + _BATCH]
            judgements = judge.judge([Item(each.prompt, each.completion_a, each.completion_b) for each in part])
            votes = [
                MachineVote(each.comparison_id, one.winner, f"{one.why}: {one.said}")
                for each, one in zip(part, judgements, strict=True)
            ]
            ai_annotators.record(self._labels, round_.round_id, judge.name, rubric, votes)
            tally.update(one.why for one in judgements)
            say(len(every) - len(left) + start + len(part), len(every))
        return Labelled(round_.name, judge.name, len(every), sum(tally.values()), dict(tally))

    @teacher
    def begin(self, actor: Actor, round_id: str, choice: JudgeChoice) -> Work:
        """The same behind the page. Raises: also Conflict `judge.busy`."""
        this = lifecycle.get(self._labels, round_id)
        return self._behind(
            this.name, lambda work, say: self.label(actor, this.round_id, choice, say, work.stop.is_set)
        )

    @teacher
    def work(self) -> Work | None:
        """What goes on, or went on last. Raises: NotAllowed."""
        return self._work

    @teacher
    def stop(self) -> None:
        """Ends the work after the comparisons at hand; what is labelled stays."""
        if self._work:
            self._work.stop.set()

    def close(self) -> None:
        if self._work and self._work.thread:
            self._work.stop.set()
            self._work.thread.join(timeout=10)

    @teacher
    def agreement(self, round_id: str) -> list[Agreement]:
        """Each machine that has judged a round, against the people who have. Raises: NotAllowed."""
        from workbench.alignment.preference_training import human_ceiling

        round_ = lifecycle.get(self._labels, round_id)
        people = vote_selection.usually_judged(self._labels, round_.round_id)
        ceiling = human_ceiling(people)
        sides = {judged_item.comparison.comparison_id: _side(judged_item.counting("blind")) for judged_item in people}
        said = vote_selection.judged_of(self._labels, round_.round_id, "ai")
        agreements = []
        for machine in ai_annotators.listed(self._labels, round_.round_id):
            unseen = self._taught(machine.name, round_.round_id)
            votes = {
                judged_item.comparison.comparison_id: vote.winner
                for judged_item in said
                for vote in judged_item.counting("blind")
                if vote.annotator_id == machine.annotator_id
                and not (unseen and judged_item.comparison.split == "train")
            }
            both = [
                (sides[name], winner)
                for name, winner in votes.items()
                if sides[name] and winner in ("model_a", "model_b")
            ]
            right = sum(mine == theirs for mine, theirs in both)
            agreements.append(_agreement(machine, right, len(both), ceiling, unseen))
        return agreements

    def _taught(self, judge: str, round_id: str) -> bool:
        """Whether a judge is a reward model that has trained on this round's votes."""
        name = judge.removeprefix(REWARD)
        ids = [run.id for run in self._runs if run.name == name] if name != judge else []
        return any(
            share.round_id == round_id
            for run_id in ids
            for share in training_links.shares(self._labels).get(run_id, [])
        )

    # Critique and revision

    @teacher
    def revise(
        self,
        actor: Actor,
        policy: str,
        name: str,
        prompts: Sequence[Any],
        choice: JudgeChoice,
        n_train: int = 20,
        n_heldout: int = 5,
        say: Say = lambda done, total: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Labelled:
        """A round called `name` of a policy's replies and their revisions by the judge, the revised one preferred.

        A revision that is empty or the same as the reply gives no pair. Raises: NotAllowed; AfinaError
        `judge.reward_writes_not`, `judge.no_revision`, and as `rounds.create`.
        """
        self._roles.require_no_folder(policy)
        speaker, rubric = self._speaker(actor, choice), self._rubric(choice)
        drawn = [each for each, _ in planning.draw(prompts, n_train, n_heldout, 0)]
        items, tally = [], Counter[str]()
        talks = [Comparison(each, "", "", "", "").prompt for each in drawn]
        for start in range(0, len(talks), _BATCH):
            if should_stop():
                break
            part = talks[start : start + _BATCH]
            items += self._revised(speaker, policy, part, rubric, choice.language, tally)
            say(min(len(talks), start + _BATCH), len(talks))
        if not items:
            raise AfinaError("judge.no_revision", n=len(talks), judge=speaker.name)
        created = lifecycle.create(
            self._labels,
            name,
            "judge",
            [policy, f"{policy} + revision"],
            RoundSettings(common_items=0),
            Generation(max_new_tokens=96),
        )
        lifecycle.add_comparisons(self._labels, created.round_id, items)
        votes = [
            MachineVote(each.comparison_id, "model_b", str((each.metadata or {}).get("critique"))) for each in items
        ]
        ai_annotators.record(self._labels, created.round_id, speaker.name, rubric, votes)
        return Labelled(created.name, speaker.name, len(talks), len(items), dict(tally))

    @teacher
    def begin_revising(
        self,
        actor: Actor,
        policy: str,
        name: str,
        prompts: Sequence[Any],
        choice: JudgeChoice,
        n_train: int = 20,
        n_heldout: int = 5,
    ) -> Work:
        """The same behind the page. Raises: also Conflict `judge.busy`."""
        return self._behind(
            name,
            lambda work, say: self.revise(
                actor, policy, name, prompts, choice, n_train, n_heldout, say, work.stop.is_set
            ),
        )

    def _revised(
        self, speaker: Speaker, policy: str, prompts: list, rubric: str, language: str, tally: Counter[str]
    ) -> list[Comparison]:
        sampling = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=96)
        replies = [each.text for each in self._engine().generate([policy] * len(prompts), prompts, sampling)]
        comparisons = []
        for prompt, reply, (critique, revised) in zip(
            prompts, replies, revise(speaker, prompts, replies, rubric, language), strict=True
        ):
            same = " ".join(revised.split()).casefold() == " ".join(reply.split()).casefold()
            why = "empty" if not revised.strip() or not reply.strip() else "identical" if same else "revised"
            tally[why] += 1
            if why == "revised":
                comparisons.append(
                    Comparison(
                        prompt,
                        reply,
                        revised.strip(),
                        policy,
                        f"{policy} + revision",
                        metadata={"critique": critique, "reviser": speaker.name},
                    )
                )
        return comparisons

    # Who judges

    def _judge(self, actor: Actor, choice: JudgeChoice) -> Judge:
        if choice.kind == "reward":
            return RewardJudge(self._aligning.reward_model(actor, choice.name), choice.name)
        return RubricJudge(self._speaker(actor, choice), self._rubric(choice), choice.language)

    def _speaker(self, actor: Actor, choice: JudgeChoice) -> Speaker:
        if choice.kind == "endpoint":
            return self._endpoint(choice)
        if choice.kind == "policy":
            self._roles.require_no_folder(choice.name)
            return PolicySpeaker(choice.name, self._engine)
        raise AfinaError("judge.reward_writes_not", kind=choice.kind)

    def _endpoint(self, choice: JudgeChoice) -> Speaker:
        """The environment's key goes to AFINA_JUDGE_URL alone; elsewhere the teacher types one, or none is sent."""
        named = origin(self._settings.judge_url)
        hosts = named is not None and origin(choice.url) == named
        key = choice.key or (os.environ.get(KEY, "").strip() if hosts else "")
        return EndpointSpeaker(choice.url, choice.name, key, guarded=not (hosts or self._settings.personal))

    def _rubric(self, choice: JudgeChoice) -> str:
        if choice.kind == "reward":
            return ""
        return choice.rubric.strip() or constitution.read(self._settings.home, choice.language)

    def _behind(self, about: str, do: Callable[[Work, Say], Labelled]) -> Work:
        with self._starting:
            if self._work and self._work.busy:
                raise Conflict("judge.busy", about=self._work.about)
            work = self._work = Work(about)

            def say(done: int, total: int) -> None:
                work.done, work.total = done, total

            def run() -> None:
                try:
                    work.result = do(work, say)
                except AfinaError as error:
                    work.error = error
                except Exception as error:
                    work.error = AfinaError("judge.broken", reason=type(error).__name__)

            work.thread = threading.Thread(target=run, name="judge", daemon=True)
            work.thread.start()
        return work


def _side(votes: Sequence[Any]) -> str:
    """The side that more people chose; empty where none did."""
    counts = Counter(vote.winner for vote in votes)
    a, b = counts["model_a"], counts["model_b"]
    return "" if a == b else "model_a" if a > b else "model_b"


def _agreement(machine: ai_annotators.Machine, right: int, n: int, ceiling: float | None, unseen: bool) -> Agreement:
    if not n:
        return Agreement(machine.name, machine.n, 0, None, None, None, ceiling, unseen)
    return Agreement(machine.name, machine.n, n, right / n, *wilson.interval(right, n), ceiling, unseen)
