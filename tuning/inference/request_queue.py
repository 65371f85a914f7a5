"""Who asked, in which order, and how far each reply is: rows, requests, and the line they wait in.

A row is one reply to be written; a request is the rows that one caller waits for. Knows no tensors.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from common.errors import AfinaError
from tuning.data.tokenize import render_prompt
from tuning.inference.model_cache import LoadedBase, shares_a_batch, tokens_in_front
from tuning.inference.reply_engine import Message, Partial, Sampling
from tuning.models.references import Policy

_IDLE = 10.0  # seconds after which a line's thread goes home


class GenerationRequest:
    """One reply: written by the line's thread, read by its caller's."""

    def __init__(self, policy: Policy, messages: list[Message], sampling: Sampling, seed: int) -> None:
        if not messages or not messages[-1]["content"].strip():
            raise AfinaError("chat.empty")
        self.policy, self.messages, self.sampling, self.seed = policy, messages, sampling, seed
        self.request: Request
        self.prompt: list[int] = []
        self.limit = sampling.max_new_tokens
        self.began = 0.0
        self.error: Exception | None = None
        self._on: LoadedBase | None = None
        self._ids: list[int] = []
        self._reason = ""
        self._ended = 0.0
        try:
            alone = policy.adapter is not None and not shares_a_batch(policy.adapter)
            self.front = tokens_in_front(policy.adapter)
        except FileNotFoundError:  # deleted between two looks
            raise AfinaError("models.no_adapter", name=policy.name) from None
        self.key = (policy.base, policy.adapter if alone else None)  # rows of one key may share a batch

    def prepare(self, on: LoadedBase) -> None:
        """Renders the conversation; one that no template can take fails the row."""
        self._on = on
        context = on.context - self.front
        try:
            room = max(1, context - min(self.sampling.max_new_tokens, context // 2))
            self.prompt = fit(on.tokenizer, list(self.messages), room)
        except Exception as error:
            self.fail(error)
        self.limit = max(1, min(self.sampling.max_new_tokens, context - len(self.prompt)))

    def take(self, token: int) -> None:
        """The next token."""
        assert self._on is not None
        if self.over:
            return
        if token in self._on.ends:
            self.end("end")
            return
        self._ids.append(token)
        if len(self._ids) >= self.limit:
            self.end("length")

    @property
    def over(self) -> bool:
        """Whether nothing more is to be written."""
        return bool(self._reason)

    def end(self, reason: str) -> None:
        if not self._reason:
            self._ended = time.monotonic()
            self._reason = reason
            self.request.look()

    def fail(self, error: Exception) -> None:
        if not self._reason:
            self.error = error
            self.end("failed")

    def restart(self) -> None:
        """Forgets what was written."""
        self._ids = []

    def partial(self) -> Partial:
        reason, ids = self._reason, list(self._ids)  # in this order: what is over does not grow
        text = str(self._on.tokenizer.decode(ids, skip_special_tokens=True)).strip() if self._on and ids else ""
        if not reason:
            text = text.removesuffix("\ufffd")  # half a letter waits for its other half
        seconds = (self._ended or time.monotonic()) - self.began if self.began else 0.0
        return Partial(text, len(ids), seconds, bool(reason), reason)

    @property
    def n_tokens(self) -> int:
        return len(self._ids)


class Request:
    """The rows that one caller waits for."""

    def __init__(self, rows: Sequence[GenerationRequest]) -> None:
        self.rows = list(rows)
        self.finished = threading.Event()
        self._seen = 0
        for row in self.rows:
            row.request = self
        self.look()

    def stop(self) -> None:
        """Ends what waits at once, and what is being written at its next token."""
        for row in self.rows:
            row.end("stopped")

    def look(self) -> None:
        """Notices that all is over."""
        if all(row.over for row in self.rows):
            self.finished.set()

    def changed(self) -> bool:
        """Whether there are new tokens since this was last asked."""
        count = sum(row.n_tokens for row in self.rows)
        changed, self._seen = count != self._seen, count
        return changed

    def partials(self) -> list[Partial]:
        return [row.partial() for row in self.rows]

    def raise_error(self) -> None:
        for row in self.rows:
            if row.error is not None:
                raise row.error


class RequestQueue:
    """Waiting rows and the one thread that serves them, first come first served.

    `serve` gets at most `most_rows` rows that may share a batch, of at most `most_adapters` adapters; it must end
    every row; what it raises ends them too.
    """

    def __init__(self, serve: Callable[[list[GenerationRequest]], None], most_rows: int, most_adapters: int) -> None:
        self._serve, self._most_rows, self._most_adapters = serve, most_rows, most_adapters
        self._waiting: list[GenerationRequest] = []
        self._news = threading.Condition()
        self._serving = False

    def join(self, request: Request) -> None:
        with self._news:
            self._waiting.extend(request.rows)
            if not self._serving:
                self._serving = True
                threading.Thread(target=self._work, name="replies", daemon=True).start()
            self._news.notify()

    def _work(self) -> None:
        while True:
            with self._news:
                if not self._waiting:
                    self._news.wait(_IDLE)
                if not self._waiting:
                    self._serving = False
                    return
                rows = self._next()
            rows = [row for row in rows if not row.over]
            try:
                if rows:
                    self._serve(rows)
            except Exception as error:  # nobody may wait for ever
                for row in rows:
                    row.fail(error)

    def _next(self) -> list[GenerationRequest]:
        """Takes the first row and, in order, those that may stand beside it."""
        taken: list[GenerationRequest] = []
        adapters: set[Path] = set()
        for row in self._waiting:
            if row.key == self._waiting[0].key and len(taken) < self._most_rows:
                if row.policy.adapter not in adapters and len(adapters) >= self._most_adapters:
                    continue
                if row.policy.adapter:
                    adapters.add(row.policy.adapter)
                taken.append(row)
        chosen = set(map(id, taken))
        self._waiting = [row for row in self._waiting if id(row) not in chosen]
        return taken


def fit(tokenizer, messages: list[Message], room: int) -> list[int]:
    """The prompt's token ids, at most `room`: the oldest exchanges are dropped first, then the beginning is cut."""
    ids = render_prompt(tokenizer, messages)
    while len(ids) > room:
        first = 1 if messages[0]["role"] == "system" else 0
        if len(messages) - first < 3:
            return ids[-room:]
        del messages[first : first + 2]
        ids = render_prompt(tokenizer, messages)
    return ids
