"""A trained classifier in memory: a sentence in, the probability of each class out, beside the untrained head's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from common import files
from common.errors import AfinaError
from tuning.classification import classifier_model
from tuning.classification.train import encode
from tuning.methods.start import parent_adapter
from tuning.runs import resolver
from tuning.runs.run_store import RunStore


class Classifier:
    """The classifier that the run `name` trained, on its base.

    Raises: AfinaError `classify.other_method` (the run is no classifier), `models.no_adapter`, as loading raises.
    """

    def __init__(self, name: str, home: Path) -> None:
        run = RunStore(home).get(name)
        if run.info.method != "classify":
            raise AfinaError("classify.other_method", name=run.name, method=run.info.method)
        if not (run.adapter_dir / classifier_model.ABOUT).is_file():
            raise AfinaError("models.no_adapter", name=run.name)
        base, adapter = resolver.resolve(run.info.base["name"], home).base, parent_adapter(run, home)
        with files.usable(run.adapter_dir):
            self._about = classifier_model.about(run.adapter_dir)
        self.labels = self._about.labels
        self._tokenizer = classifier_model.tokenizer_of(base)
        self._pad = int(self._tokenizer.pad_token_id)
        with files.usable(run.adapter_dir):
            self._tuned = classifier_model.load(run.adapter_dir, base, adapter, self._pad)
        self._untrained = classifier_model.build(base, adapter, self.labels, self._pad, self._about.seed)

    def probabilities(self, texts: Sequence[str], trained: bool = True) -> list[dict[str, float]]:
        """For each text: class -> probability; of the head before training with `trained` False.

        Raises: AfinaError `classify.empty` for an empty text.
        """
        if not texts or any(not text.strip() for text in texts):
            raise AfinaError("classify.empty")
        ids = [encode(self._tokenizer, text.strip(), self._about.max_length) for text in texts]
        model = self._tuned if trained else self._untrained
        found: torch.Tensor = classifier_model.logits(model, ids, self._pad).softmax(-1)
        return [dict(zip(self.labels, row, strict=True)) for row in found.tolist()]
