"""`tuning.dpo.train` and its siblings: a method of the table, from Python."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from tuning.api import job
from tuning.config.training_methods import METHODS


class Facade:
    """One training method. `train` queues a run."""

    def __init__(self, method: str) -> None:
        self._method, self._description = method, METHODS[method]

    def train(
        self,
        *,
        source_model: str,
        train_dataset: str | Path | Iterable[Mapping[str, Any]],
        validation_dataset: str | Path | Iterable[Mapping[str, Any]] | None = None,
        tuned_model_display_name: str = "",
        home: str | Path | None = None,
        **settings: Any,
    ) -> job.Job:
        """Queues a run and returns its job at once; it trains in a process of its own.

        Args:
            source_model: The policy to start from: a run's name, `pocket`, a folder, or a Hub id.
            train_dataset: A file, a shipped set, or dictionaries: pairs (`prompt`, `chosen`, `rejected`) for DPO and
                reward models; replies with a `score` each for reward models from scores; rated replies (`prompt`,
                `completion`, `label`) or pairs for KTO; prompts, with `answers` where they are known, for RLOO. Its
                held-out side (by the one split of prompts) is measured on, never trained. Rows that cannot be used
                are left out, with a warning that names the first.
            validation_dataset: Data of the same kind to measure on instead of that held-out side.
            tuned_model_display_name: The run's name; made up if empty.
            home: Folder of the runs; None: AFINA_HOME.
            settings: Any other field of the method's configuration (`tuning.config.training`).

        Raises: AfinaError for data, settings, a model or a name that cannot be used.
        """
        config = self._description.config.from_settings({"source_model": source_model, **settings})
        read = job.READERS[self._description.learns_from]
        validation = None if validation_dataset is None else read(validation_dataset)
        data, name = read(train_dataset), tuned_model_display_name
        if data.n_skipped:
            warnings.warn(
                str(AfinaError("data.note.left_out", n=data.n_skipped, name=data.name, first=data.skipped[0])),
                stacklevel=2,
            )
        return job.submit(self._method, config, data, name, job.home_or_default(home), validation)
