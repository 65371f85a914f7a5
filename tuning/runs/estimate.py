"""What a run will take on this device, before the click: parameters, steps, memory, time.

Reads sizes from configs and file headers; loads no weights. Knows no trainer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tuning.config.planner import (
    HELDOUT_ROWS,
    MOST_EVALUATED,
    MOST_TOKENS,
    Facts,
    Plan,
    cut_lengths,
    dtype_for,
    make,
    preference_steps,
)
from tuning.config.training import PreferenceConfig, SFTConfig
from tuning.data.examples import Loaded, PairSet, Row
from tuning.data.splits import divide
from tuning.models import hub, peft_methods
from tuning.runs.run_store import Run, RunStore

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from tuning.models.model_info import ModelInfo
    from tuning.models.references import Base

_MEASURED_ROWS = 256
_NOT_LINEAR = ("embed", "lm_head", "wte", "wpe", "score")
# Floating-point operations a second reached in LoRA training, until a run on this device has been measured.
_SPEED = {"cuda": 40e12, "mps": 1.5e12}
_CPU_CORE_SPEED = 40e9
_STEP_SECONDS = 0.03  # a step's own cost, whatever the model


@dataclass(frozen=True)
class Estimate:
    """What the form shows before the click."""

    trainable: int
    total_parameters: int
    steps: int
    memory_bytes: int
    seconds: float
    device: str  # in words: "CPU, 2 cores"
    dtype: str
    fits: bool  # whether the memory is there now
    plan: Plan
    n_train: int
    n_heldout: int


def estimate(config: SFTConfig, loaded: Loaded, store: RunStore) -> Estimate:
    """Trainable parameters, steps, memory and time of a run with `config` on `loaded`, on this device.

    Time comes from the last runs measured on this device, else from a rule of thumb.
    """
    from tuning.models import loader, model_info
    from tuning.runs import resolver

    policy = resolver.resolve(config.source_model, store.home)
    base = policy.base
    if policy.adapter is not None:
        config = peft_methods.inherited(config, policy.adapter)
    peft_methods.check(config, base)
    train, heldout = divide(loaded.rows, config.heldout_fraction)
    tokenizer = loader.load_tokenizer(base)
    lengths = row_lengths(tokenizer, train or list(loaded.rows), config.reply_only)
    device = loader.device()
    info = model_info.describe(base)
    facts = Facts(
        parameters=info.parameters,
        trainable=trainable_parameters(base, info, config),
        layers=info.layers,
        hidden=info.hidden,
        context=info.context,
        n_train=max(1, len(train)),
        lengths=lengths,
        device=device.kind,
        dtype=dtype_for("auto", device.dtype, info.parameters),
        free_memory=free_memory(device.kind),
    )
    plan = make(config, facts)
    return Estimate(
        trainable=facts.trainable,
        total_parameters=facts.parameters,
        steps=plan.steps,
        memory_bytes=plan.memory_bytes,
        seconds=_seconds(plan, facts, len(heldout), _measured_speed(store, device.kind)),
        device=device.label,
        dtype=plan.dtype,
        fits=plan.memory_bytes <= facts.free_memory,
        plan=plan,
        n_train=len(train),
        n_heldout=len(heldout),
    )


def preference_seconds(config: PreferenceConfig, data: PairSet, store: RunStore) -> float:
    """About how long a reward model or a DPO run on these pairs takes on this device. Raises: as `estimate`."""
    from tuning.models import loader, model_info
    from tuning.runs import resolver

    base = resolver.resolve(config.source_model, store.home).base
    info, device, tokenizer = model_info.describe(base), loader.device(), loader.load_tokenizer(base)
    train, heldout = divide(data.rows)
    pairs = train or list(data.rows)
    sides = [each.conversation(reply) for each in pairs for reply in (each.chosen, each.rejected)]
    lengths = row_lengths(tokenizer, sides)
    longest = config.max_length or context_of(base)
    mean = 2 * sum(min(length, longest) for length in lengths) / len(lengths)  # of a pair
    steps, batch = preference_steps(config, max(1, len(pairs)))
    speed = _measured_speed(store, device.kind) or _SPEED.get(device.kind)
    speed = speed or _CPU_CORE_SPEED * (os.cpu_count() or 1)
    step = _STEP_SECONDS + 4 * info.parameters * mean * batch / speed
    # Evaluations at every twelfth of the way, and the reference policy once over everything.
    seen = 14 * min(len(heldout), MOST_EVALUATED) + len(data.rows)
    return 1.0 + steps * step + seen * mean * 2 * info.parameters / speed


def row_lengths(tokenizer: Tokenizer, rows: Sequence[Row], reply_only: bool = True) -> tuple[int, ...]:
    """Token lengths of at most 256 rows, spread evenly."""
    from tuning.data.tokenize import encode

    step = max(1, len(rows) // _MEASURED_ROWS)
    return tuple(len(encode(tokenizer, row, 0, reply_only).input_ids) for row in rows[::step]) or (1,)


def context_of(base: Base) -> int:
    """Longest row that is trained on this model when the config leaves it open, in tokens."""
    from tuning.models import model_info

    context = model_info.describe(base).context
    return min(context or MOST_TOKENS, MOST_TOKENS)


def free_memory(device: str) -> int:
    """Bytes that a run could take now."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


def trainable_parameters(base: Base, info: ModelInfo, config: SFTConfig) -> int:
    """Parameters that `config.peft` trains; for LoRA rank * (in + out) of every linear layer but the output."""
    method, width, tokens = config.peft, info.hidden, config.virtual_tokens
    if method == "full":
        return info.parameters
    if method == "houlsby":
        return info.layers * 2 * (2 * width * config.rank + width + config.rank)
    if method == "llama_adapter":
        return max(1, info.layers - 2) * (tokens * width + 1)
    if method == "prompt":
        return tokens * width
    if method == "ptuning":  # the tokens, and the network that reads them
        return tokens * width + peft_methods.prompt_network(width)[1]
    folder = hub.on_disk(base)
    shapes = linear_shapes(folder) if folder else []
    if not shapes:  # not on this disk yet: a Llama-like block of four square and three wide matrices
        hidden = info.hidden
        shapes = [(hidden, hidden)] * 4 * info.layers + [(hidden, 3 * hidden)] * 3 * info.layers
    if method == "prefix":
        return tokens * 2 * info.layers * _key_width(base, info)
    if method == "ia3":
        return _ia3_parameters(base, info)
    magnitudes = sum(rows for rows, _ in shapes) if config.peft == "dora" else 0
    return config.rank * sum(rows + columns for rows, columns in shapes) + magnitudes


def _key_width(base: Base, info: ModelInfo) -> int:
    """Width of a token's keys in one layer: with grouped queries less than the model's."""
    base_config = peft_methods.model_config(base)
    base_config = base_config.get("text_config", base_config)
    heads = int(base_config.get("num_attention_heads") or base_config.get("n_head") or 1)
    groups = int(base_config.get("num_key_value_heads") or heads)
    return groups * int(base_config.get("head_dim") or info.hidden // heads)


def _ia3_parameters(base: Base, info: ModelInfo) -> int:
    """A vector on keys, one on values, one inside the feed-forward part, in every layer."""
    base_config = peft_methods.model_config(base)
    base_config = base_config.get("text_config", base_config)
    inner = int(base_config.get("intermediate_size") or base_config.get("n_inner") or 4 * info.hidden)
    fused = base_config.get("model_type") == "gpt2"  # queries, keys and values are one layer there
    return info.layers * ((3 * info.hidden if fused else 2 * _key_width(base, info)) + inner)


def matrices(base: Base) -> list[tuple[int, int]]:
    """(out, in) of every matrix that LoRA sits on; [] for a model that is not on this disk. Kept while unchanged."""
    folder = hub.on_disk(base)
    return list(_matrices(folder, base.sha256)) if folder else []


@lru_cache(maxsize=16)
def _matrices(folder: Path, sha256: str) -> tuple[tuple[int, int], ...]:
    return tuple(linear_shapes(folder))


def linear_shapes(folder: Path) -> list[tuple[int, int]]:
    """(out, in) of every linear layer that an adapter sits on, from the safetensors headers in `folder`."""
    from safetensors import safe_open

    shapes = []
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                shape = file.get_slice(name).get_shape()
                if len(shape) == 2 and not any(part in name for part in _NOT_LINEAR):
                    shapes.append((shape[0], shape[1]))
    return shapes


def _seconds(plan: Plan, facts: Facts, n_heldout: int, speed: float | None) -> float:
    speed = speed or _SPEED.get(facts.device) or _CPU_CORE_SPEED * (os.cpu_count() or 1)
    cut = cut_lengths(facts, plan.max_length)
    mean = plan.max_length if plan.packing else sum(cut) / len(cut)
    # Operations per weight and token: forward 2, backward 2 (frozen weights get no gradient), again 2.
    trains_all = facts.trainable == facts.parameters
    work = (6 if plan.gradient_checkpointing or trains_all else 4) * facts.parameters
    step = _STEP_SECONDS + work * mean * plan.batch_size / speed
    evaluations = 2 + plan.steps // plan.eval_every
    once = min(n_heldout, HELDOUT_ROWS) * mean * 2 * facts.parameters / speed
    return 1.0 + plan.steps * step + evaluations * once


def _measured_speed(store: RunStore, device: str) -> float | None:
    """Operations a second of the latest runs on this device, None where there is none."""
    for status in store.gather(Run.status)[:20]:
        plan = status.plan
        if status.tokens_per_second and status.step >= 10 and plan.get("device") == device:
            return status.tokens_per_second * 4 * float(plan.get("parameters", 0)) or None
    return None
