"""What every training method shares: the model it starts from, its adapter, and how both are kept.

Knows PEFT and model loading; no rows, no trainer, no queue.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from common import files
from common.errors import AfinaError
from tuning.config.planner import dtype_for, threads_for
from tuning.config.training import AdapterConfig
from tuning.data.tokenize import with_template
from tuning.methods import distributed
from tuning.models import adapter_io, loader, model_info, peft_methods
from tuning.models.references import neutral_id
from tuning.runs import resolver
from tuning.runs.run_store import Run, RunStore

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from tuning.models.model_info import ModelInfo
    from tuning.models.references import Base, Device


@dataclass
class Start:
    """A base model in memory, ready for an adapter."""

    base: Base
    info: ModelInfo
    model: PreTrainedModel
    tokenizer: Tokenizer
    device: Device
    dtype: str  # "float32" or "bfloat16"

    @classmethod
    def load(cls, source_model: str, home: Path, dtype: str = "auto", method: str = "lora") -> Start:
        """`method` decides how the weights are held: in 4 bits for QLoRA, in full precision to train them all."""
        base = resolver.resolve(source_model, home).base
        info, device = model_info.describe(base), loader.device()
        dtype = dtype_for(dtype, device.dtype, info.parameters)
        if device.kind == "cpu":
            threads = threads_for(info.parameters, os.cpu_count() or 1)
            torch.set_num_threads(min(threads, torch.get_num_threads()))  # OMP_NUM_THREADS stays the upper limit
        tokenizer = with_template(loader.load_tokenizer(base))
        if tokenizer.pad_token is None:  # padding carries no loss and no attention: any token does
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        held = "float32" if method == "full" else dtype
        model = loader.load_model(base, device.kind, held, four_bit=method == "qlora")
        return cls(base, info, model, tokenizer, device, dtype)


class Preloaded(Protocol):
    """A start that was loaded before anybody needed it (`executors.preloaded_base`), to be used once."""

    def claim(self, base: Base, dtype: str, method: str = "lora") -> Start | None:
        """The loaded start if it is of this base and number format."""

    def release(self) -> None:
        """Gives its memory back."""


def start_of(run: Run, config: AdapterConfig, home: Path, preloaded: Preloaded | None) -> Start:
    """The base model of `run`, the preloaded one if it fits."""
    base = resolver.resolve(run.info.base["name"], home).base
    claimed = preloaded.claim(base, config.dtype, config.peft) if preloaded else None
    if claimed is None and preloaded is not None:
        preloaded.release()
    return claimed or Start.load(base.name, home, config.dtype, config.peft)


def add_adapter(start: Start, config: AdapterConfig, run: Run, home: Path) -> Any:
    """The model with what is trained: a copy of the parent's adapter, else a new one."""
    folder = parent_adapter(run, home)
    return adapter_io.continued(start.model, folder) if folder else adapter_io.make(start.model, config)


def parent_adapter(run: Run, home: Path) -> Path | None:
    """The adapter that `run` continues; None where it begins one, on a base or on a model trained whole.

    Raises: AfinaError `engine.parent_gone`.
    """
    if not run.info.parent:
        return None
    folder = RunStore(home).get(run.info.parent).adapter_dir
    if not folder.is_dir():
        raise AfinaError("engine.parent_gone", name=run.info.parent)
    return None if peft_methods.is_full(folder) else folder


def save_adapter(model: Any, folder: Path, base: Base, method: str = "lora") -> None:
    """Writes what `method` has trained alone into `folder`, with a neutral base id."""
    adapter_io.save(model, folder, neutral_id(base), method)


def keep_adapter(model: Any, run: Run, start: Start, card: str) -> None:
    """The run's `adapter/` (weights, tokenizer, card, where it comes from) and `card.md`, each whole or not there."""
    if run.silent:
        return
    beside = run.path / ".adapter.new"
    shutil.rmtree(beside, ignore_errors=True)
    save_adapter(model, beside, start.base, str(run.info.config.get("peft", "lora")))
    start.tokenizer.save_pretrained(str(beside))
    info = run.info
    origin = {
        "run_id": run.id,
        "name": run.name,
        "method": info.method,
        "parent": info.parent,
        "base": {"name": neutral_id(start.base), "sha256": start.base.sha256},
        "data": info.data,
        "config": {**info.config, "source_model": neutral_id(start.base)},
    }
    files.write_json(beside / "afina.json", origin)
    files.write_text(beside / "README.md", card)
    files.write_text(run.card, card)
    old = run.path / ".adapter.old"
    shutil.rmtree(old, ignore_errors=True)
    if run.adapter_dir.exists():
        run.adapter_dir.rename(old)
    beside.rename(run.adapter_dir)
    shutil.rmtree(old, ignore_errors=True)


def last_checkpoint(run: Run) -> Path | None:
    """The newest checkpoint that was written to its end; torn ones are removed."""
    return distributed.agree(None if run.silent else _last_checkpoint(run))


def _last_checkpoint(run: Run) -> Path | None:
    whole = {event.metrics["folder"] for event in run.events() if event.kind == "checkpoint"}
    checkpoints = []
    for folder in run.checkpoints_dir.glob("checkpoint-*"):
        if folder.name in whole and (folder / "trainer_state.json").is_file():
            checkpoints.append(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return max(checkpoints, key=lambda folder: int(folder.name.rpartition("-")[2]), default=None)
