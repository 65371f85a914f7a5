"""The pieces of generation: seeded sampling per row, stopping, streaming a batch, what may share a batch.

Knows tensors and transformers' generation hooks; no models, no policies, no conversations.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)
from transformers.generation.streamers import BaseStreamer

from common.errors import AfinaError


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. `greedy` takes the likeliest token and ignores temperature, top_p and seed."""

    temperature: float = 0.8
    top_p: float = 0.95
    max_new_tokens: int = 128
    seed: int = 0
    greedy: bool = False

    def __post_init__(self) -> None:
        if not self.greedy and not 0.05 <= self.temperature <= 5:
            raise AfinaError("chat.temperature", value=self.temperature)
        if not 0 < self.top_p <= 1:
            raise AfinaError("chat.top_p", value=self.top_p)
        if not 1 <= self.max_new_tokens <= 4096:
            raise AfinaError("chat.max_new_tokens", value=self.max_new_tokens)


class RowNoise(LogitsProcessor):
    """Adds Gumbel noise from a generator per row, so that the likeliest token is a sample (Gumbel 1954).

    argmax(logits + noise) is distributed as softmax(logits); each row has its own seed, so what a row says does
    not depend on the rows beside it.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed & 0x7FFFFFFF) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """scores (B, V) -> (B, V)."""
        size = scores.shape[-1]
        uniform = torch.stack([torch.rand(size, generator=generator) for generator in self._generators])
        noise = -torch.log(-torch.log(uniform.clamp_(1e-20, 1 - 1e-7)))
        return cast("torch.FloatTensor", scores.float() + noise.to(scores.device))


def processors(sampling: Sampling, seeds: Sequence[int]) -> LogitsProcessorList:
    """What turns logits into a choice by argmax: nothing (greedy), or temperature, top-p and noise."""
    if sampling.greedy:
        return LogitsProcessorList()
    chain: list[LogitsProcessor] = [TemperatureLogitsWarper(float(sampling.temperature))]
    if sampling.top_p < 1:
        chain.append(TopPLogitsWarper(top_p=float(sampling.top_p)))
    return LogitsProcessorList([*chain, RowNoise(seeds)])


class StopWhen(StoppingCriteria):
    """Ends every row of the batch as soon as `asked()` is true."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        self._asked = asked

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: object
    ) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self._asked(), device=input_ids.device, dtype=torch.bool)


class BatchStreamer(BaseStreamer):
    """Puts each step's tokens, a list of B ids, into `steps`; None ends it, an exception is passed on."""

    def __init__(self) -> None:
        self.steps: queue.Queue[list[int] | Exception | None] = queue.Queue()
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if not self._prompt_seen:  # the first call brings the prompts
            self._prompt_seen = True
            return
        self.steps.put(value.flatten().tolist())

    def end(self) -> None:
        """Called by `generate`; whoever runs it says when all is over."""

    def finish(self, error: Exception | None = None) -> None:
        self.steps.put(error)


def shares_a_batch(adapter: Path) -> bool:
    """Whether the adapter in this folder may stand beside base rows in one batch through `adapter_names`.

    An allow-list, LoRA and rsLoRA: other methods refuse (DoRA, soft prompts) or silently tune the base row (IA3).
    """
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    plain = config.get("bias", "none") == "none" and not config.get("modules_to_save")
    return config.get("peft_type") == "LORA" and not config.get("use_dora") and plain
