"""Replies of policies from an OpenAI-compatible server (vLLM with LoRA modules): `ReplyEngine` over HTTP.

A base is addressed by the name the server gives it, a run by its adapter, which is loaded there when first asked for.
Prompts go as token ids, made by the same template, cut and end tokens as in training and in the local engine; a model
that is known to the server alone gets its messages and uses its own template. Knows nothing of people or pages.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from tuning.inference.openai_client import Server
from tuning.inference.reply_engine import Message, Partial, Reply, ReplyEngine, Sampling
from tuning.inference.request_queue import fit
from tuning.models import loader, model_info
from tuning.runs import resolver

if TYPE_CHECKING:
    from tuning.models.references import Base, Policy

MOST_AT_ONCE = 32  # requests of one call
_PAUSE = 0.05  # seconds between two looks
_RETRIES = 4  # of a batch's request that the server was too busy for
_REASONS = {"stop": "end", "length": "length"}


@dataclass
class _Column:
    """One reply as it arrives."""

    policy: str
    talk: list[Message]
    seed: int
    text: str = ""
    n_tokens: int = 0
    began: float = 0.0
    ended: float = 0.0
    reason: str = ""
    error: Exception | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def partial(self) -> Partial:
        seconds = (self.ended or time.monotonic()) - self.began if self.began else 0.0
        reason = self.reason or ("failed" if self.error is not None else "")
        return Partial(self.text.strip(), self.n_tokens, seconds, bool(reason), reason)


class ServedEngine(ReplyEngine):
    """Answers through a server; at most `max_adapters` adapters of ours stay on it."""

    def __init__(self, home: Path, url: str, key: str = "", max_adapters: int = 8) -> None:
        self.home, self.server, self._max = Path(home), Server(url, key), max_adapters
        self._mutex = threading.Lock()
        self._loaded: OrderedDict[str, None] = OrderedDict()  # adapters that we have put there, by name
        self._listed: tuple[float, dict[str, str | None]] = (0.0, {})

    def warm(self, name: str = "pocket") -> None:
        """Asks what there is. Raises: AfinaError `served.…` at once where the server does not answer."""
        self.offered()

    def offered(self, seconds: float = 10.0) -> dict[str, str | None]:
        """The server's models, not older than `seconds`: id -> the base it is an adapter of."""
        listed_at, models = self._listed
        if time.monotonic() - listed_at > seconds or not models:
            models = self.server.models()
            self._listed = (time.monotonic(), models)
        return models

    def others(self) -> list[str]:
        return [name for name in self.offered() if name not in self._loaded and name != "pocket"]

    def stream(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Partial]]:
        columns = [_Column(name, list(talk), sampling.seed) for name, talk in zip(policies, conversations, strict=True)]
        _check(columns)
        pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="served")
        try:
            yield [column.partial() for column in columns]
            jobs = [pool.submit(self._write, column, sampling) for column in columns]
            seen = -1
            while not all(job.done() for job in jobs):
                if should_stop():
                    _stop(columns)
                if (count := sum(column.n_tokens for column in columns)) != seen:
                    seen = count
                    yield [column.partial() for column in columns]
                time.sleep(_PAUSE)
            yield [column.partial() for column in columns]
            _raise(columns)
        finally:
            _stop(columns)
            pool.shutdown(wait=False, cancel_futures=True)

    def generate(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Reply]:
        # A busy server is asked again, a few times.
        seeds = seeds if seeds is not None else sampling.seeds(len(policies))
        columns = [
            _Column(name, list(talk), seed) for name, talk, seed in zip(policies, conversations, seeds, strict=True)
        ]
        _check(columns)
        with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="served") as pool:
            jobs = [pool.submit(self._write, column, sampling, _RETRIES) for column in columns]
            for done, job in enumerate(jobs, 1):
                job.result()
                if any(column.error for column in columns):
                    _stop(columns)
                progress(done, len(columns))
        _raise(columns)
        partials = [column.partial() for column in columns]
        return [Reply(each.text, each.n_tokens, each.seconds, each.finish_reason) for each in partials]

    # In a thread of its own for each reply

    def _write(self, column: _Column, sampling: Sampling, retries: int = 0) -> None:
        for attempt in range(retries + 1):
            try:
                self._ask(column, sampling)
            except AfinaError as error:
                if error.key == "served.busy" and attempt < retries and not column.stop.wait(2**attempt / 2):
                    column.text, column.n_tokens = "", 0
                    continue
                column.error = error
            except Exception as error:
                column.error = error
            break
        column.ended = time.monotonic()
        column.reason = column.reason or ("failed" if column.error else "stopped")

    def _ask(self, column: _Column, sampling: Sampling) -> None:
        if column.stop.is_set():
            return
        path, body = self._request(column)
        body |= {
            "max_tokens": min(sampling.max_new_tokens, body.pop("room", sampling.max_new_tokens)),
            "temperature": 0.0 if sampling.greedy else sampling.temperature,
            "top_p": 1.0 if sampling.greedy else sampling.top_p,
            "seed": column.seed,
        }
        column.began = time.monotonic()
        events = self.server.stream(path, body)
        try:
            for event in events:
                _take(column, event)
                if column.stop.is_set():
                    column.reason = column.reason or "stopped"
                    return
        finally:
            events.close()  # type: ignore[attr-defined]

    def _request(self, column: _Column) -> tuple[str, dict[str, Any]]:
        """(path, body): token ids for what we know, messages for what the server alone knows."""
        try:
            policy = resolver.resolve(column.policy, self.home)
        except AfinaError as error:
            if column.policy in self.offered():
                return "chat/completions", {"model": column.policy, "messages": column.talk}
            raise error
        served = self._base(policy.base)
        if served is None and policy.adapter is None and column.policy in self.offered():
            return "chat/completions", {"model": column.policy, "messages": column.talk}
        if served is None:
            raise AfinaError("served.no_base", name=policy.base.name, known=", ".join(self.offered()) or "-")
        tokenizer, ends, context = _tokens(policy.base)
        room = max(1, context - min(256, context // 2))
        prompt = fit(tokenizer, list(column.talk), room)
        model = self._adapter(policy, served) if policy.adapter else served
        return "completions", {
            "model": model,
            "prompt": prompt,
            "stop_token_ids": ends,
            "room": max(1, context - len(prompt)),
        }

    def _base(self, base: Base) -> str | None:
        offered = self.offered()
        return next(
            (name for name in (base.name, base.path_or_id, Path(base.path_or_id).name) if name in offered),
            None,
        )

    def _adapter(self, policy: Policy, base: str) -> str:
        """The name of the policy's adapter on the server, loaded if need be; other weights have another name."""
        assert policy.adapter is not None
        offered = self.offered()
        if policy.name in offered and offered[policy.name] in (base, None) and policy.name != base:
            return policy.name  # the host has named it at start (--lora-modules)
        name = f"{policy.name}-{_stamp(policy.adapter)}"
        with self._mutex:
            if name not in self._loaded:
                self.server.load_adapter(name, str(policy.adapter.resolve()))
            self._loaded[name] = None
            self._loaded.move_to_end(name)
            while len(self._loaded) > self._max:
                self.server.unload_adapter(self._loaded.popitem(last=False)[0])
        return name


def _take(column: _Column, event: dict[str, Any]) -> None:
    for choice in event.get("choices") or []:
        piece = choice.get("text") if "text" in choice else (choice.get("delta") or {}).get("content")
        if piece:
            column.text += piece
            column.n_tokens += 1  # until the server says how many
        if choice.get("finish_reason"):
            column.reason = _REASONS.get(choice["finish_reason"], choice["finish_reason"])
            column.ended = time.monotonic()
    if usage := event.get("usage"):
        column.n_tokens = int(usage.get("completion_tokens", column.n_tokens))


def _check(columns: Sequence[_Column]) -> None:
    if any(not column.talk or not column.talk[-1]["content"].strip() for column in columns):
        raise AfinaError("chat.empty")


def _stop(columns: Sequence[_Column]) -> None:
    for column in columns:
        column.stop.set()


def _raise(columns: Sequence[_Column]) -> None:
    for column in columns:
        if column.error is not None:
            raise column.error


@lru_cache(maxsize=8)
def _tokens(base: Base) -> tuple[Any, list[int], int]:
    """(tokenizer, ids that end a reply, longest input in tokens)."""
    from tuning.data.tokenize import end_token_ids, with_template

    tokenizer = with_template(loader.load_tokenizer(base))
    return tokenizer, end_token_ids(tokenizer), model_info.describe(base).context or 2048


def _stamp(folder: Path) -> str:
    files = sorted(folder.glob("adapter_*"))
    stamps = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(str(stamps).encode()).hexdigest()[:8]
