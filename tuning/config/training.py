"""Every knob of a training method: a frozen dataclass whose fields carry unit, group, limits and meaning.

The page's form, the command line and the documentation are made from here. 0 or None means: chosen by
the size of data and model (`tuning.config.planner`). Knows nothing of data, models or trainers.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from common.errors import AfinaError
from tuning.models.peft_methods import METHODS
from tuning.models.references import MOST_STRENGTH


def knob(
    default: Any,
    help: str,
    *,
    unit: str = "",
    group: str = "advanced",
    min: float | None = None,
    max: float | None = None,
    choices: tuple[Any, ...] = (),
) -> Any:
    """A field; `group` "method" (integers as sliders) and "basic" stand open in the form, the rest is folded."""
    metadata = {"help": help, "unit": unit, "group": group, "min": min, "max": max, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


# name -> settings. "quick" shows the principle within seconds on `pocket`, "thorough" takes its time.
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"target_steps": 50, "rank": 8},
    "balanced": {},
    "thorough": {"target_steps": 400, "rank": 32},
}


@dataclass(frozen=True)
class Config:
    """What all configs can do: check themselves, and be made from texts."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"balanced": {}}

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field, getattr(self, field.name))
        if not str(getattr(self, "source_model", "")).strip():
            raise AfinaError("config.empty", name="source_model")

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """A config from texts or values, as a form, `--set` or JSON give them; `preset` lays a preset under.

        Raises: AfinaError `config.unknown`, `config.kind`, `config.range`, `config.choice`, `config.preset`.
        """
        values = dict(settings)
        preset = str(values.pop("preset", "") or "balanced")
        if preset not in cls.presets:
            raise AfinaError("config.preset", value=preset, choices=", ".join(cls.presets))
        hints = {name: hint for name, hint in get_type_hints(cls).items() if name != "presets"}
        unknown = [name for name in values if name not in hints]
        if unknown:
            raise AfinaError("config.unknown", name=unknown[0], known=", ".join(hints))
        parsed = {name: _parse(name, value, hints[name]) for name, value in values.items()}
        return cls(**{**cls.presets[preset], **parsed})

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> Self:
        """The config of a run as it was stored; settings that only a newer version knows are left out."""
        known = {each.name for each in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class SFTConfig(Config):
    """Supervised fine-tuning of an adapter on rows of prompts and replies."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    source_model: str = knob("pocket", "Base model or run to start from: pocket, a run, a folder, a Hub id.")
    peft: str = knob("lora", "Method: what is trained of the model.", group="method", choices=METHODS)
    rank: int = knob(
        16,
        "Rank of LoRA's matrices, or width of a bottleneck: how much it can change.",
        group="method",
        min=1,
        max=256,
    )
    learning_rate: float = knob(
        0.0, "Size of a step; 0: by the method and the model's size.", group="basic", min=0.0, max=1.0
    )
    epochs: float = knob(
        0.0,
        "Times through the data; 0: as many as make target_steps.",
        unit="epochs",
        group="basic",
        min=0,
        max=100,
    )
    target_steps: int = knob(120, "Optimiser steps aimed at when epochs is 0.", unit="steps", min=1, max=100_000)
    batch_size: int = knob(0, "Rows per optimiser step; 0: by the size of the data.", unit="rows", min=0, max=1024)
    gradient_accumulation: int = knob(
        0, "Passes a batch is cut into, to save memory; 0: as memory demands.", unit="passes", min=0, max=1024
    )
    max_length: int = knob(
        0, "Longest row, the rest is cut; 0: by the data and the model.", unit="tokens", min=0, max=131_072
    )
    alpha: int = knob(0, "Scale of the adapter is alpha / rank; 0: twice the rank.", min=0, max=1024)
    virtual_tokens: int = knob(
        16, "Length of a soft prompt, a prefix or a LLaMA-Adapter.", unit="tokens", min=1, max=256
    )
    dropout: float = knob(0.0, "Share of the adapter's inputs dropped in training.", min=0.0, max=0.9)
    warmup_ratio: float = knob(0.05, "Share of the steps in which the rate rises.", min=0.0, max=0.5)
    weight_decay: float = knob(0.0, "Pull of the weights towards zero.", min=0.0, max=1.0)
    scheduler: str = knob("cosine", "How the rate falls.", choices=("cosine", "linear", "constant"))
    heldout_fraction: float = knob(0.2, "Share of the prompts kept for measuring.", min=0.0, max=0.9)
    eval_every: int = knob(
        0, "Steps between two validation losses; 0: a dozen over the run.", unit="steps", min=0, max=100_000
    )
    save_every: int = knob(
        0, "Steps between two checkpoints; 0: every twenty seconds.", unit="steps", min=0, max=100_000
    )
    reply_only: bool = knob(True, "Learn the replies only, not the prompts.")
    seed: int = knob(0, "Decides the adapter's beginning and the order of the rows.", min=0, max=2**31 - 1)
    packing: bool | None = knob(None, "Put several short rows into one; None: for much data of uneven length.")
    gradient_checkpointing: bool | None = knob(
        None, "Recompute instead of keeping activations: less memory, slower; None: as memory demands."
    )
    dtype: str = knob("auto", "Number format; auto: what pays on the device.", choices=("auto", "float32", "bfloat16"))
    probe: bool = knob(
        False, "Measure general text too, and of pocket its facts: what the base knew and the run may forget."
    )
    rehearsal: float = knob(
        0.0, "Share of general text mixed into the training rows, against forgetting.", min=0.0, max=0.9
    )
    patience: int = knob(
        0,
        "Stop after this many validation losses in a row without a new minimum; 0: never.",
        unit="measures",
        min=0,
        max=1000,
    )
    sample_prompt: str = knob(
        "",
        "Prompts, one a line, that are answered at every measuring: watch the replies change.",
        unit="lines",
    )

    @property
    def scale(self) -> int:
        """alpha, with 0 resolved."""
        return self.alpha or 2 * self.rank


@dataclass(frozen=True)
class PreferenceConfig(Config):
    """What every method shares that learns from preference pairs."""

    # Times through the pairs where `epochs` is 0, whatever `target_steps` asks for.
    least_epochs: ClassVar[int] = 3
    most_epochs: ClassVar[int] = 0  # 0: no limit

    source_model: str = knob("pocket", "Policy that was voted on: a run, pocket, a folder, a Hub id.")
    rank: int = knob(
        16,
        "Rank of a new adapter's matrices; one that is trained further keeps its own.",
        group="basic",
        min=1,
        max=256,
    )
    learning_rate: float = knob(5e-4, "Size of a step.", group="basic", min=1e-7, max=0.1)
    epochs: float = knob(
        0.0,
        "Times through the pairs; 0: as many as make target_steps, at least 3 (dpo: at most 15).",
        unit="epochs",
        group="basic",
        min=0,
        max=100,
    )
    target_steps: int = knob(40, "Optimiser steps aimed at when epochs is 0.", unit="steps", min=1, max=100_000)
    batch_size: int = knob(8, "Pairs per optimiser step.", unit="pairs", min=1, max=1024)
    max_length: int = knob(
        0, "Longest prompt with reply, the rest is cut; 0: by the model.", unit="tokens", min=0, max=131_072
    )
    peft: str = knob("lora", "Kind of a new adapter.", choices=("lora", "rslora", "dora"))
    alpha: int = knob(0, "Scale of the adapter is alpha / rank; 0: twice the rank.", min=0, max=1024)
    dropout: float = knob(0.0, "Share of the adapter's inputs dropped in training.", min=0.0, max=0.9)
    warmup_ratio: float = knob(0.1, "Share of the steps in which the rate rises.", min=0.0, max=0.5)
    weight_decay: float = knob(0.0, "Pull of the weights towards zero.", min=0.0, max=1.0)
    scheduler: str = knob("linear", "How the rate falls.", choices=("cosine", "linear", "constant"))
    heldout_fraction: float = knob(0.2, "Share of the prompts kept for measuring.", min=0.0, max=0.9)
    eval_every: int = knob(
        0, "Steps between two validation measurements; 0: a dozen.", unit="steps", min=0, max=100_000
    )
    save_every: int = knob(
        0, "Steps between two checkpoints; 0: every twenty seconds.", unit="steps", min=0, max=100_000
    )
    seed: int = knob(0, "Decides the beginning and the order of the pairs.", min=0, max=2**31 - 1)
    dtype: str = knob("auto", "Number format; auto: what pays on the device.", choices=("auto", "float32", "bfloat16"))

    @property
    def scale(self) -> int:
        """alpha, with 0 resolved."""
        return self.alpha or 2 * self.rank


@dataclass(frozen=True)
class HeadConfig(PreferenceConfig):
    """A reward model, whatever it learns from: a head on the merged policy that gives a reply a number."""

    learning_rate: float = knob(
        3e-4, "Size of a step; the new head's is ten times as large.", group="basic", min=1e-7, max=0.1
    )
    pooling: str = knob(
        "mean",
        "What of a reply the head reads: all its tokens (their mean), or the last one.",
        choices=("mean", "last"),
    )


@dataclass(frozen=True)
class RewardConfig(HeadConfig):
    """A reward model from preference pairs: the better reply gets the higher number."""

    use_margin: bool = knob(True, "Ask a larger difference where people said how much better (where they did).")


@dataclass(frozen=True)
class DPOConfig(PreferenceConfig):
    """Direct preference optimisation of the policy's own adapter."""

    most_epochs: ClassVar[int] = 15  # a few pairs seen again and again cost facts
    learning_rate: float = knob(3e-4, "Size of a step.", group="basic", min=1e-7, max=0.1)
    beta: float = knob(0.2, "How dear it is to move away from the reference policy.", group="basic", min=0.001, max=10)
    loss: str = knob("sigmoid", "Kind of loss.", group="basic", choices=("sigmoid", "ipo", "hinge", "robust"))
    noise: float = knob(0.1, "Share of votes taken to be wrong, for the robust loss.", min=0.0, max=0.49)
    sft_weight: float = knob(
        0.2, "Weight of the plain loss on the chosen replies: it holds the content.", min=0.0, max=10
    )


@dataclass(frozen=True)
class KTOConfig(PreferenceConfig):
    """Learning from replies that were found good or bad, each by itself."""

    beta: float = knob(0.2, "How dear it is to move away from the reference policy.", group="basic", min=0.001, max=10)
    good_weight: float = knob(
        0.0, "Weight of the good replies; 0: so that good and bad weigh the same together.", min=0.0, max=100
    )
    bad_weight: float = knob(0.0, "Weight of the bad replies; 0: as for the good ones.", min=0.0, max=100)
    batch_size: int = knob(8, "Replies per optimiser step.", unit="replies", min=2, max=1024)


PROGRAMMED = ("sum", "answer", "shorter", "longer")
"""Rewards of RLOO that are computed by a rule; any other is the name of a reward model."""


@dataclass(frozen=True)
class RLOOConfig(PreferenceConfig):
    """A policy gradient on the policy's own replies: what earns more than its siblings becomes likelier."""

    reward: str = knob(
        "sum",
        "What is earned: sum, answer, shorter, longer, or the name of a reward model's run.",
        group="basic",
    )
    least_epochs: ClassVar[int] = 0  # every step samples replies of its own: no prompt has to come back
    target_steps: int = knob(60, "Optimiser steps aimed at when epochs is 0.", unit="steps", min=1, max=100_000)
    batch_size: int = knob(8, "Prompts per optimiser step.", unit="prompts", min=1, max=256)
    replies: int = knob(4, "Replies sampled to each prompt.", unit="replies", group="basic", min=2, max=64)
    reply_tokens: int = knob(48, "Longest reply that is sampled.", unit="tokens", min=1, max=4096)
    temperature: float = knob(1.0, "Temperature of sampling.", min=0.1, max=5)
    epochs: float = knob(
        0.0, "Times through the prompts; 0: as many as make target_steps.", unit="epochs", min=0, max=100
    )
    beta: float = knob(0.05, "Reward lost for each nat away from the reference policy.", group="basic", min=0.0, max=10)
    clip: float = knob(0.2, "How far one step may move a reply's probability, as a share.", min=0.01, max=1)


AdapterConfig = SFTConfig | PreferenceConfig


def _check(field: dataclasses.Field, value: Any) -> None:
    limits = field.metadata
    if limits["choices"] and value not in limits["choices"]:
        choices = ", ".join(str(choice) for choice in limits["choices"])
        raise AfinaError("config.choice", name=field.name, value=value, choices=choices)
    low, high = limits["min"], limits["max"]
    if low is not None and not (isinstance(value, (int, float)) and low <= value <= high):  # NaN fails too
        raise AfinaError("config.range", name=field.name, value=value, min=low, max=high)


def _parse(name: str, value: Any, hint: Any) -> Any:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    kind = next(option for option in options if option is not type(None))
    text = str(value).strip()
    if text.lower() in ("auto", "none", "") and kind is not str:
        if type(None) in options:
            return None
        if text.lower() == "auto" and kind in (int, float):
            return kind(0)
    try:
        return _as(kind, value, text)
    except (ValueError, OverflowError):
        example = {int: "8", float: "0.5", bool: "true"}.get(kind, "")
        raise AfinaError("config.kind", name=name, value=value, example=example) from None


def _as(kind: type, value: Any, text: str) -> Any:
    if kind is bool:
        if text.lower() in ("true", "yes", "on", "1"):
            return True
        if text.lower() in ("false", "no", "off", "0"):
            return False
        raise ValueError(text)
    if kind is int:
        number = float(text)
        if number != int(number):
            raise ValueError(text)
        return int(number)
    return kind(text)


@dataclass(frozen=True)
class DialConfig(Config):
    """A setting of the dial, kept as a run of its own."""

    source_model: str = knob("", "Run whose change is scaled.")
    strength: float = knob(1.0, "How much of the change: 0 its parent, 1 the run itself.", min=0.0, max=MOST_STRENGTH)
    heldout_fraction: float = knob(0.2, "Share of the prompts kept for measuring.", min=0.0, max=0.9)
    seed: int = knob(0, "Nothing is drawn.", min=0, max=2**31 - 1)
