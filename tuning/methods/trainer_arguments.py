"""What every trainer of Transformers and TRL is told: all that it would decide, write or print by itself.

Knows no method; each adds its own to these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Chosen(Protocol):
    """The settings that every method has."""

    @property
    def scheduler(self) -> str: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def seed(self) -> int: ...


class Planned(Protocol):
    """What every plan says."""

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup_steps(self) -> int: ...
    @property
    def dtype(self) -> str: ...


def arguments(folder: Path, config: Chosen, plan: Planned, device: str, rows: int) -> dict[str, Any]:
    """Keyword arguments for a `TrainingArguments` of any kind; `rows`: of a forward pass, on one device."""
    return {
        "output_dir": str(folder),
        "max_steps": plan.steps,
        "per_device_train_batch_size": rows,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": config.scheduler if config.scheduler != "constant" else "constant_with_warmup",
        "warmup_steps": plan.warmup_steps,
        "weight_decay": config.weight_decay,
        "bf16": plan.dtype == "bfloat16",
        "use_cpu": device == "cpu",
        "seed": config.seed,
        "data_seed": config.seed,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": device == "cuda",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",  # the recorder asks for checkpoints
        "save_total_limit": 2,
        "eval_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
