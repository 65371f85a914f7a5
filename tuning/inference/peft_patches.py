"""Changes to the layers of PEFT (0.19 to 0.21): rows of a batch that each have their own LoRA, or none, in one pass.

What PEFT's `adapter_names` does, with two small products and one multiplication a layer instead of an index, a
product and a scatter per adapter: the adapters stand side by side, `A` (R, in) and `B` (out, R), R the sum of their
ranks, and a mask (N, 1, R) holds each row's scale in its own adapter's places and zeros elsewhere:

    h = W0 x + B (mask * (A x))

A row without an adapter gets exactly zero added. Knows the layers of PEFT's LoRA; nothing of conversations.
`tests/tuning/inference/test_peft_patches.py` fails when these layers are made otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora.layer import Linear, LoraLayer

BASE = "__base__"


@contextmanager
def rows_of(model: Any, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Within it, row i of a batch goes through adapter `names[i]` (`__base__`: none) of the PeftModel `model`.

    Replaces the layers' `forward`. Two columns of 64 tokens of `pocket` took 2.4 s of CPU time with PEFT's
    `adapter_names`, 1.5 with this, 1.4 without any adapter (medians of five): layers of a small model take
    microseconds, and PEFT's way costs as much as the model. Can go when
    PEFT's way takes at most a tenth more than the base.

    Yields what `generate` has to be given besides: nothing, or PEFT's own `adapter_names` where a layer is not a
    plain linear one. Not for two threads at once on one model.
    """
    layers: list[Any] = [module for module in model.modules() if isinstance(module, LoraLayer)]
    if not all(type(layer) is Linear and not layer.lora_variant for layer in layers):
        yield {"adapter_names": list(names)}
        return
    try:
        for layer in layers:
            layer.forward = _forward(layer, names)
        yield {}
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)


def _forward(layer: Any, names: Sequence[str]) -> Any:
    """The layer's forward for these rows: (N, T, in) -> (N, T, out)."""
    base = layer.base_layer
    used = [name for name in dict.fromkeys(names) if name in layer.lora_A]
    if not used:
        return base.forward
    down = torch.cat([layer.lora_A[name].weight for name in used])  # (R, in)
    up = torch.cat([layer.lora_B[name].weight for name in used], dim=1).t()  # (R, out)
    mask = _mask(layer, names, used).to(down)  # (N, 1, R)
    out = up.shape[-1]

    def forward(x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        result = base(x)
        low = torch.nn.functional.linear(x.to(down.dtype), down).mul_(mask)  # (N, T, R)
        if result.dtype == up.dtype and result.is_contiguous():
            result.view(-1, out).addmm_(low.view(-1, low.shape[-1]), up)
            return result
        return result + (low @ up).to(result.dtype)

    return forward


def _mask(layer: Any, names: Sequence[str], used: Sequence[str]) -> torch.Tensor:
    """(N, 1, R): each row's scale in the places of its own adapter."""
    ranks = [layer.lora_A[name].weight.shape[0] for name in used]
    rows = [
        [
            layer.scaling[name] if name == row else 0.0
            for name, rank in zip(used, ranks, strict=True)
            for _ in range(rank)
        ]
        for row in names
    ]
    return torch.tensor(rows).unsqueeze(1)
