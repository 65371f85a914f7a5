"""Several processes that train one run together (`accelerate launch`): their number, what they agree on.

Each holds the whole model and takes its share of every batch; gradients are averaged (data parallel). The first
process alone writes. With one process everything here does nothing. Knows torch's process group, no run, no trainer.
"""

from __future__ import annotations

import os
from typing import TypeVar

from common.errors import AfinaError

_T = TypeVar("_T")
_KINDS = (
    "MULTI_CPU",
    "MULTI_GPU",
    "MULTI_NPU",
    "MULTI_XPU",
    "MULTI_MLU",
    "NO",
)  # whole model in each process


def processes() -> int:
    """How many train together."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_first() -> bool:
    """Whether this one writes."""
    return int(os.environ.get("RANK") or 0) == 0


def meet() -> None:
    """Connects the processes. Raises: AfinaError `engine.sharded` where a model is split between them."""
    if processes() == 1:
        return
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    kind = state.distributed_type.value
    sharded = any(os.environ.get(f"ACCELERATE_USE_{name}") == "true" for name in ("FSDP", "DEEPSPEED", "MEGATRON_LM"))
    if kind not in _KINDS or sharded:
        raise AfinaError("engine.sharded", kind=kind)


def agree(value: _T) -> _T:
    """The first process's `value`, on all; every one has to call it."""
    if processes() == 1:
        return value
    import torch.distributed as group

    box = [value]
    group.broadcast_object_list(box, src=0)
    return box[0]


def share(rows: int) -> int:
    """Rows of a pass for each process: together at least `rows`."""
    return -(-rows // processes())
