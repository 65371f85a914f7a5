"""Answers of policies: base and tuned in one batch over one base in memory, streamed or whole.

What may not share a batch is generated in a pass of its own, on the same base with nothing else attached. One
generation at a time; whoever comes first is served first. Knows policies and conversations; nothing of runs'
states, people or pages.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import GenerationConfig, StoppingCriteriaList

from common.errors import AfinaError
from tuning import models
from tuning.data.tokens import end_token_ids, render_prompt, with_template
from tuning.decoding import BatchStreamer, Sampling, StopWhen, processors, shares_a_batch
from tuning.models import Base, Policy

__all__ = ["Engine", "Partial", "Reply", "Sampling"]

Message = dict[str, str]
SMALL = 20_000_000  # parameters; below it float32, whose batches agree token for token


@dataclass(frozen=True)
class Partial:
    """One column while it is being written."""

    text: str = ""
    n_tokens: int = 0
    seconds: float = 0.0
    done: bool = False
    finish_reason: str = ""  # "end" (it ended by itself), "length", "stopped"; "" while not done


@dataclass(frozen=True)
class Reply:
    text: str
    n_tokens: int
    seconds: float
    finish_reason: str


@dataclass
class _Row:
    """One row of a batch being generated."""

    ids: list[int] = field(default_factory=list)
    reason: str = ""


class Engine:
    """Holds the most recently used base models and adapters. Thread-safe.

    `max_models` bases and, on each, `max_adapters` adapters stay in memory.
    """

    def __init__(self, home: Path, max_models: int = 2, max_adapters: int = 8) -> None:
        self.home = home
        self._max_models, self._max_adapters = max_models, max_adapters
        self._loaded: OrderedDict[tuple[str, str], _OnBase] = OrderedDict()
        self._turn = _Turns()

    def warm(self, name: str = "pocket") -> None:
        """Loads the base and writes one token, so that the first person does not wait."""
        self.generate([name], [[{"role": "user", "content": "…"}]], Sampling(max_new_tokens=1, greedy=True))

    def stream(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Partial]]:
        """Column by column what each policy writes next to its conversation; the last list is all done.

        A column's reply depends on its policy, conversation and seed, not on the columns beside it.
        Raises: AfinaError as `models.resolve` and `load_model`, `chat.memory`, `chat.empty`.
        """
        names = [models.resolve(name, self.home) for name in policies]
        columns = [Partial() for _ in names]
        gone = threading.Event()
        try:
            with self._turn.taken():
                for group in _groups(names):
                    rows = [names[index] for index in group]
                    talks = [conversations[index] for index in group]
                    batch = self._batch(rows, talks, sampling, [sampling.seed] * len(group))
                    for partials in batch.stream(lambda: gone.is_set() or should_stop()):
                        for index, partial in zip(group, partials, strict=True):
                            columns[index] = partial
                        yield list(columns)
        finally:
            gone.set()

    def generate(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        batch_size: int = 32,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Reply]:
        """A reply of `policies[i]` to `conversations[i]`, for all i, in batches; `seeds` default to seed + i.

        `progress(done, total)` is called after each batch. Raises: as `stream`.
        """
        resolved = {name: models.resolve(name, self.home) for name in dict.fromkeys(policies)}
        names = [resolved[name] for name in policies]
        seeds = seeds if seeds is not None else [sampling.seed + index for index in range(len(names))]
        replies: list[Reply | None] = [None] * len(names)
        done = 0
        for group in _groups(names):
            # Prompts of like length share a batch: less padding.
            group.sort(key=lambda index: sum(len(message["content"]) for message in conversations[index]))
            for start in range(0, len(group), batch_size):
                part = group[start : start + batch_size]
                with self._turn.taken():
                    rows, talks = [names[i] for i in part], [conversations[i] for i in part]
                    batch = self._batch(rows, talks, sampling, [seeds[i] for i in part])
                    for index, reply in zip(part, batch.whole(), strict=True):
                        replies[index] = reply
                done += len(part)
                progress(done, len(names))
        return [reply for reply in replies if reply is not None]

    def forget(self) -> None:
        """Gives all memory back."""
        with self._turn.taken():
            self._loaded.clear()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _batch(self, rows, talks, sampling, seeds) -> _Batch:
        return _Batch(self._on(rows[0].base), rows, talks, sampling, seeds)

    def _on(self, base: Base) -> _OnBase:
        key = (base.path_or_id, base.sha256)
        if key not in self._loaded:
            while len(self._loaded) >= self._max_models:
                self._loaded.popitem(last=False)
            self._loaded[key] = _OnBase(base, self._max_adapters)
        self._loaded.move_to_end(key)
        return self._loaded[key]


class _OnBase:
    """One base model in memory, bare or with adapters attached."""

    def __init__(self, base: Base, max_adapters: int) -> None:
        info, where = models.describe(base), models.device()
        self.tokenizer = with_template(models.load_tokenizer(base))
        dtype = where.dtype if info.parameters >= SMALL else "float32"
        with _memory_errors():
            self.model: Any = models.load_model(base, where.kind, dtype)
        self.device = where.kind
        # A small model's operations are too short to share: a second thread only waits, the longer the busier the CPU.
        self.threads = 1 if info.parameters < SMALL else torch.get_num_threads()
        self.context = info.context or 2048
        self.ends = end_token_ids(self.tokenizer, self.model.generation_config.eos_token_id)
        self._max_adapters = max_adapters
        self._attached: OrderedDict[str, str] = OrderedDict()  # adapter's name in PEFT -> stamp of its files
        self._alone = False  # whether what is attached may not share a batch

    def attach(self, policies: Sequence[Policy]) -> list[str] | None:
        """Makes the model ready for `policies`: `adapter_names` for a mixed batch, or None for a pass of its own."""
        adapters = {policy.adapter: _key(policy.adapter) for policy in policies if policy.adapter}
        alone = any(not shares_a_batch(folder) for folder in adapters)
        if alone or self._alone:
            self._detach()
        self._make_room(list(adapters.values()))
        for folder, name in adapters.items():
            self._load(folder, name)
        self._alone = alone
        if alone or not self._attached:
            return None
        return [_key(policy.adapter) if policy.adapter else "__base__" for policy in policies]

    def _make_room(self, wanted: list[str]) -> None:
        """Forgets the least recently used adapters, never one that is wanted now."""
        idle = [name for name in self._attached if name not in wanted]
        surplus = len(idle) + len(wanted) - max(self._max_adapters, len(wanted))
        for name in idle[: max(0, surplus)]:
            if len(self._attached) == 1:  # PEFT keeps at least one
                return self._detach()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that another adapter is active now: each call names its own
                self.model.delete_adapter(name)
            del self._attached[name]
        return None

    def _load(self, folder: Path, name: str) -> None:
        stamp = _stamp(folder)
        if self._attached.get(name) == stamp:
            self._attached.move_to_end(name)
            return
        if name in self._attached:  # resumed or trained again: same name, other weights
            self._detach()
        if isinstance(self.model, PeftModel):
            self.model.load_adapter(str(folder), adapter_name=name, torch_device=self.device)
        else:
            self.model = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name)
        self.model.eval()
        self._attached[name] = stamp

    def _detach(self) -> None:
        if isinstance(self.model, PeftModel):
            self.model = self.model.unload()
        self._attached.clear()
        self._alone = False


class _Batch:
    """One call of `generate`, about to run on a base."""

    def __init__(
        self, on: _OnBase, policies, conversations, sampling: Sampling, seeds: Sequence[int]
    ) -> None:
        self._on, self._sampling, self._seeds = on, sampling, seeds
        with _memory_errors():
            self._adapter_names = on.attach(policies)
        room = max(1, on.context - min(sampling.max_new_tokens, on.context // 2))
        self._prompts = [_fit(on.tokenizer, list(talk), room) for talk in conversations]
        self._rows = [_Row() for _ in policies]

    def whole(self) -> list[Reply]:
        began = time.monotonic()
        self._run(None, lambda: False, self._take)
        seconds = time.monotonic() - began
        return [Reply(self._text(row), len(row.ids), seconds, row.reason or "length") for row in self._rows]

    def stream(self, should_stop: Callable[[], bool], pause: float = 0.05) -> Iterator[list[Partial]]:
        """Yields at most every `pause` seconds, at the first token and at the end."""
        streamer, began, shown = BatchStreamer(), time.monotonic(), 0.0
        thread = threading.Thread(target=self._run, args=(streamer, should_stop), daemon=True)
        thread.start()
        try:
            while (step := streamer.steps.get()) is not None:
                if isinstance(step, Exception):
                    raise step
                self._take_step(step)
                if time.monotonic() - shown >= pause:
                    shown = time.monotonic()
                    yield self._partials(shown - began)
        finally:
            if not thread.is_alive() or not should_stop():
                thread.join(timeout=60)
            else:
                thread.join()
        stopped = "stopped" if should_stop() else "length"
        for row in self._rows:
            row.reason = row.reason or stopped
        yield self._partials(time.monotonic() - began)

    def _run(self, streamer: BatchStreamer | None, should_stop: Callable[[], bool], take=None) -> None:
        try:
            torch.set_num_threads(self._on.threads)
            with _memory_errors(), torch.inference_mode():
                output = self._on.model.generate(**self._arguments(streamer, should_stop))
            if take is not None:
                take(output)
        except Exception as error:
            if streamer is None:
                raise
            streamer.finish(error)
        else:
            if streamer is not None:
                streamer.finish()

    def _arguments(self, streamer, should_stop) -> dict[str, Any]:
        on, width = self._on, max(len(prompt) for prompt in self._prompts)
        pad = on.tokenizer.pad_token_id if on.tokenizer.pad_token_id is not None else on.ends[0]
        ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in self._prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in self._prompts])
        arguments: dict[str, Any] = {
            "input_ids": ids.to(on.device),  # (B, T)
            "attention_mask": mask.to(on.device),
            "generation_config": GenerationConfig(
                max_new_tokens=max(1, min(self._sampling.max_new_tokens, on.context - width)),
                do_sample=False,
                eos_token_id=on.ends,
                pad_token_id=pad,
            ),
            "logits_processor": processors(self._sampling, self._seeds),
            "stopping_criteria": StoppingCriteriaList([StopWhen(should_stop)]),
        }
        if streamer is not None:
            arguments["streamer"] = streamer
        if self._adapter_names is not None:
            arguments["adapter_names"] = self._adapter_names
        return arguments

    def _take(self, output: torch.Tensor) -> None:
        """(B, T + new): the rows' new tokens, step by step as a stream would bring them."""
        width = max(len(prompt) for prompt in self._prompts)
        for step in output[:, width:].T.tolist():
            self._take_step(step)

    def _take_step(self, step: list[int]) -> None:
        for row, token in zip(self._rows, step, strict=True):
            if row.reason:
                continue
            if token in self._on.ends:
                row.reason = "end"
            else:
                row.ids.append(token)

    def _text(self, row: _Row) -> str:
        return str(self._on.tokenizer.decode(row.ids, skip_special_tokens=True)).strip()

    def _partials(self, seconds: float) -> list[Partial]:
        return [
            Partial(
                self._text(row).removesuffix("\ufffd"), len(row.ids), seconds, bool(row.reason), row.reason
            )
            for row in self._rows
        ]


class _Turns:
    """A lock that serves in the order of arrival (threading.Lock does not)."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def taken(self) -> Iterator[None]:
        mine = threading.Event()
        with self._guard:
            self._waiting.append(mine)
            if len(self._waiting) == 1:
                mine.set()
        mine.wait()
        try:
            yield
        finally:
            with self._guard:
                self._waiting.popleft()
                if self._waiting:
                    self._waiting[0].set()


def _groups(policies: Sequence[Policy]) -> list[list[int]]:
    """Indices that may share a batch: same base, and LoRA-like or bare; every other adapter by itself."""
    groups: dict[tuple, list[int]] = {}
    for index, policy in enumerate(policies):
        alone = policy.adapter is not None and not shares_a_batch(policy.adapter)
        groups.setdefault((policy.base, policy.adapter if alone else None), []).append(index)
    return list(groups.values())


def _fit(tokenizer, messages: list[Message], room: int) -> list[int]:
    """The prompt's token ids, at most `room`: the oldest exchanges are dropped first, then the beginning is cut."""
    if not messages or not messages[-1]["content"].strip():
        raise AfinaError("chat.empty")
    ids = render_prompt(tokenizer, messages)
    while len(ids) > room:
        first = 1 if messages[0]["role"] == "system" else 0
        if len(messages) - first < 3:
            return ids[-room:]
        del messages[first : first + 2]
        ids = render_prompt(tokenizer, messages)
    return ids


def _key(folder: Path | None) -> str:
    """PEFT's name for an adapter: no dots, which it forbids."""
    assert folder is not None
    return str(folder.resolve()).replace(".", "_")


def _stamp(folder: Path) -> str:
    files = sorted(folder.glob("adapter_*"))
    return str([(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files])


@contextmanager
def _memory_errors() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
            raise AfinaError("chat.memory") from error
        raise
