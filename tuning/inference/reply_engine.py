"""What every engine that answers as a policy offers, and the values that go in and come out.

Three classes do so: `engine.LocalEngine` in this process, `remote_engine.ServedEngine` over HTTP, and
`executors.zerogpu_engine.LentEngine` on a GPU that comes with a visitor. Imports no torch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.errors import AfinaError
from tuning.data.tokenize import Message


@dataclass(frozen=True)
class Sampling:
    """How a reply is drawn. `greedy` takes the likeliest token and ignores temperature, top_p and seed.

    Raises: AfinaError `chat.temperature`, `chat.top_p`, `chat.max_new_tokens` for a value out of range.
    """

    temperature: float = 0.8  # 0.05 to 5
    top_p: float = 0.95  # above 0, at most 1
    max_new_tokens: int = 128  # 1 to 4096
    seed: int = 0
    greedy: bool = False

    def __post_init__(self) -> None:
        if not self.greedy and not 0.05 <= self.temperature <= 5:
            raise AfinaError("chat.temperature", value=self.temperature)
        if not 0 < self.top_p <= 1:
            raise AfinaError("chat.top_p", value=self.top_p)
        if not 1 <= self.max_new_tokens <= 4096:
            raise AfinaError("chat.max_new_tokens", value=self.max_new_tokens)

    def seeds(self, n: int) -> list[int]:
        """The seeds of n replies that are to differ."""
        return [self.seed + index for index in range(n)]


@dataclass(frozen=True)
class Partial:
    """One reply while it is being written."""

    text: str = ""
    n_tokens: int = 0
    seconds: float = 0.0  # since its writing began
    done: bool = False
    finish_reason: str = ""  # "end" (it ended by itself), "length", "stopped", "failed"; "" while not done
    seal: str = ""  # proves who wrote it, once it is whole: added by whoever hands it out


@dataclass(frozen=True)
class Reply:
    """One whole reply."""

    text: str
    n_tokens: int
    seconds: float  # of writing
    finish_reason: str  # as in Partial


class ReplyEngine(Protocol):
    """Answers conversations as policies. Thread-safe.

    `policies[i]` answers `conversations[i]`; n of each. A policy is a name as `tuning.runs.resolver.resolve` takes it.
    A conversation is a list of messages whose last one is to be answered. A reply depends on its policy, conversation,
    sampling and seed, not on the replies beside it.

    Raises, in `stream` and `generate`: AfinaError `models.unknown` and the others of `resolver.resolve`, `chat.empty`
    for a conversation without a last message, `models.bad_adapter`, `chat.memory`; a server's engine `served.…`; a lent
    GPU's `gpu.refused` and `gpu.nobody`.
    """

    @abstractmethod
    def warm(self, name: str = "pocket") -> None:
        """Prepares to answer as the base `name`, so that the first person does not wait. Raises: as `generate`."""

    @abstractmethod
    def stream(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Partial]]:
        """Yields, again and again, the n replies as far as they are written; in the last list all are done.

        Every reply is drawn with `sampling.seed`. Once `should_stop()` is true, or the iterator is closed, the writing
        ends within a few tokens (`finish_reason` "stopped"). An error of one reply is raised after the last list, in
        which its `finish_reason` is "failed"; one that is known at once is raised before the first.
        """

    @abstractmethod
    def generate(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Reply]:
        """The n replies, whole. Reply i is drawn with `seeds[i]`; by default with `sampling.seeds(n)`.

        `progress(done, n)` is called after each batch, the last time with done = n.
        """

    def others(self) -> list[str]:
        """Names of models that this engine alone knows."""
        return []

    def behind_the_page(self) -> ReplyEngine:
        """The same engine for threads that no visitor's event has started."""
        return self
