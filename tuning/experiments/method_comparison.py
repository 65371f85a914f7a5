"""Several methods on the same data: a group of runs that differ in `peft` alone, and what came of each.

A group is a name that its runs keep in `run.json`; everything else is read from their events. Knows no page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import AfinaError
from tuning.config.training import SFTConfig
from tuning.models import peft_methods
from tuning.models.peft_methods import PEFT_METHODS

if TYPE_CHECKING:
    from tuning.data.examples import Loaded
    from tuning.runs.queue import Queue
    from tuning.runs.run_store import Run, RunStore

KIND = "methods"
USUAL = ("lora", "houlsby", "ia3", "prompt", "full")


@dataclass(frozen=True)
class Compared:
    """A method's line in the table; 0 or None where it is not known yet."""

    run_id: str
    name: str
    method: str
    label: str
    state: str
    trainable: int
    parameters: int
    learning_rate: float
    saved_bytes: int  # of what it has learned, on disk
    peak_memory_bytes: int  # of the training process on a CPU, libraries included; of the device's memory on a GPU
    seconds: float
    heldout_before: float | None
    heldout_after: float | None


def submit(
    queue: Queue,
    config: SFTConfig,
    data: Loaded,
    methods: Sequence[str],
    name: str = "",
    validation: Loaded | None = None,
) -> list[Run]:
    """Queues a run of each method, in their order; all of them or, where one does not fit the model, none.

    Raises: AfinaError `compare.few` for fewer than two methods, `config.choice`, what `family.check` raises;
    what `RunStore.require_free` raises.
    """
    from tuning.runs import resolver

    methods = list(dict.fromkeys(methods))
    if len(methods) < 2:
        raise AfinaError("compare.few", n=len(methods))
    base = resolver.resolve(config.source_model, queue.store.home)
    if base.adapter is not None:
        raise AfinaError("compare.adapter", name=base.name)
    configs = [dataclasses.replace(config, peft=method) for method in methods]
    for each in configs:
        peft_methods.check(each, base.base)
    group = name.strip() or _free_group(queue.store)
    names = [f"{group} {method}" for method in methods]
    queue.store.require_free(*names)
    return [
        queue.submit("sft", each, data, each_name, validation=validation, extra={"group": group, "compares": KIND})
        for each, each_name in zip(configs, names, strict=True)
    ]


def groups(store: RunStore) -> list[str]:
    """Names of the comparisons there are, the newest first."""
    return list(dict.fromkeys(store.gather(_group)))


def compared(store: RunStore, group: str) -> list[Compared]:
    """The lines of a comparison, in the order in which they were queued. Raises: AfinaError `compare.unknown`."""
    found = store.gather(lambda run: _line(run) if _group(run) == group else None)
    if not found:
        raise AfinaError("compare.unknown", name=group)
    return found[::-1]


def _group(run: Run) -> str | None:
    """The name of the comparison that the run belongs to."""
    return str(run.info.extra["group"]) if run.info.extra.get("compares") == KIND else None


def _line(run: Run) -> Compared:
    status, method = run.status(), str(run.info.config["peft"])
    folder = run.adapter_dir
    saved = sum(path.stat().st_size for path in folder.glob("*model*.safetensors")) if folder.is_dir() else 0
    return Compared(
        run_id=run.id,
        name=run.name,
        method=method,
        label=PEFT_METHODS[method].label,
        state=status.state,
        trainable=int(status.plan.get("trainable", 0)),
        parameters=int(status.plan.get("parameters", 0)),
        learning_rate=float(status.plan.get("learning_rate", 0)),
        saved_bytes=saved,
        peak_memory_bytes=int(status.metrics.get("peak_memory_bytes", 0)),
        seconds=status.elapsed_seconds,
        heldout_before=status.first.get("heldout_loss"),
        heldout_after=status.metrics.get("heldout_loss") if status.ended else None,
    )


def _free_group(store: RunStore) -> str:
    taken = set(groups(store))
    return next(name for n in range(1, 10**6) if (name := f"methods-{n}") not in taken)
