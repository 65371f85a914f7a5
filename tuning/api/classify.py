"""`tuning.classify`: classifiers from labelled texts, from Python.

job = tuning.classify.train(train_dataset="reviews.csv", strategy="full").wait()
tuning.classify.predict(job.name, ["A film to remember."])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuning.api import job
from tuning.config.classification import ClassifyConfig

Data = str | Path | Iterable[Mapping[str, Any]]


def train(
    *,
    source_model: str = "pocket",
    train_dataset: Data,
    validation_dataset: Data | None = None,
    tuned_model_display_name: str = "",
    limit: int = 0,
    home: str | Path | None = None,
    **settings: Any,
) -> job.Job:
    """Queues a run and returns its job at once; it trains in a process of its own.

    Args:
        source_model: `pocket`, a run's name (its adapter is merged first), a folder, or a Hub id; encoder or decoder.
        train_dataset: A file, a shipped set, a Hub data set, or dictionaries, with a text and a label column. Its
            held-out side (by the one split) is measured on, never trained.
        validation_dataset: Labelled texts to measure on instead of that held-out side.
        tuned_model_display_name: The run's name; made up if empty.
        limit: First rows taken; 0: all.
        settings: Any field of `tuning.config.classification.ClassifyConfig`: `strategy`, `epochs`, `rank`, …

    Raises: AfinaError for data, settings, a model or a name that cannot be used.
    """
    config = ClassifyConfig.from_settings({"source_model": source_model, **settings})
    data = job.read_labels(train_dataset).first(limit)
    validation = None if validation_dataset is None else job.read_labels(validation_dataset)
    return job.submit("classify", config, data, tuned_model_display_name, job.home_or_default(home), validation)


def predict(name: str, texts: Sequence[str], home: str | Path | None = None) -> list[dict[str, float]]:
    """For each text: class -> probability, by the classifier that the run `name` trained."""
    from tuning.classification.predict import Classifier

    return Classifier(name, job.home_or_default(home)).probabilities(texts)
