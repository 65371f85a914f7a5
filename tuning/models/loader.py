"""Loads base models and tokenizers, and knows the device to load them on.

Only safetensors are read, code of a model's repository never runs. Torch and transformers load when a model or a
device is needed, not before.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tuning.models import hub, lazy_imports
from tuning.models.references import Base, Device

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer


def load_tokenizer(base: Base) -> Tokenizer:
    """The tokenizer of `base`. Raises: AfinaError as `load_model`."""
    transformers = lazy_imports.transformers()
    try:
        return transformers.AutoTokenizer.from_pretrained(base.path_or_id, **hub.only_local(base))
    except (OSError, ValueError) as error:
        raise hub.why(base, error) from error


def load_model(base: Base, device: str = "cpu", dtype: str = "float32", four_bit: bool = False) -> PreTrainedModel:
    """The model of `base` on `device` ("cpu", "cuda", "mps") in `dtype` ("float32", "bfloat16", "float16").

    `four_bit`: its linear layers as NF4 with double quantisation (Dettmers et al. 2023), computing in `dtype`.
    Raises: AfinaError `models.no_network`, `models.gated`, `models.not_found`, `models.not_safetensors` or
    `models.broken`, each with the name and what to do.
    """
    import torch
    from safetensors import SafetensorError

    transformers = lazy_imports.transformers()
    model: Any
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            base.path_or_id,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            **hub.only_local(base),
            **(_four_bit(device, dtype) if four_bit else {}),
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise hub.why(base, error) from error
    if not four_bit:
        return model.to(device).eval()
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # Its fast way of answering takes some shapes only, and repacks the weights under the trainer.
            module.support_avx512bf16_for_cpu = False
    return model.eval()


def _four_bit(device: str, dtype: str) -> dict[str, Any]:
    import torch
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
    return {"quantization_config": config, "device_map": {"": device}}


@lru_cache(maxsize=1)
def device() -> Device:
    """The device to use: CUDA, else Apple's MPS, else the CPU; and the number format that pays on it."""
    import torch

    if torch.cuda.is_available():
        dtype = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        return Device("cuda", dtype, torch.cuda.get_device_name())
    if torch.backends.mps.is_available():
        return Device("mps", "float32", "Apple GPU (MPS)")
    return Device("cpu", "bfloat16" if _cpu_has_bf16() else "float32", f"CPU, {os.cpu_count()} cores")


def _cpu_has_bf16() -> bool:
    import torch

    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())
