"""Tuned models for the checks, and their replies. A model that a home holds already is not trained again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tuning.data.tokenize import Message
from tuning.inference.reply_engine import Reply, ReplyEngine, Sampling
from tuning.pocket.checks.questions import Item
from tuning.pocket.world.facts import Language

if TYPE_CHECKING:
    from tuning.api.job import Job
    from tuning.runs.run_store import Run

TOKENS = 128  # of a reply: a story ends within so many
TEMPERATURE = 0.8


@dataclass(frozen=True)
class Subject:
    """What is measured: a base model and the home of its runs. `ready`: a tuned model to ask instead of new ones."""

    base: str
    home: Path
    ready: str = ""

    @cached_property
    def engine(self) -> ReplyEngine:
        from tuning.inference.engine import LocalEngine

        return LocalEngine(self.home)

    def tuned(self, set_name: str, language: Language, seed: int = 0) -> str:
        """The base after default SFT on a shipped set. Raises: AfinaError of the run."""
        from tuning.api import sft

        data = f"{set_name}.{language}"
        return self.ready or self._run(sft.train, self.base, data, f"{set_name}-{language}-{seed}", seed).name

    def rewarded(self, language: Language) -> Run:
        """The base after default SFT on `mixed`, then RLOO on sums. Raises: AfinaError of the run."""
        from tuning.api.facade import Facade

        source = self.tuned("mixed", language)
        return self._run(Facade("rloo").train, source, f"sums.{language}", f"sums-{language}", 0)

    def _run(self, train: Callable[..., Job], source: str, data: str, name: str, seed: int) -> Run:
        """The run of that name on these weights in the home, trained if it is not there."""
        from tuning.runs import resolver
        from tuning.runs.run_store import RunStore

        weights = resolver.resolve(self.base, self.home).base.sha256 or hashlib.sha256(self.base.encode()).hexdigest()
        full_name = f"check-{weights[:6]}-{name}"
        store = RunStore(self.home)
        if not any(run.name == full_name and run.state == "done" for run in store):
            job = train(
                source_model=source, train_dataset=data, tuned_model_display_name=full_name, home=self.home, seed=seed
            ).wait()
            if job.error:
                raise job.error
        return store.get(full_name)


def talk_of(item: Item) -> list[Message]:
    """The conversation that ends in the item's prompt; `before` holds its earlier turns, if they are two."""
    turns = [*(item.before if len(item.before) > 1 else ()), item.prompt]
    return [{"role": ("user", "assistant")[index % 2], "content": turn} for index, turn in enumerate(turns)]


def greedy(subject: Subject, model: str, talks: Sequence[Sequence[Message]], tokens: int = TOKENS) -> list[Reply]:
    """The likeliest reply of `model` to each conversation."""
    return subject.engine.generate([model] * len(talks), talks, Sampling(greedy=True, max_new_tokens=tokens))


def sampled(subject: Subject, model: str, talk: Sequence[Message], seeds: Sequence[int]) -> list[Reply]:
    """One reply to `talk` for each seed, at the chat's temperature."""
    sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=TOKENS)
    return subject.engine.generate([model] * len(seeds), [talk] * len(seeds), sampling, seeds=list(seeds))


def ended(reply: Reply) -> bool:
    """Whether the model ended its reply by itself."""
    return reply.finish_reason == "end"
