"""`tuning.rloo.train`: a policy gradient on the policy's own replies (RLOO), from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tuning.api import job
from tuning.config.training import RLOOConfig

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
        source_model: The policy to improve: a run's name, `pocket`, a folder, or a Hub id.
        train_dataset: A file with `prompt` (and `answers`, where they are known), a shipped set (`sums.en`,
            `prompts.en`), or dictionaries. Its held-out side (by the one split of prompts) is measured on alone.
        validation_dataset: Prompts to measure on instead of that held-out side.
        tuned_model_display_name: The run's name; made up if empty.
        home: Folder of the runs; None: AFINA_HOME.
        settings: Any other field of `tuning.config.training.RLOOConfig`.

    Raises: AfinaError for data, settings, a model or a name that cannot be used.
    """
    config = RLOOConfig.from_settings({"source_model": source_model, **settings})
    data = job.read_tasks(train_dataset)
    validation = None if validation_dataset is None else job.read_tasks(validation_dataset)
    return job.submit("rloo", config, data, tuned_model_display_name, job.home_or_default(home), validation)
