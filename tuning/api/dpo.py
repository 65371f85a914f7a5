"""`tuning.dpo.train`: direct preference optimisation, from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tuning.api import job
from tuning.config.training import DPOConfig

Data = str | Path | Iterable[Mapping[str, Any]]


def train(
    *,
    source_model: str,
    train_dataset: Data,
    validation_dataset: Data | None = None,
    tuned_model_display_name: str = "",
    home: str | Path | None = None,
    **settings: Any,
) -> job.Job:
    """Queues a run and returns its job at once; it trains in a process of its own.

    Args:
        source_model: The policy whose replies were judged: a run's name, `pocket`, a folder, or a Hub id.
        train_dataset: A file of pairs (`prompt`, `chosen`, `rejected`), or dictionaries. Its held-out side (by the
            one split of prompts) is measured on, never trained.
        validation_dataset: Pairs to measure on instead of that held-out side.
        tuned_model_display_name: The run's name; made up if empty.
        home: Folder of the runs; None: AFINA_HOME.
        settings: Any other field of `tuning.config.training.DPOConfig`.

    Raises: AfinaError for data, settings, a model or a name that cannot be used.
    """
    config = DPOConfig.from_settings({"source_model": source_model, **settings})
    data = job.read_pairs(train_dataset)
    validation = None if validation_dataset is None else job.read_pairs(validation_dataset)
    return job.submit("dpo", config, data, tuned_model_display_name, job.home_or_default(home), validation)
