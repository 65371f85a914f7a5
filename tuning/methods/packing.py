"""Several short rows in one: less padding for much data of uneven length. Knows tokens, no model.

Each row keeps its own positions, from 0; with no attention mask given, transformers keeps rows apart by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from datasets import Dataset

from tuning.data.tokens import IGNORED, Encoded

Packed = list[Encoded]


def dataset(rows: Iterable[Encoded], max_length: int) -> Dataset:
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
