"""Replies of policies: base and tuned in one batch over one base in memory, streamed or whole.

Whoever asks joins one line. A single thread serves it: it takes the first row and all that may share a batch with
it, so that a class that asks at once is answered at once, each row by its own policy, sampling and seed. What may
not share a batch is generated in a pass of its own. Knows nothing of runs' states, people or pages.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from common.errors import AfinaError
from tuning.inference.model_cache import BadAdapter, LoadedBase, memory_errors
from tuning.inference.peft_patches import rows_of
from tuning.inference.reply_engine import Message, Partial, Reply, ReplyEngine, Sampling
from tuning.inference.request_queue import GenerationRequest, Request, RequestQueue
from tuning.inference.sampling import EndRows, SeededSampler, Steps
from tuning.inference.shrinking_batch import GenerationBatch
from tuning.models.references import Base
from tuning.runs import resolver

MOST_ROWS = 32  # of a batch
_PAUSE = 0.05  # seconds between two looks at a reply being written


class LocalEngine(ReplyEngine):
    """Holds the most recently used base models and adapters, and answers. Thread-safe.

    `max_models` bases and, on each, `max_adapters` adapters stay in memory.
    """

    def __init__(self, home: Path, max_models: int = 2, max_adapters: int = 8) -> None:
        self.home = home
        self._max_models, self._max_adapters = max_models, max_adapters
        self._loaded: OrderedDict[tuple[str, str], LoadedBase] = OrderedDict()
        self._using = threading.Lock()  # held while a batch is written
        self._line = RequestQueue(self._serve, MOST_ROWS, max_adapters)
        atexit.register(_settle, weakref.ref(self))

    def warm(self, name: str = "pocket") -> None:
        self.generate([name], [[{"role": "user", "content": "…"}]], Sampling(max_new_tokens=1, greedy=True))

    def load(self, name: str) -> None:
        """Loads the base of `name` and writes nothing."""
        with self._using:
            self._on(resolver.resolve(name, self.home).base)

    def stream(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Partial]]:
        request = self._request(policies, conversations, [sampling.seed] * len(policies), sampling)
        try:
            yield request.partials()
            self._line.join(request)
            while not request.finished.wait(_PAUSE):
                if should_stop():
                    request.stop()
                if request.changed():
                    yield request.partials()
            yield request.partials()  # first: the other columns' replies are whole
            request.raise_error()
        finally:
            request.stop()  # a reader who leaves, leaves the line too

    def generate(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Reply]:
        seeds = seeds if seeds is not None else sampling.seeds(len(policies))
        replies: dict[int, Reply] = {}
        # Policies of one name together, prompts of like length too: fewer batches, less padding.
        order = sorted(
            range(len(policies)),
            key=lambda i: (policies[i], sum(len(turn["content"]) for turn in conversations[i])),
        )
        for start in range(0, len(order), MOST_ROWS):
            part = order[start : start + MOST_ROWS]
            request = self._request(
                [policies[i] for i in part],
                [conversations[i] for i in part],
                [seeds[i] for i in part],
                sampling,
            )
            try:
                self._line.join(request)
                request.finished.wait()
            finally:
                request.stop()
            request.raise_error()
            for index, partial in zip(part, request.partials(), strict=True):
                replies[index] = Reply(partial.text, partial.n_tokens, partial.seconds, partial.finish_reason)
            progress(len(replies), len(policies))
        return [replies[index] for index in range(len(policies))]

    def _request(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        seeds: Sequence[int],
        sampling: Sampling,
    ) -> Request:
        found = {name: resolver.resolve(name, self.home) for name in dict.fromkeys(policies)}
        rows = zip(policies, conversations, seeds, strict=True)
        return Request([GenerationRequest(found[name], list(talk), sampling, seed) for name, talk, seed in rows])

    # What follows runs in the line's thread.

    def _serve(self, rows: list[GenerationRequest]) -> None:
        """Writes rows that may share a batch. Whatever goes wrong ends in the rows it concerns."""
        with self._using:
            try:
                on = self._on(rows[0].policy.base)
            except Exception as error:  # told to everyone who waits for it
                for row in rows:
                    row.fail(error)
                return
            for row in rows:
                row.prepare(on)
            self._write(on, [row for row in rows if not row.over])

    def _on(self, base: Base) -> LoadedBase:
        key = (base.path_or_id, base.sha256)
        if key not in self._loaded:
            while len(self._loaded) >= self._max_models:
                self._loaded.popitem(last=False)
            try:
                self._loaded[key] = LoadedBase(base, self._max_adapters)
            except AfinaError as error:
                if error.key != "chat.memory" or not self._loaded:
                    raise
                self._loaded.clear()  # then without the others
                _empty_cache()
                self._loaded[key] = LoadedBase(base, self._max_adapters)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def _write(self, on: LoadedBase, rows: list[GenerationRequest]) -> None:
        """Attaches the rows' adapters and writes; an adapter that does not load fails its own rows only."""
        while rows:
            try:
                names = on.attach([row.policy for row in rows])
                break
            except BadAdapter as error:
                for row in rows:
                    if row.policy.adapter == error.adapter:
                        row.fail(error)
                rows = [row for row in rows if not row.over]
            except Exception as error:
                for row in rows:
                    row.fail(error)
                return
        for part in _parts(rows, on.context, on.even):
            chosen = [names[rows.index(row)] for row in part] if names else None
            self._write_part(on, part, chosen)

    def _write_part(self, on: LoadedBase, rows: list[GenerationRequest], names: list[str] | None) -> None:
        try:
            _run(on, rows, names)
        except Exception as error:
            _empty_cache()
            requests = list(dict.fromkeys(row.request for row in rows))
            if len(requests) == 1:
                for row in rows:
                    row.fail(error)
                return
            for request in requests:  # it may be too much together, or one's fault: each by itself
                part = [index for index, row in enumerate(rows) if row.request is request and not row.over]
                for index in part:
                    rows[index].restart()
                if part:
                    self._write_part(on, [rows[i] for i in part], [names[i] for i in part] if names else None)


def _settle(engine: weakref.ref[LocalEngine]) -> None:
    """Before the interpreter ends: a thread that it cuts off inside torch would bring the process down."""
    if (alive := engine()) is not None:
        alive._using.acquire(timeout=30)


def _run(on: LoadedBase, rows: list[GenerationRequest], names: list[str] | None) -> None:
    """Writes a batch, in passes that get narrower. Raises: AfinaError `chat.memory`, and whatever the model raises."""
    width = max(len(row.prompt) for row in rows)
    ids = torch.tensor([[on.pad] * (width - len(row.prompt)) + row.prompt for row in rows])
    mask = torch.tensor([[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in rows])
    alone = names is None and any(row.policy.adapter is not None for row in rows)
    state = GenerationBatch(rows, names, ids.to(on.device), mask.to(on.device), fixed=alone)
    draw = SeededSampler([row.sampling for row in rows], [row.seed for row in rows])
    began = time.monotonic()
    for row in rows:
        row.began = began
    torch.set_num_threads(on.threads)
    with memory_errors(), torch.inference_mode():
        while state.rows:
            draw = draw.of(state.narrow(_pass(on, state, draw)))


def _pass(on: LoadedBase, state: GenerationBatch, draw: SeededSampler) -> Any:
    """One call of `generate`; every row has ended after it, or half of them."""
    rows = state.rows

    def take(tokens: list[int]) -> None:
        for row, token in zip(rows, tokens, strict=True):
            row.take(token)

    each_its_own: AbstractContextManager[dict[str, Any]] = (
        rows_of(on.model, state.names) if state.names else nullcontext({})
    )
    with each_its_own as more:
        return on.model.generate(
            input_ids=state.ids,  # (B, T)
            attention_mask=state.mask,  # (B, T)
            generation_config=GenerationConfig(
                max_new_tokens=max(row.limit - row.n_tokens for row in rows),
                do_sample=False,  # Draw has drawn: the likeliest token is the choice
                eos_token_id=on.ends or None,
                pad_token_id=on.pad,
                return_dict_in_generate=True,
            ),
            logits_processor=LogitsProcessorList([draw]),
            stopping_criteria=StoppingCriteriaList([EndRows(state.over)]),
            streamer=Steps(take),
            **({"past_key_values": state.cache} if state.cache is not None else {}),
            **more,
        )


def _parts(rows: list[GenerationRequest], context: int, even: bool) -> list[list[GenerationRequest]]:
    """The rows in batches in which the longest prompt and the longest reply fit the model's context together.

    `even`: only prompts of one length share a batch.
    """
    parts: list[list[GenerationRequest]] = []
    for row in sorted(rows, key=lambda row: len(row.prompt)) if even else rows:
        if even and parts and len(parts[-1][0].prompt) == len(row.prompt):
            parts[-1].append(row)
            continue
        joined = [*parts[-1], row] if parts else [row]
        longest = max(len(each.prompt) for each in joined) + max(each.limit for each in joined)
        if not even and parts and longest <= context:
            parts[-1] = joined
        else:
            parts.append([row])
    return parts


def _empty_cache() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
