"""What the zeros of a config become for this data, this model and this device: arithmetic on sizes alone.

The trainer follows what `make` gives, and the estimate before the click shows it: the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuning.config.training import PreferenceConfig, SFTConfig
from tuning.models.peft_methods import PEFT_METHODS

MOST_TOKENS = 1024  # longest row when the config leaves it open
SMALL = 20_000_000  # parameters; below it, half precision costs exactness and gains no time
MOST_EVALUATED = 128  # held-out pairs that a preference curve is measured on
HELDOUT_ROWS = 64  # rows that the held-out curve is measured on: its cost stays that of four training steps
NF4_BYTES = 0.516  # a weight: 4 bits and its share of the constants (Dettmers et al. 2023)
_MB = 2**20
# What a process needs before the first weight: interpreter and libraries (CPU), context and kernels (GPU).
_OVERHEAD = {"cpu": 550 * _MB, "cuda": 700 * _MB, "mps": 550 * _MB}


@dataclass(frozen=True)
class Facts:
    """The sizes that decide: of model, data and device."""

    parameters: int
    trainable: int
    layers: int
    hidden: int
    context: int  # longest input of the model, tokens
    n_train: int
    lengths: tuple[int, ...]  # tokens of some rows, spread over the data
    device: str = "cpu"  # cpu, cuda, mps
    dtype: str = "float32"
    free_memory: int = 8 * 2**30  # bytes


@dataclass(frozen=True)
class Plan:
    """A config without zeros."""

    steps: int
    epochs: float
    batch_size: int  # rows per optimiser step
    gradient_accumulation: int  # passes that a batch is cut into
    max_length: int
    learning_rate: float
    warmup_steps: int
    eval_every: int
    packing: bool
    gradient_checkpointing: bool
    dtype: str
    memory_bytes: int

    @property
    def micro_batch(self) -> int:
        return math.ceil(self.batch_size / self.gradient_accumulation)


def make(config: SFTConfig, facts: Facts) -> Plan:
    """The plan that `config` makes for these `facts`."""
    max_length = config.max_length or _max_length(facts)
    max_length = min(max_length, facts.context) if facts.context else max_length
    batch = min(config.batch_size or _batch_size(facts.n_train), facts.n_train)
    packing = _packs(facts, max_length) if config.packing is None else config.packing
    packing = packing and not PEFT_METHODS[config.peft].is_soft
    rows_per_epoch = facts.n_train
    if packing:
        rows_per_epoch = max(
            1,
            math.ceil(sum(cut_lengths(facts, max_length)) / len(facts.lengths) * facts.n_train / max_length),
        )
        batch = max(1, min(batch, round(batch * rows_per_epoch / facts.n_train) or 1))
    steps_per_epoch = math.ceil(rows_per_epoch / batch)
    steps = _steps(config, steps_per_epoch)
    dtype = facts.dtype if config.dtype == "auto" else config.dtype
    passes, checkpointing, memory = _fit(config, facts, batch, max_length, dtype)
    return Plan(
        steps=steps,
        epochs=steps / steps_per_epoch,
        batch_size=batch,
        gradient_accumulation=passes,
        max_length=max_length,
        learning_rate=config.learning_rate or auto_learning_rate(facts.parameters, config.peft),
        warmup_steps=round(config.warmup_ratio * steps),
        eval_every=config.eval_every or min(steps, max(5, steps // 12)),
        packing=packing,
        gradient_checkpointing=checkpointing,
        dtype=dtype,
        memory_bytes=memory,
    )


def preference_steps(config: PreferenceConfig, n: int) -> tuple[int, int]:
    """(steps, pairs per step) of a run on `n` train pairs."""
    batch = min(config.batch_size, n)
    per_epoch = math.ceil(n / batch)
    if config.epochs:
        return math.ceil(config.epochs * per_epoch), batch
    steps = max(config.target_steps, config.least_epochs * per_epoch)
    return min(steps, (config.most_epochs or steps) * per_epoch), batch


def dtype_for(requested: str, device_dtype: str, parameters: int) -> str:
    """What `wanted` ("auto" or a format) means for a model of this size on a device that prefers `device_dtype`."""
    if requested != "auto":
        return requested
    return "bfloat16" if device_dtype == "bfloat16" and parameters >= SMALL else "float32"


def threads_for(parameters: int, cores: int) -> int:
    """Threads to train with on a CPU. A small model gains little from many, and page and chat need a core too:
    two threads that share a core with others wait for each other and take ten times as long as one."""
    return min(4, max(1, cores - 1)) if parameters < SMALL else cores


def _max_length(facts: Facts) -> int:
    """Long enough for every row that was measured, rounded up, up to the limit."""
    longest = math.ceil(max(facts.lengths) * 1.1 / 64) * 64
    return min(longest, MOST_TOKENS)


def _batch_size(n_train: int) -> int:
    """Small data: small batches, or there would be no steps to learn in."""
    return 4 if n_train <= 64 else 8 if n_train <= 256 else 16 if n_train <= 5000 else 32


def _steps(config: SFTConfig, steps_per_epoch: int) -> int:
    """As asked; else target_steps, for much data up to one whole epoch and five times that many."""
    if config.epochs:
        return max(1, math.ceil(config.epochs * steps_per_epoch))
    return max(config.target_steps, min(steps_per_epoch, 5 * config.target_steps))


def auto_learning_rate(parameters: int, method: str = "lora") -> float:
    """Small models bear, and need, larger steps; so do methods that train little, far from the output."""
    rate = 2e-3 if parameters < 20e6 else 1e-3 if parameters < 250e6 else 4e-4 if parameters < 1e9 else 2e-4
    return rate * PEFT_METHODS[method].rate


def _packs(facts: Facts, max_length: int) -> bool:
    """Padding wastes most of a batch when rows are many and much shorter than the longest."""
    cut = cut_lengths(facts, max_length)
    return facts.n_train >= 2000 and sum(cut) / len(cut) < max_length / 3


def cut_lengths(facts: Facts, max_length: int) -> list[int]:
    return [min(length, max_length) for length in facts.lengths]


def _fit(config: SFTConfig, facts: Facts, batch: int, max_length: int, dtype: str) -> tuple[int, bool, int]:
    """(passes, gradient checkpointing, bytes): first whole batches, then recomputing, then smaller passes."""
    passes = min(config.gradient_accumulation or 1, batch)
    by_hand = config.gradient_checkpointing
    room = 0.8 * facts.free_memory
    options = [by_hand] if by_hand is not None else [False] if config.peft == "prefix" else [False, True]
    for checkpointing in options:
        needed = _memory(facts, math.ceil(batch / passes), max_length, dtype, checkpointing, config.peft)
        if needed <= room:
            return passes, checkpointing, needed
    checkpointing = options[-1]
    while not config.gradient_accumulation and passes < batch and needed > room:
        passes = min(batch, passes * 2)
        needed = _memory(facts, math.ceil(batch / passes), max_length, dtype, checkpointing, config.peft)
    return passes, checkpointing, needed


def _memory(facts: Facts, rows: int, max_length: int, dtype: str, checkpointing: bool, method: str = "lora") -> int:
    width = 2 if dtype == "bfloat16" else 4
    tokens = rows * min(max_length, max(facts.lengths))
    # Values kept per token and layer for the backward pass: about 26 times the hidden size (norms, attention,
    # an MLP three to four times as wide), and the adapters' inputs; recomputing keeps one per layer.
    kept = 2 if checkpointing else 26
    activations = tokens * facts.hidden * width * (kept * facts.layers + (26 if checkpointing else 4))
    adapter = 16 * facts.trainable  # fp32: weight, gradient, two moments
    held = {"full": 0.0, "qlora": NF4_BYTES}.get(method, width)  # what full training holds is in `adapter`
    return int(_OVERHEAD.get(facts.device, 0) + held * facts.parameters + adapter + activations)
