"""Which rows share a batch, so that little of it is padding: rows of similar length, or several short rows in one.

Rows are joined once for all data (`packed_dataset`), or within each batch (`SequencePacker`). Each row keeps its own
positions, from 0; with no attention mask given, transformers keeps rows apart by them, in models that attend
(`keeps_rows_apart` asks one). Knows tokens, no trainer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from datasets import Dataset

from tuning.data.tokenize import IGNORED, Encoded

Packed = list[Encoded]
_JOINED = 256  # tokens of a joined row: attention within it costs little beside everything else
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


def packed_dataset(rows: Iterable[Encoded], max_length: int) -> Dataset:
    """Columns input_ids, labels and position_ids, one packed row each."""
    packs = pack([row for row in rows if row.n_trained], max_length)
    return Dataset.from_list([joined(pack) for pack in packs])


def pack(rows: list[Encoded], max_length: int) -> list[Packed]:
    """First-fit decreasing: the longest rows first, each into the first pack that has room for it."""
    room: dict[int, list[int]] = {}  # free tokens -> packs with that much room
    packs: list[Packed] = []
    for row in sorted(rows, key=lambda row: -len(row.input_ids)):
        size = len(row.input_ids)
        free = next((free for free in range(size, max_length + 1) if room.get(free)), None)
        if free is None:
            packs.append([row])
            index, free = len(packs) - 1, max_length
        else:
            index = room[free].pop()
            packs[index].append(row)
        room.setdefault(free - size, []).append(index)
    return packs


def joined(pack: Packed) -> dict[str, list[int]]:
    """One row of a pack: the first token of each part has nothing before it, so it is not predicted."""
    return {
        "input_ids": [token for row in pack for token in row.input_ids],
        "labels": [label for row in pack for label in (IGNORED, *row.labels[1:])],
        "position_ids": [position for row in pack for position in range(len(row.input_ids))],
    }


class Collator:
    """Pads packed rows on the right; padding is a part of its own, without labels."""

    def __init__(self, pad_token_id: int | None) -> None:
        self.pad = pad_token_id or 0

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
        length = max(len(row["input_ids"]) for row in rows)
        filler = {"input_ids": self.pad, "labels": IGNORED}
        batch = {
            name: torch.tensor([row[name] + [value] * (length - len(row[name])) for row in rows])
            for name, value in filler.items()
        }
        positions = [row["position_ids"] + list(range(length - len(row["position_ids"]))) for row in rows]
        return {**batch, "position_ids": torch.tensor(positions)}  # each (B, T)


class SequencePacker(Collator):
    """Joins the rows of a random batch into a few of equal length: the batch's own rows, and no padding to speak of.

    Batches of similar lengths would need little padding too, but they are batches of one kind of text: the loss
    leaps from step to step, and of `pocket`'s questions 4 in 100 were answered worse.
    """

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
        return super().__call__(
            [joined(part) for part in spread([Encoded(row["input_ids"], row["labels"]) for row in rows])]
        )


def spread(rows: Sequence[Encoded]) -> list[Packed]:
    """Parts of about equal length, none much longer than the longest row or 256 tokens."""
    longest_first = sorted(rows, key=lambda row: -len(row.input_ids))
    room = max(_JOINED, len(longest_first[0].input_ids))
    parts: list[Packed] = [[] for _ in range(math.ceil(sum(len(row.input_ids) for row in rows) / room))]
    filled = [0] * len(parts)
    for row in longest_first:
        least = filled.index(min(filled))
        parts[least].append(row)
        filled[least] += len(row.input_ids)
    return parts


@torch.no_grad()
def keeps_rows_apart(model: Any) -> bool:
    """Whether the model reads a row twice in one, as two: not all do (recurrent ones cannot)."""
    was_training = model.training
    model.eval()
    try:
        once = torch.arange(1, 5, device=model.device)
        logits = (
            model(
                input_ids=once.repeat(2)[None],
                position_ids=torch.arange(4, device=model.device).repeat(2)[None],
                use_cache=False,
            )
            .logits[0]
            .float()
        )  # (8, V)
    except (TypeError, ValueError):  # takes no positions
        return False
    finally:
        model.train(was_training)
    exact = model.dtype == torch.float32
    return bool((logits[4:] - logits[:4]).abs().max() <= (1e-3 if exact else 0.05) * logits.abs().max())
