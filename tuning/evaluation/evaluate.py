"""How well a model does on a data set: held-out loss, perplexity, exact match. Imports torch when called."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from tuning.data.examples import Loaded, Row
from tuning.data.splits import divide
from tuning.evaluation import text_metrics
from tuning.inference.reply_engine import ReplyEngine, Sampling
from tuning.runs.estimate import context_of

if TYPE_CHECKING:
    from tuning.methods.start import Start

SIDES = ("heldout", "train", "all")


@dataclass(frozen=True)
class Evaluation:
    """`loss` is nats per trained token, `perplexity` its exponential, `exact_match` a fraction of `n_matched`."""

    model: str
    dataset: str
    side: str
    n_rows: int
    n_tokens: int
    loss: float
    perplexity: float
    exact_match: float | None = None
    n_matched: int = 0
    token_f1: float | None = None
    rouge1: float | None = None
    rouge_l: float | None = None


def evaluate(
    model: str,
    data: Loaded,
    home: Path,
    *,
    side: str = "heldout",
    fraction: float = 0.2,
    limit: int = 0,
    match: int = 0,
    reply_only: bool = True,
    engine: ReplyEngine | None = None,
) -> Evaluation:
    """Measures `model` on one `side` of the split of `data`, on at most `limit` rows (0: all).

    `match` rows are answered greedily by `engine` (one of its own where None), and counted when the answer is the
    last reply, spaces aside.
    Raises: AfinaError `evaluate.no_rows`, and what loading raises.
    """
    from tuning.data.tokenize import encode
    from tuning.methods.loss import Batches, heldout_loss
    from tuning.methods.start import Start

    rows = side_of(data, side, fraction)
    rows = _spread(rows, limit)
    if not rows:
        raise AfinaError("evaluate.no_rows", name=data.name, side=side)
    start = Start.load(model, home)
    longest = context_of(start.base)
    examples = [encode(start.tokenizer, row, longest, reply_only) for row in rows]
    batches = Batches(examples, start.tokenizer.pad_token_id, start.info.vocabulary)
    if not batches.n_trained:
        raise AfinaError("engine.nothing_trained", max_length=longest)
    loss = heldout_loss(_tuned(model, home, start), batches)
    matched = _answered(model, rows, home, match, engine)
    return Evaluation(
        model=model,
        dataset=data.name,
        side=side,
        n_rows=batches.n_rows,
        n_tokens=batches.n_trained,
        loss=loss,
        perplexity=math.exp(min(loss, 700.0)),
        **matched,
    )


def side_of(data: Loaded, side: str, fraction: float = 0.2) -> list[Row]:
    """The rows of `data` on one side of the split. Raises: AfinaError `config.choice` for another side."""
    if side not in SIDES:
        raise AfinaError("config.choice", name="side", value=side, choices=", ".join(SIDES))
    if side == "all":
        return list(data.rows)
    train, heldout = divide(data.rows, fraction)
    return heldout if side == "heldout" else train


def _tuned(model: str, home: Path, start: Start):
    from tuning.models import adapter_io
    from tuning.runs import resolver

    adapter = resolver.resolve(model, home).adapter
    return adapter_io.load(start.model, adapter) if adapter else start.model


def _answered(model: str, rows: list[Row], home: Path, most: int, engine: ReplyEngine | None = None) -> dict[str, Any]:
    with_reply = [row for row in rows if row.messages and row.messages[-1]["role"] == "assistant"]
    with_reply = _spread(with_reply, most) if most else []
    if not with_reply:
        return {}
    from tuning.inference.engine import LocalEngine

    sampling = Sampling(greedy=True, max_new_tokens=128)
    conversations = [list(row.messages[:-1]) for row in with_reply]
    replies = (engine or LocalEngine(home)).generate([model] * len(with_reply), conversations, sampling)
    references = [row.messages[-1]["content"] for row in with_reply]
    return {**text_metrics.of_replies([reply.text for reply in replies], references), "n_matched": len(with_reply)}


def _spread(rows: list[Row], most: int) -> list[Row]:
    """At most `most` rows (0: all), evenly over the set."""
    if not most or len(rows) <= most:
        return rows
    return [rows[index * len(rows) // most] for index in range(most)]
