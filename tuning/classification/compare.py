"""Several ways to learn the same classes from the same texts, side by side: one group of runs.

Queues the group and puts its figures together. Knows the queue and the runs; no model, no page.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import AfinaError
from tuning.classification import generative, metrics
from tuning.config.classification import STRATEGIES, ClassifyConfig
from tuning.data.labelled import LabelledSet
from tuning.models import peft_methods
from tuning.runs import resolver
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

ALL = (*STRATEGIES, "generate")


@dataclass(frozen=True)
class StrategyRow:
    """A run of the group; `report` is None before its end."""

    run_id: str
    name: str
    strategy: str
    state: str
    share: float  # of its steps, 0 to 1
    metrics: dict[str, float]
    report: dict[str, Any] | None


def submit(
    queue: Queue,
    config: ClassifyConfig,
    data: LabelledSet,
    strategies: Sequence[str],
    name: str = "",
    extra: Mapping[str, str] | None = None,
) -> list[Run]:
    """Queues one run for each strategy, on the same split and seed, or none of them; `extra` is kept with each.

    Raises: AfinaError `config.choice` for an unknown strategy, `classify.no_strategy` for none, `family.encoder` for
    labels to be written by what reads only; as `RunStore.require_free`, `Queue.submit`.
    """
    if not strategies:
        raise AfinaError("classify.no_strategy", choices=", ".join(ALL))
    for strategy in strategies:
        if strategy not in ALL:
            raise AfinaError("config.choice", name="strategy", value=strategy, choices=", ".join(ALL))
    called = {strategy: f"{name} {strategy}" if name else "" for strategy in strategies}
    queue.store.require_free(*filter(None, called.values()))
    if "generate" in strategies:
        peft_methods.check_writes(resolver.resolve(config.source_model, queue.store.home).base)
    extra_info = {"group": secrets.token_hex(4), "group_name": name or data.name, "labels": list(data.labels)}
    extra_info |= extra or {}
    runs = []
    for strategy in strategies:
        if strategy == "generate":
            train, heldout = generative.sides(data, config.heldout_fraction)
            if not train.rows:
                raise AfinaError("jobs.no_train", name=data.name, n=len(data.rows))
            sft = generative.config_for(config)
            runs.append(queue.submit("sft", sft, train, called[strategy], validation=heldout, extra=extra_info))
        else:
            own = dataclasses.replace(config, strategy=strategy)
            runs.append(queue.submit("classify", own, data, called[strategy], extra=extra_info))
    return runs


def groups(store: RunStore) -> dict[str, str]:
    """id -> name of every group of classifiers, the newest first; a classifier alone is a group of its own."""

    def of(run: Run) -> tuple[str, str] | None:
        if run.info.method != "classify" and not generative.is_written(run):
            return None
        return _group(run), str(run.info.extra.get("group_name", run.name))

    found: dict[str, str] = {}
    for group, name in store.gather(of):
        found.setdefault(group, name)
    return found


def lines(store: RunStore, group: str) -> list[StrategyRow]:
    """The runs of `group`, in the order of `ALL`."""
    found = store.gather(lambda run: _line(run) if group and _group(run) == group else None)
    return sorted((line for line in found if line.strategy in ALL), key=lambda line: ALL.index(line.strategy))


def _group(run: Run) -> str:
    return str(run.info.extra.get("group", run.id))


def _line(run: Run) -> StrategyRow:
    status = run.status()
    strategy = "generate" if generative.is_written(run) else str(run.info.config.get("strategy", "lora"))
    share = status.step / status.total_steps if status.total_steps else 0.0
    return StrategyRow(run.id, run.name, strategy, status.state, share, status.metrics, metrics.read(run.path))
