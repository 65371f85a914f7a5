"""A batch that gets narrower while it is written: rows that have ended leave, the others go on with what is cached.

Transformers' `generate` computes ended rows until the last one ends, and replies differ in length. Knows the library's
cache; no models, no adapters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from tuning.inference.request_queue import GenerationRequest

_FEW = 4  # rows; fewer are not worth another call


@dataclass
class GenerationBatch:
    """What one call of `generate` is given: rows, their adapters' names, ids and mask (B, T), what is cached of them.

    `fixed`: rows stay to the end, because the method keeps a cache of its own (prefixes) or the model another kind.
    """

    rows: list[GenerationRequest]
    names: list[str] | None
    ids: torch.Tensor
    mask: torch.Tensor
    fixed: bool = False
    cache: DynamicCache | None = None

    def over(self) -> list[bool]:
        """Which rows end now: all of them once half have, where the others can go on in a narrower pass."""
        ended = [row.over for row in self.rows]
        narrower = not self.fixed and len(ended) >= _FEW and 2 * sum(ended) >= len(ended)
        return [True] * len(ended) if narrower else ended

    def narrow(self, out: Any) -> list[int]:
        """Keeps the rows that go on after a call of `generate` that gave `out`; gives their places in it.

        Where `generate` ended of itself nothing goes on.
        """
        if not all(self.over()):
            for row in self.rows:
                row.end("length")
        ids = out.sequences
        going = [place for place, row in enumerate(self.rows) if not row.over]
        kept = torch.tensor(going, dtype=torch.long, device=ids.device)
        grown = self.mask.new_ones(len(self.rows), ids.shape[1] - self.mask.shape[1])
        self.ids, self.mask = ids[kept], torch.cat([self.mask, grown], dim=1)[kept]
        self.rows = [self.rows[place] for place in going]
        self.names = [self.names[place] for place in going] if self.names else None
        self.cache = _cut(out.past_key_values, kept, ids.shape[1] - 1) if going else None
        self.fixed = self.fixed or self.cache is None  # then all is read again, once
        return going


def _cut(cache: Any, rows: torch.Tensor, length: int) -> DynamicCache | None:
    """The cache of `rows`, of `length` tokens (all but the last, which the next call reads); None for other kinds."""
    plain = type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers)
    beyond = cache.get_seq_length() - length if plain else -1
    if beyond < 0:
        return None
    if beyond:
        cache.crop(-beyond)
    cache.batch_select_indices(rows)
    return cache
