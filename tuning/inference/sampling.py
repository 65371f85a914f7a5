"""The pieces of generation: seeded sampling per row, ending rows one by one, seeing each step's tokens.

Knows tensors and transformers' generation hooks; no models, no policies, no conversations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import cast

import torch
from transformers import LogitsProcessor, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from tuning.inference.reply_engine import Sampling


class SeededSampler(LogitsProcessor):
    """Turns logits into what argmax makes each row's choice: as they are (greedy), or a draw of the row's own.

    A drawn row is divided by its temperature, cut to its nucleus (top-p, Holtzman et al. 2020), and gets Gumbel
    noise from its own generator: argmax(logits + noise) is distributed as softmax(logits) (Gumbel 1954). So what
    a row says does not depend on the rows beside it.
    """

    def __init__(self, samplings: Sequence[Sampling], seeds: Sequence[int]) -> None:
        self._rows = [row for row, sampling in enumerate(samplings) if not sampling.greedy]
        self._temperature = torch.tensor([[float(samplings[row].temperature)] for row in self._rows])  # (D, 1)
        self._top_p = torch.tensor([[float(samplings[row].top_p)] for row in self._rows])  # (D, 1)
        self._generators = [torch.Generator().manual_seed(seeds[row] & 0x7FFFFFFF) for row in self._rows]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """scores (B, V) -> (B, V)."""
        if not self._rows:
            return scores
        every = scores.to(torch.float32, copy=True)
        drawn = every[self._rows] / self._temperature.to(scores.device)  # (D, V)
        if bool((self._top_p < 1).any()):
            drawn = nucleus(drawn, self._top_p.to(scores.device))
        every[self._rows] = drawn + self._noise(scores.shape[-1]).to(scores.device)
        return cast("torch.FloatTensor", every)

    def of(self, rows: Sequence[int]) -> SeededSampler:
        """The same for some of the rows, in their order; each goes on where its generator is."""
        less = copy(self)
        places = {row: place for place, row in enumerate(self._rows)}
        kept = [places[row] for row in rows if row in places]
        less._rows = [index for index, row in enumerate(rows) if row in places]
        less._temperature, less._top_p = self._temperature[kept], self._top_p[kept]
        less._generators = [self._generators[place] for place in kept]
        return less

    def _noise(self, size: int) -> torch.Tensor:
        """(D, V) of Gumbel noise: minus the logarithm of exponential draws."""
        draws = [torch.empty(size).exponential_(generator=each) for each in self._generators]
        return -torch.stack(draws).clamp_min_(1e-30).log_()


def nucleus(logits: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """(D, V) logits, minus infinity outside the likeliest tokens that together hold `top_p` (D, 1) of each row."""
    ordered, tokens = logits.sort(dim=-1, descending=True)
    share = ordered.softmax(dim=-1)
    before = share.cumsum(dim=-1) - share  # what the likelier tokens hold
    ordered = ordered.masked_fill((before >= top_p) & (top_p < 1), -torch.inf)
    return torch.empty_like(ordered).scatter_(-1, tokens, ordered)


class EndRows(StoppingCriteria):
    """Ends the rows for which `over()`, a list of B, says so; the others go on."""

    def __init__(self, over: Callable[[], list[bool]]) -> None:
        self._over = over

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: object) -> torch.Tensor:
        return torch.tensor(self._over(), device=input_ids.device, dtype=torch.bool)


class Steps(BaseStreamer):
    """Hands each step's tokens, a list of B ids, to `take`. (Transformers' own streamers take one row only.)"""

    def __init__(self, take: Callable[[list[int]], None]) -> None:
        self._take = take
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if self._prompt_seen:
            self._take(value.flatten().tolist())
        self._prompt_seen = True  # the first call brings the prompts

    def end(self) -> None:
        """`generate` says that it has ended; its caller knows."""
