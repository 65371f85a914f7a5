"""A model with a head of one number per class: built on a base, frozen or adapted, kept, and loaded again.

Encoders (BERT-like) and decoders (GPT-2-, Llama-like) alike, through `AutoModelForSequenceClassification`. Knows
nothing of runs' states or trainers.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from common import files, records
from tuning.models import hub, lazy_imports, loader
from tuning.models.references import Base

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from tuning.config.classification import ClassifyConfig

ABOUT, HEAD = "classifier.json", "head.safetensors"


@dataclass(frozen=True)
class About:
    """What a classifier's folder says about itself."""

    labels: list[str]
    strategy: str
    max_length: int
    seed: int


def tokenizer_of(base: Base) -> Tokenizer:
    """The tokenizer, with a token to pad with: padding carries no attention, any will do."""
    tokenizer = loader.load_tokenizer(base)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or tokenizer.convert_ids_to_tokens(0)
    return tokenizer


def build(base: Base, adapter: Path | None, labels: Sequence[str], pad: int, seed: int) -> Any:
    """`base` (with a language model's `adapter` merged) under a head drawn by `seed`; float32, on the device.

    Raises: AfinaError as `models.load_model`.
    """
    transformers = lazy_imports.transformers()
    from safetensors import SafetensorError

    named = {"id2label": dict(enumerate(labels)), "label2id": {label: n for n, label in enumerate(labels)}}
    options = {"num_labels": len(labels), "pad_token_id": pad, **named}
    device = loader.device().kind
    torch.manual_seed(seed)
    if adapter is not None:
        return _on_merged(loader.load_model(base), adapter, options).to(device).eval()
    try:
        with _quiet(transformers):
            model = transformers.AutoModelForSequenceClassification.from_pretrained(
                base.path_or_id,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                **options,
                **hub.only_local(base),
            )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise hub.why(base, error) from error
    return model.to(device).eval()


def prepare(model: Any, config: ClassifyConfig) -> Any:
    """`model` with what the strategy trains set free, all else frozen; a PeftModel for `lora`."""
    if config.strategy == "full":
        return model.requires_grad_(True)
    if config.strategy == "feature":
        for name, weight in model.named_parameters():
            weight.requires_grad_(_in_head(model, name))
        return model
    torch.manual_seed(config.seed)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.scale,
        lora_dropout=config.dropout,
        target_modules="all-linear",
        modules_to_save=_heads(model),
        task_type="SEQ_CLS",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GPT-2's layers are transposed; PEFT says so and adapts
        return get_peft_model(model, lora)


def save_weights(model: Any, folder: Path, strategy: str) -> None:
    """What was trained: an adapter with its head, the head alone, or the whole model."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        model.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
    elif strategy == "feature":
        save_file(head_state(model), str(folder / HEAD))
    else:
        model.save_pretrained(str(folder))


def head_state(model: Any) -> dict[str, torch.Tensor]:
    return {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items() if _in_head(model, name)
    }


def save_about(folder: Path, about: About) -> None:
    files.write_json(folder / ABOUT, vars(about))


def about(folder: Path) -> About:
    return records.read(About, folder / ABOUT)


def load(folder: Path, base: Base, adapter: Path | None, pad: int) -> Any:
    """The classifier in `folder` on its `base` (and the language model's `adapter` it began on)."""
    description = about(folder)
    if description.strategy == "full":
        whole = Base(base.name, str(folder), "", "folder")
        return build(whole, None, description.labels, pad, description.seed)
    model = build(base, adapter, description.labels, pad, description.seed)
    if description.strategy == "lora":
        return PeftModel.from_pretrained(model, str(folder)).eval()
    model.load_state_dict(load_file(str(folder / HEAD)), strict=False)
    return model


@torch.no_grad()
def logits(model: Any, rows: Sequence[Sequence[int]], pad: int, batch_size: int = 32) -> torch.Tensor:
    """(N, C) of token ids, similar lengths together; dropout off, mode unchanged."""
    was_training = model.training
    model.eval()
    by_row: list[torch.Tensor | None] = [None] * len(rows)
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    for first in range(0, len(order), batch_size):
        part = order[first : first + batch_size]
        batch = padded([rows[index] for index in part], pad)
        out = model(**{name: value.to(model.device) for name, value in batch.items()}).logits  # (B, C)
        for index, row in zip(part, out.float().cpu(), strict=True):
            by_row[index] = row
    model.train(was_training)
    return torch.stack([row for row in by_row if row is not None])


def padded(rows: Sequence[Sequence[int]], pad: int) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask, each (B, T), padded on the right: a decoder reads its head off the last token."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


def _heads(model: Any) -> list[str]:
    """The modules above the body: `score`, `classifier`, `pre_classifier` …"""
    return [
        name
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    ]


def _in_head(model: Any, name: str) -> bool:
    return name.split(".")[0] != model.base_model_prefix


def _on_merged(causal: Any, adapter: Path, options: dict[str, Any]) -> Any:
    """A language model's adapter does not load on a model with a head: it is merged first, in float32."""
    from transformers import AutoModelForSequenceClassification

    merged = PeftModel.from_pretrained(causal.float(), str(adapter)).merge_and_unload()
    config = type(merged.config).from_dict({**merged.config.to_dict(), **options})
    headed = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    body = getattr(merged, merged.base_model_prefix)
    getattr(headed, headed.base_model_prefix).load_state_dict(body.state_dict())
    return headed


class _quiet:
    """Transformers reports that the head is new: it always is here."""

    def __init__(self, transformers: Any) -> None:
        self._logging = transformers.utils.logging

    def __enter__(self) -> None:
        self._level = self._logging.get_verbosity()
        self._logging.set_verbosity_error()

    def __exit__(self, *_: object) -> None:
        self._logging.set_verbosity(self._level)
