"""The order of the rows: random, yet rows of similar length share a batch, so that little of it is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

_POOL = 8  # batches that are sorted by length together: few enough that every epoch mixes rows anew


class SimilarLengths(torch.utils.data.Sampler[int]):
    """Every row once an epoch. The order depends on seed and epoch alone, so a resumed run sees the same."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        whole = len(order) // self.batch_size * self.batch_size  # an incomplete batch can only be the last
        batches = []
        for start in range(0, whole, self.batch_size * _POOL):
            end = min(whole, start + self.batch_size * _POOL)
            pool = sorted(order[start:end], key=lambda index: self.lengths[index])
            batches += [pool[at : at + self.batch_size] for at in range(0, len(pool), self.batch_size)]
        for at in torch.randperm(len(batches), generator=generator).tolist():
            yield from batches[at]
        yield from order[whole:]
