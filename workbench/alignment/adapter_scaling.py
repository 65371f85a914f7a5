"""The dial in the teacher's hand: a DPO run's change from nothing to three times, heard, measured, voted on, kept.

What is rewarded grows with the setting; at some point facts and language go. Both are measured on prompts and
questions that never trained, and kept with the run. The weights are `tuning.models.scaling`'s. Knows no page.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from common import files, records
from common.errors import AfinaError, NotAllowed
from common.languages import ENGLISH
from common.settings import Settings
from labeling.admission import annotators
from labeling.schema import Generation, Round, RoundSettings
from labeling.storage.label_store import Store
from tuning.config import training
from tuning.data.examples import Pair, PairSet
from tuning.inference.reply_engine import ReplyEngine, Sampling
from tuning.models import scaling
from tuning.pocket.world.shipped import shipped_language, spoken_in
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore
from workbench.access import anybody, teacher
from workbench.alignment.policy_evaluation import heldout_prompts
from workbench.rate_limits import require_length
from workbench.voting.prompt_sources import read_prompts
from workbench.voting.rounds import RoundRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.access import Roles
    from workbench.actors import Actor
    from workbench.alignment.preference_training import Aligning
    from workbench.voting.rounds import Rounds

SETTINGS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
PROMPTS, FACTS = 40, 60  # held-out prompts whose replies are rewarded; questions whose answers are checked
_TOKENS = 64


@dataclass(frozen=True)
class Setting:
    """What was measured at one setting; None where there is nothing to measure it with."""

    strength: float
    reward: float | None  # mean of the replies to held-out prompts, the parent's (at 0) taken away
    n: int  # held-out prompts
    clean: float | None  # share of held-out questions answered rightly, in one reply that ends by itself
    n_facts: int
    ended: float  # share of the replies that ended by themselves
    words: float  # of a reply, on average
    text: str  # the likeliest reply to the one prompt


@dataclass(frozen=True)
class Sweep:
    run: str
    reward_run: str
    prompt: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class _KeptSweep:
    """dial.json."""

    run: str
    reward_run: str
    prompt: str
    settings: list[dict[str, Any]]


@dataclass(frozen=True)
class Heard:
    """A reply at one setting, beside the parent's and the run's own."""

    prompt: str
    text: str
    reward: float | None  # the parent's reply to the same prompt taken away


class Dialling:
    def __init__(
        self,
        settings: Settings,
        store: RunStore,
        queue: Queue,
        labels: Store,
        roles: Roles,
        aligning: Aligning,
        rounds: Rounds,
        engine: Callable[[], ReplyEngine],
    ) -> None:
        self._settings, self._store, self._queue, self._labels = settings, store, queue, labels
        self._roles, self._aligning, self._rounds, self._engine = roles, aligning, rounds, engine

    @anybody
    def prompt(self, name: str) -> str:
        """The prompt whose reply was seen changing in training, else the first held-out one."""
        run = self._store.get(name)
        watched, _ = run.status().changing
        if watched:
            return watched
        pairs = run.examples("heldout", Pair) or run.examples("train", Pair)
        return pairs[0].prompt[-1]["content"] if pairs else ""

    @anybody
    def hear(self, actor: Actor, name: str, strength: float, prompt: str, reward_run: str = "") -> Heard:
        """The likeliest reply at a setting.

        Visitors hear what the teacher has heard or measured: another setting would have to be written to the disk.
        Raises: NotAllowed `role.chat`, `dial.not_made`; TooMany as `Limits`; AfinaError `chat.empty`, as
        `require_length` and `tuning.models.scaling`.
        """
        self._roles.spend(actor, _TOKENS, messages=0)
        run = self._store.get(name)
        question = prompt.strip() or self.prompt(actor, run.id)
        if not question:
            raise AfinaError("chat.empty")
        require_length(question)
        policies = [scaling.name_of(run.name, each) for each in self._heard(actor, run, strength)]
        reward = None
        with self._roles.writing(actor, len(policies)):
            text, *others = self._greedy(policies, question)
            if reward_run and others:
                before = others[0]
                talk = ({"role": "user", "content": question},)
                model = self._aligning.reward_model(actor, reward_run)
                now, then = model.scores([(talk, text), (talk, before)])
                reward = now - then
        return Heard(question, text, reward)

    def _heard(self, actor: Actor, run: Run, strength: float) -> list[float]:
        """The settings to be heard: the one asked for, and the parent for its reward, where visitors have it too."""
        strengths = [scaling.checked(strength), 0.0]
        if actor.is_teacher:
            return strengths
        there = scaling.available(*self._store.with_parent(run))
        if strengths[0] not in there:
            listed = ", ".join(f"{each:g}" for each in there) or "-"
            raise NotAllowed("dial.not_made", value=f"{strengths[0]:g}", settings=listed)
        return [each for each in strengths if each in there]

    @anybody
    def may_hear(self, actor: Actor, name: str, strength: float) -> bool:
        """Whether somebody may hear a setting. Raises: AfinaError `dial.strength`."""
        return actor.is_teacher or scaling.is_made(*self._store.with_parent(self._store.get(name)), strength)

    @anybody
    def measured(self, name: str) -> Sweep | None:
        """What was measured before."""
        path = self._store.get(name).path / "dial.json"
        kept = records.read_if_whole(_KeptSweep, path)
        if kept is None:
            return None
        settings = tuple(records.build(Setting, each, path) for each in kept.settings)
        return Sweep(kept.run, kept.reward_run, kept.prompt, settings)

    @teacher
    def sweep(
        self, actor: Actor, name: str, reward_run: str = "", strengths: Sequence[float] = SETTINGS
    ) -> Iterator[Sweep]:
        """Measures setting after setting, and keeps what it has with the run.

        Raises: NotAllowed; AfinaError `align.no_parent`, `align.no_heldout`, and as `tuning.models.scaling`.
        """
        run = self._store.get(name)
        prompts = [list(prompt) for prompt in heldout_prompts(run, PROMPTS)]
        facts = self._facts(run, prompts)
        shown, sweep = self.prompt(actor, run.id), Sweep(run.name, reward_run, "", ())
        zero: float | None = None
        for strength in strengths:
            policy = scaling.name_of(run.name, strength)
            texts, ended = self._sampled(policy, prompts)
            reward = self._reward(actor, reward_run, prompts, texts)
            if zero is None and reward is not None:
                zero = reward if strength == 0 else self._reward_at_zero(actor, run, reward_run, prompts)
            setting = Setting(
                strength=strength,
                reward=None if reward is None or zero is None else reward - zero,
                n=len(prompts),
                clean=self._clean(policy, facts),
                n_facts=len(facts),
                ended=ended,
                words=sum(len(text.split()) for text in texts) / len(texts),
                text=self._greedy([policy], shown)[0],
            )
            sweep = Sweep(run.name, reward_run, shown, (*sweep.settings, setting))
            files.write_json(run.path / "dial.json", asdict(sweep))
            yield sweep

    @teacher
    def vote(self, actor: Actor, name: str, strengths: Sequence[float], n: int = 40, language: str = ENGLISH) -> Round:
        """A blind round between settings, on held-out prompts: the class says where to stop.

        Raises: NotAllowed; AfinaError `dial.two`, and as `Rounds.make`.
        """
        run = self._store.get(name)
        policies = tuple(dict.fromkeys(scaling.name_of(run.name, each) for each in strengths))
        if len(policies) < 2:
            raise AfinaError("dial.two")
        prompts = tuple(read_prompts(f"prompts.{shipped_language(language)}", self._settings))
        generation = Generation(max_new_tokens=_TOKENS)
        # A name of its own would say what it compares.
        request = RoundRequest("", policies, "judge", prompts, 0, n, RoundSettings(), generation, language=language)
        return self._rounds.make(actor, request)

    @teacher
    def keep(self, name: str, strength: float, called: str = "") -> str:
        """Keeps a setting as a run whose parent is `name`; gives its id. Raises: NotAllowed; as `Queue.submit`."""
        run = self._store.get(name)
        rows = (*run.examples("train", Pair), *run.examples("heldout", Pair))
        info = run.info.data
        data = PairSet(rows, str(info["name"]), str(info.get("format", "")), fingerprint=str(info["fingerprint"]))
        config = training.DialConfig(source_model=run.name, strength=scaling.checked(strength))
        kept = self._queue.submit("dial", config, data, called)
        annotators.record_training(self._labels, kept.id, annotators.trained_by(self._labels, run.id))
        return kept.id

    # What is measured

    def _sampled(self, policy: str, prompts: list[list[dict[str, str]]]) -> tuple[list[str], float]:
        sampling = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=_TOKENS, seed=0)
        replies = self._engine().generate([policy] * len(prompts), prompts, sampling)
        return [each.text for each in replies], sum(each.finish_reason == "end" for each in replies) / len(replies)

    def _greedy(self, policies: list[str], prompt: str) -> list[str]:
        talks = [[{"role": "user", "content": prompt}]] * len(policies)
        replies = self._engine().generate(policies, talks, Sampling(greedy=True, max_new_tokens=_TOKENS))
        return [each.text for each in replies]

    def _reward(self, actor: Actor, reward_run: str, prompts: list, texts: list[str]) -> float | None:
        if not reward_run:
            return None
        model = self._aligning.reward_model(actor, reward_run)
        rewards = model.scores(list(zip(prompts, texts, strict=True)))
        return sum(rewards) / len(rewards)

    def _reward_at_zero(self, actor: Actor, run: Run, reward_run: str, prompts: list) -> float | None:
        texts, _ = self._sampled(scaling.name_of(run.name, 0), prompts)
        return self._reward(actor, reward_run, prompts, texts)

    def _facts(self, run: Run, prompts: list[list[dict[str, str]]]) -> list[Any]:
        """Questions of `pocket`'s world that no instruction row answers, in the prompts' language."""
        if run.info.base.get("name") != "pocket":
            return []
        from tuning.pocket import check

        every = check.questions(spoken_in([talk[-1]["content"] for talk in prompts]))
        return random.Random(0).sample(every, min(FACTS, len(every)))

    def _clean(self, policy: str, facts: list[Any]) -> float | None:
        from tuning.pocket import check

        return check.ask(self._engine(), policy, facts).clean if facts else None
