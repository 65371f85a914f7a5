"""An engine that answers at once and loads no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tuning.inference.reply_engine import Message, Partial, Reply, ReplyEngine, Sampling


class StandInEngine(ReplyEngine):
    """Numbers its replies, and notes as whom (`policies`) and on what (`conversations`) it was asked."""

    def __init__(self) -> None:
        self.policies: list[str] = []
        self.conversations: list[list[list[Message]]] = []  # of each call

    def warm(self, name: str = "pocket") -> None: ...

    def stream(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Partial]]:
        yield [
            Partial(reply.text, reply.n_tokens, reply.seconds, True, reply.finish_reason)
            for reply in self.generate(policies, conversations, sampling)
        ]

    def generate(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Reply]:
        first = len(self.policies)
        self.policies += policies
        self.conversations.append([list(talk) for talk in conversations])
        return [Reply(f"Reply {first + index}.", 2, 0.1, "end") for index in range(len(policies))]
