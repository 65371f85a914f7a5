"""`tuning.sft.train`: supervised fine-tuning from Python, in the shape of the managed-tuning SDKs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tuning.api import job
from tuning.config.planner import auto_learning_rate
from tuning.config.training import SFTConfig
from tuning.models.peft_methods import METHODS

Data = str | Path | Iterable[Mapping[str, Any]]


def train(
    *,
    source_model: str = "pocket",
    train_dataset: Data,
    validation_dataset: Data | None = None,
    tuned_model_display_name: str = "",
    epochs: float | None = None,
    adapter_size: int | None = None,
    learning_rate: float | None = None,
    learning_rate_multiplier: float | None = None,
    home: str | Path | None = None,
    **settings: Any,
) -> job.Job:
    """Queues a run and returns its job at once; it trains in a process of its own.

    Args:
        source_model: `pocket`, a run's name (its adapter is continued), a folder, or a Hub id.
        train_dataset: A file, a shipped set, a Hub data set, or rows as dictionaries in any known format. Its
            held-out side (by the one split of prompts) is measured on, never trained.
        validation_dataset: Rows to measure on instead of that held-out side.
        tuned_model_display_name: The run's name; made up if empty.
        epochs: Times through the data; None: by the size of the data.
        adapter_size: Rank of the adapter.
        learning_rate: Size of a step; None: by the size of the model.
        learning_rate_multiplier: Multiplies the rate that the model's size gives.
        home: Folder of the runs; None: AFINA_HOME.
        settings: Any other field of `tuning.config.training.SFTConfig`, and `preset`.

    Raises: AfinaError for data, settings, a model or a name that cannot be used.
    """
    chosen = {
        "source_model": source_model,
        "epochs": epochs,
        "rank": adapter_size,
        "learning_rate": learning_rate,
        **settings,
    }
    place = job.home_or_default(home)
    if learning_rate_multiplier is not None:
        from tuning.models import model_info
        from tuning.runs import resolver

        base = resolver.resolve(source_model, place).base
        method = str(settings.get("peft", "lora"))
        rate = auto_learning_rate(model_info.describe(base).parameters, method if method in METHODS else "lora")
        chosen["learning_rate"] = rate * learning_rate_multiplier
    config = SFTConfig.from_settings({name: value for name, value in chosen.items() if value is not None})
    data = job.read(train_dataset)
    validation = None if validation_dataset is None else job.read(validation_dataset)
    return job.submit("sft", config, data, tuned_model_display_name, place, validation)
