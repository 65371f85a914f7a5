"""Replies and rewards on a GPU that is lent for one call: `ReplyEngine` over decorated functions.

Knows `tuning.executors.gpu_leases`; not who decorates (`tuning.executors.zerogpu` says what is decorated).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from tuning.config.training_methods import REWARD_MODELS
from tuning.executors import gpu_leases, zerogpu
from tuning.executors.gpu_leases import GpuLeases
from tuning.inference.reply_engine import Message, Partial, Reply, ReplyEngine, Sampling
from tuning.models import model_info
from tuning.rewards.reward_model import Rewards
from tuning.runs import resolver

REPLIES_PER_CALL = 256


@dataclass(frozen=True)
class Functions:
    """The functions of `tuning.executors.zerogpu`, decorated."""

    train: Callable[..., Any]
    stream: Callable[..., Any]
    write: Callable[..., Any]
    score: Callable[..., Any]

    @classmethod
    def decorated(cls, decorate: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Functions:
        names = (
            zerogpu.train_slice,
            zerogpu.stream_replies,
            zerogpu.write_replies,
            zerogpu.score_replies,
        )
        return cls(*(decorate(function) for function in names))


class LentEngine(ReplyEngine):
    """Answers on a GPU that is lent call by call. In a thread `behind_the_page` a call waits for one in `leases`;
    in a visitor's event the platform gives it."""

    def __init__(self, home: Path, functions: Functions, leases: GpuLeases, waits: bool = False) -> None:
        self.home = Path(home)
        self._functions, self._leases, self._waits = functions, leases, waits

    def behind_the_page(self) -> LentEngine:
        return LentEngine(self.home, self._functions, self._leases, waits=True)

    def warm(self, name: str = "pocket") -> None:
        """The base that a GPU's process inherits is loaded before the page starts (`zerogpu.prepare`)."""

    def stream(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Partial]]:
        talks = [list(talk) for talk in conversations]
        seconds = self._seconds(policies, len(policies), sampling)
        with tempfile.TemporaryDirectory(prefix="afina-") as folder:
            wish = Path(folder) / "stop"
            stream = self._functions.stream(seconds, str(self.home), list(policies), talks, sampling, str(wish))
            try:
                for partials in stream:
                    if isinstance(partials, AfinaError):
                        raise partials
                    yield partials
                    if should_stop():
                        wish.touch()
            finally:
                wish.touch()  # a reader who leaves ends the writing
                for _ in stream:
                    pass

    def generate(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Reply]:
        seeds = list(seeds) if seeds is not None else sampling.seeds(len(policies))
        replies: list[Reply] = []
        for start in range(0, len(policies), REPLIES_PER_CALL):
            part = slice(start, start + REPLIES_PER_CALL)
            names = list(policies[part])
            talks = [list(talk) for talk in conversations[part]]
            seconds = self._seconds(names, len(names), sampling)
            replies += self._call(self._functions.write, seconds, str(self.home), names, talks, sampling, seeds[part])
            progress(len(replies), len(policies))
        return replies

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if not self._waits:
            value = function(*arguments)
        else:
            try:
                value = self._leases.acquire(lambda: function(*arguments), patient=True)
            except gpu_leases.Nobody:
                raise AfinaError("gpu.nobody", seconds=int(self._leases.patience)) from None
            except Exception as error:
                raise gpu_leases.refused(error) from error
        if isinstance(value, AfinaError):
            raise value
        return value

    def _seconds(self, policies: Sequence[str], rows: int, sampling: Sampling) -> int:
        bases = {resolver.resolve(name, self.home).base.name: name for name in policies}
        sizes = [model_info.describe(resolver.resolve(name, self.home).base).parameters for name in bases.values()]
        return gpu_leases.replies(rows, sampling.max_new_tokens, max(sizes, default=0))


class LentRewardModel(Rewards):
    """As `tuning.rewards.reward_model.RewardModel`, loaded anew in each call."""

    def __init__(self, name: str, home: Path, functions: Functions) -> None:
        from tuning.runs.run_store import RunStore

        run = RunStore(home).get(name)
        if run.info.method not in REWARD_MODELS:
            raise AfinaError("reward.other_method", name=run.name, method=run.info.method)
        self.name, self._home, self._functions = run.name, home, functions

    def scores(self, replies: Sequence[tuple[Sequence[Message], str]]) -> list[float]:
        found = self._functions.score(gpu_leases.MOST, str(self._home), self.name, list(replies))
        if isinstance(found, AfinaError):
            raise found
        return found
