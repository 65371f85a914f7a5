"""What every training method shares: the model it starts from, its adapter, and how both are kept.

Knows PEFT and model loading; no rows, no trainer, no queue.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from common import files
from common.errors import AfinaError
from tuning import models
from tuning.config import AdapterConfig
from tuning.data.tokens import with_template
from tuning.plan import dtype_for, threads_for
from tuning.runs import Run, RunStore

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from tuning.models import Base, Device, ModelInfo


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
    def load(cls, source_model: str, home: Path, dtype: str = "auto") -> Start:
        base = models.resolve(source_model, home).base
        info, device = models.describe(base), models.device()
        dtype = dtype_for(dtype, device.dtype, info.parameters)
        if device.kind == "cpu":
            wanted = threads_for(info.parameters, os.cpu_count() or 1)
            torch.set_num_threads(
                min(wanted, torch.get_num_threads())
            )  # OMP_NUM_THREADS stays the upper limit
        tokenizer = with_template(models.load_tokenizer(base))
        if tokenizer.pad_token is None:  # padding carries no loss and no attention: any token does
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        model = models.load_model(base, device.kind, dtype)
        return cls(base, info, model, tokenizer, device, dtype)


class Warm:
    """A start loaded before anybody asked, to be used once."""

    def __init__(self, start: Start) -> None:
        self._start: Start | None = start

    @classmethod
    def up(cls, base_model: str, home: Path) -> Warm:
        """Loads libraries and `base_model`, and trains a copy of it for one step, so that the first is not slow."""
        from tuning.methods import sft

        start = Start.load(base_model, home)
        sft.rehearse(start)
        return cls(start)

    def take(self, base: Base, dtype: str) -> Start | None:
        """The loaded start if it is of this base and number format; it is given away once."""
        start = self._start
        if start is None or (start.base.path_or_id, start.base.sha256) != (base.path_or_id, base.sha256):
            return None
        if dtype_for(dtype, start.device.dtype, start.info.parameters) != start.dtype:
            return None
        self._start = None
        return start


def start_of(run: Run, config: AdapterConfig, home: Path, warm: Warm | None) -> Start:
    """The base model of `run`, the warm one if it fits."""
    base = models.resolve(run.info.base["name"], home).base
    return (warm.take(base, config.dtype) if warm else None) or Start.load(base.name, home, config.dtype)


def add_adapter(start: Start, config: AdapterConfig, run: Run, home: Path) -> PeftModel:
    """The model with a trainable adapter: a copy of the parent's, else a new one that changes nothing yet."""
    if run.info.parent:
        folder = RunStore(home).get(run.info.parent).adapter_dir
        if not folder.is_dir():
            raise AfinaError("engine.parent_gone", name=run.info.parent)
        return PeftModel.from_pretrained(start.model, str(folder), adapter_name="default", is_trainable=True)
    torch.manual_seed(config.seed)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.scale,
        lora_dropout=config.dropout,
        use_rslora=config.peft == "rslora",
        use_dora=config.peft == "dora",
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(start.model, lora)
    assert isinstance(model, PeftModel)
    return model


def neutral_id(base: Base) -> str:
    """What an adapter says about its base, true on every machine: a Hub id or a folder's name, never a path."""
    if base.kind == "pocket":
        return "afina/pocket"
    return base.path_or_id if base.kind == "hub" else Path(base.path_or_id).name


def save_adapter(model: PeftModel, folder: Path, base: Base) -> None:
    """Writes the adapter named `default` alone into `folder`, with a neutral base id."""
    model.peft_config["default"].base_model_name_or_path = neutral_id(base)
    # Embeddings are never trained here; "auto" would ask the Hub about them.
    model.save_pretrained(str(folder), save_embedding_layers=False, selected_adapters=["default"])
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's template; ours is card.md


def keep_adapter(model: PeftModel, run: Run, start: Start, card: str) -> None:
    """The run's `adapter/` (weights, tokenizer, card, where it comes from) and `card.md`, each whole or not there."""
    beside = run.path / ".adapter.new"
    shutil.rmtree(beside, ignore_errors=True)
    save_adapter(model, beside, start.base)
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
