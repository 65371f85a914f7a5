"""The knobs of a classifier. 0 means: chosen by model, strategy and data (`tuning.classification.train.plan_of`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tuning.config.training import Config, knob

STRATEGIES = ("feature", "lora", "full")


@dataclass(frozen=True)
class ClassifyConfig(Config):
    """A head of one number per class on a model's body, which is frozen, adapted, or trained whole."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"balanced": {}, "quick": {"epochs": 1.0}}
    source_model: str = knob("pocket", "Base model or run to start from: pocket, a run, a folder, a Hub id.")
    strategy: str = knob(
        "lora",
        "What is trained: feature (the head alone), lora (head and an adapter), full (everything).",
        group="basic",
        choices=STRATEGIES,
    )
    rank: int = knob(16, "Rank of the adapter's matrices (strategy lora).", group="basic", min=1, max=256)
    learning_rate: float = knob(
        0.0, "Size of a step; 0: by strategy and the model's size.", group="basic", min=0.0, max=1.0
    )
    epochs: float = knob(
        0.0, "Times through the data; 0: by the strategy.", unit="epochs", group="basic", min=0, max=100
    )
    batch_size: int = knob(16, "Texts per optimiser step.", unit="texts", min=1, max=1024)
    max_length: int = knob(
        0, "Longest text, the rest is cut; 0: by the data and the model.", unit="tokens", min=0, max=131_072
    )
    class_weights: str = knob(
        "none",
        "balanced: an error in a rare class costs more, by how rare it is.",
        choices=("none", "balanced"),
    )
    alpha: int = knob(0, "Scale of the adapter is alpha / rank; 0: twice the rank.", min=0, max=1024)
    dropout: float = knob(0.0, "Share of the adapter's inputs dropped in training.", min=0.0, max=0.9)
    warmup_ratio: float = knob(0.1, "Share of the steps in which the rate rises.", min=0.0, max=0.5)
    weight_decay: float = knob(0.01, "Pull of the weights towards zero.", min=0.0, max=1.0)
    scheduler: str = knob("linear", "How the rate falls.", choices=("cosine", "linear", "constant"))
    heldout_fraction: float = knob(0.2, "Share of the texts kept for measuring.", min=0.0, max=0.9)
    eval_every: int = knob(
        0,
        "Steps between two validation measurements; 0: eight over the run.",
        unit="steps",
        min=0,
        max=100_000,
    )
    save_every: int = knob(
        0, "Steps between two checkpoints; 0: every twenty seconds.", unit="steps", min=0, max=100_000
    )
    seed: int = knob(0, "Decides the head's beginning and the order of the texts.", min=0, max=2**31 - 1)
    dtype: str = knob("auto", "Number format; auto: what pays on the device.", choices=("auto", "float32", "bfloat16"))

    @property
    def scale(self) -> int:
        """alpha, with 0 resolved."""
        return self.alpha or 2 * self.rank
