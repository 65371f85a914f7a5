"""The loss of a model on tokenised rows: one number per token, the same in training and in `evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tuning.data.tokenize import IGNORED, Encoded

_MOST_LOGITS = 2**25  # values of the logits of one batch: 128 MB in fp32
_MOST_ROWS = 16  # more in a batch would only be padded further


class Batches:
    """Rows padded into batches, similar lengths together, each batch's logits of bounded size."""

    def __init__(self, rows: Sequence[Encoded], pad_token_id: int | None, vocabulary: int) -> None:
        self.pad = pad_token_id or 0
        kept = sorted((row for row in rows if row.n_trained), key=lambda row: len(row.input_ids))
        self.n_rows = len(kept)
        self.n_trained = sum(label != IGNORED for row in kept for label in row.labels[1:])
        self.batches: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        batch: list[Encoded] = []
        for row in kept:
            too_large = (len(batch) + 1) * len(row.input_ids) * vocabulary > _MOST_LOGITS
            if batch and (too_large or len(batch) == _MOST_ROWS):
                self.batches.append(self._padded(batch))
                batch = []
            batch.append(row)
        if batch:
            self.batches.append(self._padded(batch))

    def _padded(self, rows: list[Encoded]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return _padded(rows, self.pad)


def _padded(rows: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    length = max(len(row.input_ids) for row in rows)
    ids = [row.input_ids + [pad] * (length - len(row.input_ids)) for row in rows]
    labels = [row.labels + [IGNORED] * (length - len(row.labels)) for row in rows]
    mask = [[1] * len(row.input_ids) + [0] * (length - len(row.input_ids)) for row in rows]
    return torch.tensor(ids), torch.tensor(labels), torch.tensor(mask)  # each (B, T)


@torch.no_grad()
def row_losses(model: Any, rows: Sequence[Encoded], pad_token_id: int | None) -> list[float]:
    """Summed negative log-likelihood of each row's trained tokens, in nats, all rows in one batch; mode unchanged."""
    was_training = model.training
    model.eval()
    try:
        ids, labels, mask = (part.to(model.device) for part in _padded(rows, pad_token_id or 0))
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, -ids.shape[1] :]  # (B, T, V)
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].float().transpose(1, 2), labels[:, 1:], ignore_index=IGNORED, reduction="none"
        )  # (B, T - 1)
    finally:
        model.train(was_training)
    return losses.sum(1).tolist()


@torch.no_grad()
def heldout_loss(model: Any, batches: Batches) -> float:
    """Mean negative log-likelihood of the trained tokens, in nats; changes neither mode nor seeds."""
    device = model.device
    was_training = model.training
    model.eval()
    total = 0.0
    try:
        for ids, labels, mask in batches.batches:
            logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False).logits[
                :, -ids.shape[1] :
            ]  # (B, T, V): soft prompts stand in front
            loss = torch.nn.functional.cross_entropy(
                logits[:, :-1].float().flatten(0, 1),  # (B * (T - 1), V)
                labels[:, 1:].flatten().to(device),
                ignore_index=IGNORED,
                reduction="sum",
            )
            total += float(loss)
    finally:
        model.train(was_training)
    return total / max(1, batches.n_trained)
