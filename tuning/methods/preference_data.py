"""What reward modelling and DPO share: pairs as token ids, log-probabilities, the trainer's plain arguments.

Replies are tokenised by `tuning.data.tokenize`, as in fine-tuning and chat: the same prompt template everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from common.errors import AfinaError
from tuning.config.planner import MOST_EVALUATED as MOST_EVALUATED
from tuning.config.planner import MOST_TOKENS, preference_steps
from tuning.config.training import PreferenceConfig
from tuning.data.examples import Pair, Row
from tuning.data.tokenize import IGNORED, encode
from tuning.methods import distributed
from tuning.methods.start import last_checkpoint
from tuning.methods.trainer_arguments import arguments as every_trainers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from tuning.methods.start import Start
    from tuning.runs.run_store import Run


@dataclass(frozen=True)
class Ids:
    """A pair's token ids: the prompt, and each reply with its end token."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    margin: float | None
    tie: bool = False


@dataclass(frozen=True)
class PreferencePlan:
    """A preference config without zeros."""

    steps: int
    batch_size: int
    max_length: int
    learning_rate: float
    warmup_steps: int
    eval_every: int
    dtype: str


def plan_of(config: PreferenceConfig, start: Start, n: int) -> PreferencePlan:
    """`n`: pairs (replies, prompts) that are trained on."""
    steps, batch = preference_steps(config, n)
    return PreferencePlan(
        steps=steps,
        batch_size=batch,
        max_length=longest(config, start),
        learning_rate=config.learning_rate,
        warmup_steps=round(config.warmup_ratio * steps),
        eval_every=config.eval_every or max(1, steps // 12),
        dtype=start.dtype,
    )


def longest(config: PreferenceConfig, start: Start) -> int:
    """Tokens of prompt and reply together, the rest is cut."""
    return config.max_length or min(start.info.context or MOST_TOKENS, MOST_TOKENS)


def fitting(run: Run, config: PreferenceConfig, start: Start, ids: list[Any], n: int, key: str) -> PreferencePlan:
    """The plan for what is left of `n` rows after the cut, and a note on what is not.

    Raises: AfinaError `key` where nothing is left.
    """
    length = longest(config, start)
    if not ids:
        raise AfinaError(key, n=n, max_length=length)
    if len(ids) < n and last_checkpoint(run) is None:
        remedy = "" if length < (start.info.context or length + 1) else ".model"  # it reads no more than this
        run.note(f"note.too_long{remedy}", 0, n=n - len(ids), of=n, max_length=length)
    return plan_of(config, start, len(ids))


def tokenised(tokenizer: Tokenizer, pairs: Sequence[Pair], max_length: int) -> list[Ids]:
    """The pairs whose two replies still differ after the cut at `max_length` tokens."""
    ids = []
    for pair in pairs:
        chosen, rejected = (
            prompt_and_reply(tokenizer, pair.conversation(reply), max_length) for reply in (pair.chosen, pair.rejected)
        )
        if chosen is None or rejected is None or chosen[0] != rejected[0] or chosen == rejected:
            continue
        ids.append(Ids(chosen[0], chosen[1], rejected[1], pair.margin, pair.tie))
    return ids


def prompt_and_reply(tokenizer: Tokenizer, row: Row, max_length: int) -> tuple[list[int], list[int]] | None:
    """Token ids of a conversation's prompt and of its last reply; None where the cut leaves no reply."""
    encoded = encode(tokenizer, row, max_length)
    start = _reply_start(encoded.labels)
    return None if start is None else (encoded.input_ids[:start], encoded.input_ids[start:])


def _reply_start(labels: list[int]) -> int | None:
    """Where the last reply begins: earlier replies of a conversation belong to the prompt."""
    end = len(labels)
    while end and labels[end - 1] == IGNORED:
        end -= 1
    start = end
    while start and labels[start - 1] != IGNORED:
        start -= 1
    return start if end else None


def log_probabilities(model: Any, ids: Sequence[Ids], pad: int) -> torch.Tensor:
    """(N, 2): log p(chosen | prompt), log p(rejected | prompt) under `model`, summed over tokens; dropout off."""
    rows = [(each.prompt, reply) for each in ids for reply in (each.chosen, each.rejected)]
    return reply_log_probabilities(model, rows, pad).view(-1, 2)


@torch.no_grad()
def reply_log_probabilities(
    model: Any, rows: Sequence[tuple[list[int], list[int]]], pad: int, batch_size: int = 32
) -> torch.Tensor:
    """(N,): log p(reply | prompt) of (prompt, reply) token ids, summed over the reply; dropout off, mode unchanged."""
    was_training = model.training
    model.eval()
    sums = torch.zeros(len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
    for first in range(0, len(order), batch_size):
        part = order[first : first + batch_size]
        sums[part] = _sums(model, [rows[i] for i in part], pad)
    model.train(was_training)
    return sums


def _sums(model: Any, rows: list[tuple[list[int], list[int]]], pad: int) -> torch.Tensor:
    """(B,) summed log-probabilities of the replies."""
    width = max(len(prompt) + len(reply) for prompt, reply in rows)
    tokens, replies = torch.full((len(rows), width), pad), torch.zeros(len(rows), width, dtype=torch.bool)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for row, (prompt, reply) in enumerate(rows):
        end = len(prompt) + len(reply)
        tokens[row, :end] = torch.tensor(prompt + reply)
        replies[row, len(prompt) : end] = True
        mask[row, :end] = 1
    device = model.device
    logits = model(input_ids=tokens.to(device), attention_mask=mask.to(device), use_cache=False).logits
    logps = logits[:, :-1].float().log_softmax(-1)  # (B, T - 1, V)
    taken = logps.gather(-1, tokens[:, 1:, None].to(device)).squeeze(-1)  # (B, T - 1)
    return (taken * replies[:, 1:].to(device)).sum(-1).cpu()


def arguments(folder: Path, config: PreferenceConfig, plan: PreferencePlan, device: str) -> dict[str, Any]:
    """What every TRL config on pairs takes."""
    shared = every_trainers(folder, config, plan, device, distributed.share(plan.batch_size))
    return shared | {"gradient_checkpointing": False, "max_length": None}
