"""The same classification by writing: the label as a language model's reply, learned by SFT, read off its answer.

Gives the rows to fine-tune on, and measures a tuned run on its held-out texts: accuracy, milliseconds. Knows an
engine that generates, no trainer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from common import files, hashing
from tuning.classification import metrics
from tuning.config.classification import ClassifyConfig
from tuning.config.training import SFTConfig
from tuning.data.examples import Labelled, Loaded, Row
from tuning.data.labelled import LabelledSet
from tuning.data.splits import divide
from tuning.inference.reply_engine import ReplyEngine, Sampling

if TYPE_CHECKING:
    from tuning.runs.run_store import Run

MOST_ASKED = 300  # held-out texts that are answered: writing is dear
_TIMED = 10


def sides(data: LabelledSet, fraction: float) -> tuple[Loaded, Loaded]:
    """(train, held-out) as conversations, on the sides on which a classifier has them."""
    train, heldout = divide(data.rows, fraction)
    return _conversations(data, train), _conversations(data, heldout)


def config_for(config: ClassifyConfig) -> SFTConfig:
    """An SFT run of as many epochs as a classifier's, all rows in training: the held-out ones come beside."""
    return SFTConfig(
        source_model=config.source_model,
        rank=config.rank,
        seed=config.seed,
        heldout_fraction=0.0,
        epochs=config.epochs or 3.0,
        batch_size=config.batch_size,
        dtype=config.dtype,
    )


def question(text: str, labels: Sequence[str]) -> str:
    return f"{text}\n\n{' / '.join(labels)}?"


def read_label(reply: str, labels: Sequence[str]) -> int:
    """The class that `reply` begins with (the longest, if several do); `len(labels)` where it names none."""
    said = reply.strip().casefold()
    fits = [label for label in labels if said.startswith(label.casefold())]
    return labels.index(max(fits, key=len)) if fits else len(labels)


def measure(run: Run, engine: ReplyEngine, progress: Callable[[int, int], None] = lambda done, total: None) -> dict:
    """Answers the held-out texts of the SFT run `run` and writes its `classification.json`; also for its base.

    Raises: as `ReplyEngine.generate`.
    """
    train, heldout = (_labelled(run.examples(side, Row)) for side in ("train", "heldout"))
    labels = sorted(run.info.extra["labels"])
    rows = run.examples("heldout", Row)[:MOST_ASKED]
    heldout = heldout[:MOST_ASKED]
    talks = [list(row.messages[:-1]) for row in rows]
    sampling = Sampling(greedy=True, max_new_tokens=16)
    replies = engine.generate([run.name] * len(talks), talks, sampling, progress=progress)
    began = time.monotonic()
    for talk in talks[:_TIMED]:
        engine.generate([run.name], [talk], sampling)
    seconds = (time.monotonic() - began) / max(1, len(talks[:_TIMED]))
    said = [read_label(reply.text, labels) for reply in replies]
    probabilities = [[float(each == index) for index in range(len(labels) + 1)] for each in said]
    # A reply that names no class is one more way to be wrong: a column of its own.
    report = metrics.report(train, heldout, [*labels, "—"], probabilities)
    status = run.status()
    measured = {
        **asdict(report),
        **_run_figures(status),
        "strategy": "generate",
        "milliseconds": 1000 * seconds,
        "adapter_bytes": sum(path.stat().st_size for path in run.adapter_dir.glob("*.safetensors")),
        "untrained_accuracy": None,
    }
    files.write_json(run.path / metrics.FILE, measured)
    return measured


def _run_figures(status: Any) -> dict[str, Any]:
    return {
        "trainable": status.plan.get("trainable", 0),
        "parameters": status.plan.get("parameters", 0),
        "seconds": status.elapsed_seconds,
        "peak_memory_bytes": status.metrics.get("peak_memory_bytes", 0),
    }


def _conversations(data: LabelledSet, rows: Sequence[Labelled]) -> Loaded:
    talks = tuple(
        Row(
            messages=(
                {"role": "user", "content": question(row.text, data.labels)},
                {"role": "assistant", "content": row.label},
            ),
            number=row.number,
        )
        for row in rows
    )
    fingerprint = hashing.of_json([row.content for row in talks])
    return Loaded(talks, data.name, "messages", data.columns, fingerprint=fingerprint)


def _labelled(rows: Sequence[Row]) -> list[Labelled]:
    return [
        Labelled(row.messages[0]["content"].rpartition("\n\n")[0], row.messages[-1]["content"], row.number)
        for row in rows
    ]


def is_written(run: Run) -> bool:
    """Whether `run` learns to write labels."""
    return run.info.method == "sft" and "labels" in run.info.extra
